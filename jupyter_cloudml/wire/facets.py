"""What can change in place, facet by facet: how to note it, how to tell the change, how to repeat it at home.

A list has one facet (its items); an instance of a subclass of dict with slots has three. Notes are shallow: they hold
the children themselves, so that ``is`` tells a rebound child from an untouched one.
"""

from __future__ import annotations

import contextvars
import itertools
import operator
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import autograd, caches, databases

Children = Iterable[Any]
_MISSING = "jupyter_cloudml.wire:missing"


class Unpatchable(Exception):
    """The object changed in a way that cannot be repeated on another; it must be replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """``note(obj)`` → note; ``change(obj, note)`` → patch or None; ``repeat(obj, patch)``; ``children(note)``."""

    note: Callable[[Any], Any]
    change: Callable[[Any, Any], Any]
    repeat: Callable[[Any, Any], None]
    children: Callable[[Any], Children]


def _same(new: Any, old: Any) -> bool:
    return len(new) == len(old) and all(map(operator.is_, new, old))


def _items_change(new: list[Any], old: list[Any]) -> Any:
    if _same(new, old):
        return None
    if len(new) > len(old) and all(map(operator.is_, new, old)):
        return len(old), new[len(old) :]
    return 0, new


def _list_repeat(obj: list[Any], patch: tuple[int, list[Any]]) -> None:
    start, items = patch
    list.__setitem__(obj, slice(start, None), items)


def _deque_repeat(obj: deque[Any], patch: tuple[int, list[Any]]) -> None:
    start, items = patch
    if start == 0:
        obj.clear()
    obj.extend(items)


def _mapping_change(new: dict[Any, Any], old: dict[Any, Any]) -> Any:
    """(deleted keys, items to set, whether to start empty): a reordered mapping is sent whole."""
    if _same(new.values(), old.values()) and all(map(_equal_keys, new, old)):
        return None
    gone = [key for key in old if key not in new]
    kept = [key for key in old if key in new]
    if not all(map(_equal_keys, new, kept)):
        return [], list(new.items()), True
    return gone, [(k, v) for k, v in new.items() if k not in old or old[k] is not v], False


def _equal_keys(new: Any, old: Any) -> bool:
    return new is old or bool(new == old)


def _dict_repeat(obj: dict[Any, Any], patch: Any) -> None:
    kind: type[dict[Any, Any]] = OrderedDict if isinstance(obj, OrderedDict) else dict
    gone, items, is_whole = patch
    if is_whole:
        kind.clear(obj)
    for key in gone:
        kind.pop(obj, key, None)
    for key, value in items:
        kind.__setitem__(obj, key, value)


def _dict_note(obj: dict[Any, Any]) -> dict[Any, Any]:
    return dict(dict.items(obj)) if type(obj) is dict else dict(obj.items())


def _dict_children(note: dict[Any, Any]) -> Iterator[Any]:
    yield from note.keys()
    yield from note.values()


def _set_change(obj: set[Any], note: set[Any]) -> Any:
    return None if set.__eq__(obj, note) else list(obj)


def _set_repeat(obj: set[Any], patch: list[Any]) -> None:
    set.clear(obj)
    set.update(obj, patch)


def _bytes_change(obj: Any, note: bytes) -> Any:
    now = bytes(obj)
    return None if now == note else now


def _bytearray_repeat(obj: bytearray, patch: bytes) -> None:
    obj[:] = patch


def _attributes(obj: Any) -> dict[str, Any]:
    found: Any = object.__getattribute__(obj, "__dict__")
    return found if isinstance(found, dict) else {}


def _attributes_note(obj: Any) -> tuple[type, dict[str, Any]]:
    return type(obj), dict(_attributes(obj))


def _attributes_change(obj: Any, note: tuple[type, dict[str, Any]]) -> Any:
    kind, attributes = note
    patch = _mapping_change(_attributes(obj), attributes)
    new_kind = type(obj) if type(obj) is not kind else None
    return None if patch is None and new_kind is None else (new_kind, patch or ([], [], False))


def _attributes_repeat(obj: Any, patch: Any) -> None:
    kind, change = patch
    if kind is not None:
        object.__setattr__(obj, "__class__", kind)
    _dict_repeat(_attributes(obj), change)


def _slots(kind: type) -> dict[str, Any]:
    found = {}
    for base in reversed(kind.__mro__):
        for name, member in vars(base).items():
            if isinstance(member, types.MemberDescriptorType):
                found[name] = member
    return found


def _slots_note(obj: Any) -> dict[str, Any]:
    note = {}
    for name, member in _slots(type(obj)).items():
        try:
            note[name] = member.__get__(obj, type(obj))
        except AttributeError:
            note[name] = _MISSING
    return note


def _slots_change(obj: Any, note: dict[str, Any]) -> Any:
    now = _slots_note(obj)
    changed = {name: value for name, value in now.items() if value is not note.get(name, _MISSING)}
    return changed or None


def _slots_repeat(obj: Any, patch: dict[str, Any]) -> None:
    members = _slots(type(obj))
    for name, value in patch.items():
        if isinstance(value, str) and value == _MISSING:
            members[name].__delete__(obj)
        else:
            members[name].__set__(obj, value)


_OWN_OF_CLASS = frozenset({"__dict__", "__weakref__", "_abc_impl", "__abstractmethods__"})


def _class_note(obj: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(obj).items()
        if name not in _OWN_OF_CLASS and not isinstance(value, types.MemberDescriptorType)
    }


def _class_change(obj: type, note: dict[str, Any]) -> Any:
    now = _class_note(obj)
    gone = [name for name in note if name not in now]
    changed = {k: v for k, v in now.items() if k not in note or note[k] is not v}
    return (gone, changed) if gone or changed else None


def _class_repeat(obj: type, patch: Any) -> None:
    gone, changed = patch
    for name in gone:
        if name in vars(obj):
            type.__delattr__(obj, name)
    for name, value in changed.items():
        type.__setattr__(obj, name, value)


def _function_note(obj: types.FunctionType) -> tuple[Any, ...]:
    return obj.__code__, obj.__defaults__, obj.__kwdefaults__, dict(obj.__dict__)


def _function_change(obj: types.FunctionType, note: tuple[Any, ...]) -> Any:
    now = _function_note(obj)
    attributes = _mapping_change(now[3], note[3])
    if _same(now[:3], note[:3]) and attributes is None:
        return None
    return (*now[:3], attributes or ([], [], False))


def _function_repeat(obj: types.FunctionType, patch: tuple[Any, ...]) -> None:
    obj.__code__, obj.__defaults__, obj.__kwdefaults__ = patch[:3]
    _dict_repeat(obj.__dict__, patch[3])


def _cell_note(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _cell_change(cell: types.CellType, note: Any) -> Any:
    now = _cell_note(cell)
    return None if now is note else (now,)


def _cell_repeat(cell: types.CellType, patch: tuple[Any]) -> None:
    if isinstance(patch[0], str) and patch[0] == _MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = patch[0]


def _exception_note(error: BaseException) -> list[Any]:
    return [error.args, error.__cause__, error.__context__, error.__suppress_context__]


def _exception_change(error: BaseException, note: list[Any]) -> Any:
    now = _exception_note(error)
    return None if _same(now, note) else now


def _exception_repeat(error: BaseException, patch: list[Any]) -> None:
    error.args, error.__cause__, error.__context__, error.__suppress_context__ = patch


def _object_array_note(array: Any) -> tuple[tuple[int, ...], list[Any]]:
    return array.shape, list(array.ravel(order="K"))


def _object_array_change(array: Any, note: Any) -> Any:
    shape, items = note
    if array.shape != shape:
        raise Unpatchable
    now = list(array.ravel(order="K"))
    return None if _same(now, items) else (shape, list(array.ravel()))


def _object_array_repeat(array: Any, patch: Any) -> None:
    for number, item in enumerate(patch[1]):
        array.flat[number] = item


def _names_note(index: Any) -> list[Any]:
    return list(index.names)


def _names_change(index: Any, note: list[Any]) -> Any:
    now = list(index.names)
    return None if now == note else now


def _names_repeat(index: Any, patch: list[Any]) -> None:
    index.names = patch


def _array_module_change(array: Any, note: bytes) -> Any:
    now = array.tobytes()
    return None if now == note else now


def _array_module_repeat(array: Any, patch: bytes) -> None:
    del array[:]
    array.frombytes(patch)


def _layout(array: Any) -> tuple[Any, ...]:
    place: int = array.__array_interface__["data"][0]
    return place, array.shape, array.strides, array.dtype


def _layout_change(array: Any, note: tuple[Any, ...]) -> None:
    if _layout(array) != note:
        raise Unpatchable


def _weak_note(obj: Any) -> tuple[list[tuple[Any, Any]], bool | None]:
    return list(obj.items()), getattr(obj, "_dirty_len", None)


def _weak_change(obj: Any, note: tuple[list[tuple[Any, Any]], bool | None]) -> Any:
    now = _weak_note(obj)
    same = len(now[0]) == len(note[0]) and all(map(_same, now[0], note[0]))
    return None if same and now[1] is note[1] else now


def _weak_repeat(obj: Any, patch: tuple[list[tuple[Any, Any]], bool | None]) -> None:
    obj.clear()
    obj.update(patch[0])
    if patch[1] is not None:
        obj._dirty_len = patch[1]


def _weak_set_repeat(obj: Any, patch: list[Any]) -> None:
    obj.clear()
    obj.update(patch)


def _variable_note(variable: Any) -> tuple[Any, ...]:
    here = contextvars.copy_context()
    return (here[variable],) if variable in here else ()


def _variable_change(variable: Any, note: tuple[Any, ...]) -> Any:
    now = _variable_note(variable)
    return None if _same(now, note) else list(now)


def _variable_repeat(variable: Any, patch: list[Any]) -> None:
    if patch:
        variable.set(patch[0])


def _file_note(file: Any) -> tuple[bool, int | None]:
    if file.closed:
        return True, None
    try:
        return False, file.tell() if file.seekable() else None
    except OSError:  # next() was called on it
        return False, None


def _file_change(file: Any, note: tuple[bool, int | None]) -> Any:
    now = _file_note(file)
    return None if now == note else now


def _file_repeat(file: Any, patch: tuple[bool, int | None]) -> None:
    is_closed, place = patch
    if is_closed:
        file.close()
    elif place is not None:
        file.seek(place)


def _graph_note(tensor: Any) -> tuple[Any, Any, bool]:
    return tensor.grad_fn, autograd.retained_of(tensor), autograd.is_freed(tensor)


def _graph_change(tensor: Any, note: tuple[Any, Any, bool]) -> Any:
    node, retained, is_freed = _graph_note(tensor)
    if node is not note[0]:
        raise Unpatchable
    if is_freed == note[2] and (retained is None or _same(retained, note[1] or ())):
        return None
    return retained, is_freed


def _graph_repeat(tensor: Any, patch: tuple[Any, bool]) -> None:
    retained, is_freed = patch
    if retained is not None:
        autograd.set_retained(tensor, retained)
    if is_freed:
        autograd.free(tensor)


def _cache_change(cached: Any, note: caches.Memory) -> Any:
    now = caches.memory_of(cached)
    same = len(now[0]) == len(note[0]) and now[1:] == note[1:]
    if same and all(new[2] is old[2] for new, old in zip(now[0], note[0], strict=True)):
        return None
    return now


def _none(_: Any) -> Children:
    return ()


def _itself(note: Any) -> Children:
    return note if isinstance(note, (list, tuple)) else (note,)


FACETS: dict[str, Facet] = {
    "list": Facet(
        note=list.copy,
        change=lambda obj, note: _items_change(list.copy(obj), note),
        repeat=_list_repeat,
        children=_itself,
    ),
    "deque": Facet(
        note=list,
        change=lambda obj, note: None if _same(obj, note) else (0, list(obj)),
        repeat=_deque_repeat,
        children=_itself,
    ),
    "dict": Facet(
        note=_dict_note,
        change=lambda obj, note: _mapping_change(_dict_note(obj), note),
        repeat=_dict_repeat,
        children=_dict_children,
    ),
    "set": Facet(note=set, change=_set_change, repeat=_set_repeat, children=lambda note: note),
    "bytearray": Facet(note=bytes, change=_bytes_change, repeat=_bytearray_repeat, children=_none),
    "array": Facet(
        note=lambda obj: obj.tobytes(),
        change=_array_module_change,
        repeat=_array_module_repeat,
        children=_none,
    ),
    "attributes": Facet(
        note=_attributes_note,
        change=_attributes_change,
        repeat=_attributes_repeat,
        children=lambda note: note[1].values(),
    ),
    "slots": Facet(
        note=_slots_note,
        change=_slots_change,
        repeat=_slots_repeat,
        children=lambda note: note.values(),
    ),
    "class": Facet(
        note=_class_note,
        change=_class_change,
        repeat=_class_repeat,
        children=lambda note: note.values(),
    ),
    "function": Facet(
        note=_function_note,
        change=_function_change,
        repeat=_function_repeat,
        children=lambda note: (note[1] or (), note[2] or (), *note[3].values()),
    ),
    "cell": Facet(
        note=_cell_note, change=_cell_change, repeat=_cell_repeat, children=lambda note: (note,)
    ),
    "exception": Facet(
        note=_exception_note,
        change=_exception_change,
        repeat=_exception_repeat,
        children=_itself,
    ),
    "object array": Facet(
        note=_object_array_note,
        change=_object_array_change,
        repeat=_object_array_repeat,
        children=lambda note: note[1],
    ),
    "layout": Facet(note=_layout, change=_layout_change, repeat=lambda _, __: None, children=_none),
    "file": Facet(note=_file_note, change=_file_change, repeat=_file_repeat, children=_none),
    "weak mapping": Facet(
        note=_weak_note,
        change=_weak_change,
        repeat=_weak_repeat,
        children=lambda note: itertools.chain.from_iterable(note[0]),
    ),
    "weak set": Facet(
        note=list,
        change=lambda obj, note: None if set(obj) == set(note) else list(obj),
        repeat=_weak_set_repeat,
        children=_itself,
    ),
    "context variable": Facet(
        note=_variable_note,
        change=_variable_change,
        repeat=_variable_repeat,
        children=_itself,
    ),
    "graph": Facet(
        note=_graph_note, change=_graph_change, repeat=_graph_repeat, children=lambda _: ()
    ),
    "cache": Facet(
        note=caches.memory_of,
        change=_cache_change,
        repeat=caches.remember,
        children=lambda note: (part for call in note[0] for part in (*call[0], call[2])),
    ),
    "database": Facet(
        note=databases.note,
        change=lambda obj, note: None if (now := databases.note(obj)) == note else (now,),
        repeat=databases.repeat,
        children=_none,
    ),
    "names": Facet(note=_names_note, change=_names_change, repeat=_names_repeat, children=_none),
}
