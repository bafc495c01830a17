"""How odd objects travel: exceptions, classes, files, matches, locks, views of mappings and of memory.

Each function gives what ``reducer_override`` returns for one type; None where pickle's own way is right.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import gc
import inspect
import io
import itertools
import os
import re
import stat
import sys
import threading
import types
import typing
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..core.errors import CannotTravel
from . import rebuild, revive
from .kinds import FILES

_ORDERED: OrderedDict[Any, Any] = OrderedDict()
_HEAP_TYPE = 1 << 9
_MAX_BATCHES = 1 << 20
_SET_EACH = (None, None, revive.set_each)


def _reduce_ref(_: Any, ref: Any) -> Any:
    target = ref()
    if target is None:
        raise CannotTravel("a weak reference whose object is gone cannot travel")
    return rebuild.make_ref, (target,)


def _reduce_weak_mapping(_: Any, mapping: Any) -> Any:
    args = (type(mapping), list(mapping.items()))
    if not getattr(mapping, "_dirty_len", False):
        return rebuild.make_weak_mapping, args
    return rebuild.make_weak_mapping, args, {"_dirty_len": True}, *_SET_EACH


def _reduce_weak_set(_: Any, members: Any) -> Any:
    return type(members), (list(members),)


def _reduce_proxy(pickler: Any, proxy: Any) -> Any:
    place = pickler.session.singletons.find(proxy)
    if place is not None:
        return revive.attribute, place
    return types.MappingProxyType, (gc.get_referents(proxy)[0],)


def reduce_exception(error: BaseException) -> Any:
    """An exception with its links; one whose class has its own ``__init__`` without running that again."""
    kind = type(error)
    reduced = error.__reduce_ex__(5)
    if isinstance(reduced, str) or len(reduced) > 3:
        return NotImplemented
    func, args, *state = reduced
    links = (error.__cause__, error.__context__, error.__suppress_context__)
    if func is kind and _has_own(kind, "__init__", "__new__") and not _reduces_itself(kind):
        func, args = revive.make_exception, (kind, args)
    elif not (error.__cause__ or error.__context__):
        return NotImplemented
    else:
        func, args = rebuild.make_linked_exception, (func, args)
    content = (state[0] if state else None, links)
    return func, args, content, None, None, rebuild.set_linked_exception


def _has_own(kind: type, *names: str) -> bool:
    return any(
        name in vars(base) for base in kind.__mro__ if base.__flags__ & _HEAP_TYPE for name in names
    )


def _reduces_itself(kind: type) -> bool:
    return _has_own(kind, "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__")


def refine_class(kind: type, reduced: Any) -> Any:
    """cloudpickle's way for a class of the notebook, made better: slots, qualified name, no second registration."""
    if isinstance(reduced, str) or reduced[0].__name__ != "_make_skeleton_class":
        return reduced
    _, args, state, *_ = reduced
    members, attributes = args[3], state[0]
    if "__slots__" in vars(kind) and "_fields" not in vars(kind):
        members = {**members, "__slots__": vars(kind)["__slots__"]}
        attributes = {
            name: value
            for name, value in attributes.items()
            if not isinstance(value, types.MemberDescriptorType) and name != "__slots__"
        }
    args = (*args[:3], members, *args[4:], kind.__qualname__)
    return revive.make_class, args, (attributes, state[1]), None, None, revive.fill_class


def _reduce_typevar(_: Any, variable: Any) -> Any:
    from cloudpickle import cloudpickle

    reduced = cloudpickle._typevar_reduce(variable)
    if reduced[0] is getattr:
        return reduced
    return (*reduced, {"__module__": variable.__module__}, *_SET_EACH)


def _reduce_match(_: Any, match: Any) -> Any:
    pattern, text = match.re, match.string
    for pos in (match.pos, match.start()):
        for method in ("search", "match", "fullmatch"):
            again = getattr(pattern, method)(text, pos, match.endpos)
            if again is not None and again.regs == match.regs:
                return revive.make_match, (pattern, method, text, pos, match.endpos)
    raise CannotTravel("this match of a regular expression cannot be found again")


def _reduce_keys(_: Any, view: Any) -> Any:
    return revive.mapping_view, (gc.get_referents(view)[0], "keys")


def _reduce_values(_: Any, view: Any) -> Any:
    return revive.mapping_view, (gc.get_referents(view)[0], "values")


def _reduce_items(_: Any, view: Any) -> Any:
    return revive.mapping_view, (gc.get_referents(view)[0], "items")


def _reduce_memoryview(_: Any, view: memoryview) -> Any:
    owner = view.obj
    whole = memoryview(owner)
    if not (view.c_contiguous and whole.c_contiguous and len(view.format) == 1):
        raise CannotTravel("a memoryview with gaps cannot travel")
    start = _address(view) - _address(whole)
    return revive.make_memoryview, (
        owner,
        start,
        view.nbytes,
        view.format,
        view.shape,
        view.readonly and not whole.readonly,
    )


class _PyBuffer(ctypes.Structure):
    """The beginning of CPython's ``Py_buffer``, with room for the rest."""

    _fields_ = [("buf", ctypes.c_void_p), ("rest", ctypes.c_byte * 120)]


def _address(view: memoryview) -> int:
    buffer = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), 0)
    address: int = buffer.buf or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return address


def reduce_loader_iterator(iterator: Any) -> Any:
    """What is left of ``iter(DataLoader(…))``: its batches of indices, which a generator of torch would have given.

    The iterator goes on with the same batches; torch's random state stays what it was.
    """
    state = dict(vars(iterator))
    batches = state["_sampler_iter"]
    if isinstance(batches, types.GeneratorType):
        del state["_sampler_iter"]
        if inspect.getgeneratorstate(batches) != inspect.GEN_CREATED:
            state["_sampler_iter"] = iterator._sampler_iter = _materialized(batches)
    return (
        revive.make_loader_iterator,
        (type(iterator),),
        state,
        None,
        None,
        revive.set_loader_iterator,
    )


def _materialized(batches: Any) -> Any:
    torch = sys.modules["torch"]
    random_state = torch.get_rng_state()
    found = list(itertools.islice(batches, _MAX_BATCHES))
    torch.set_rng_state(random_state)
    if len(found) == _MAX_BATCHES:
        raise CannotTravel("an iterator over very many batches cannot travel")
    return iter(found)


def _reduce_lock(_: Any, lock: Any) -> Any:
    if lock.locked():
        raise CannotTravel("a lock that is held cannot travel")
    return revive.make_lock, ("Lock",)


def _reduce_rlock(_: Any, lock: Any) -> Any:
    if lock._is_owned() or not lock.acquire(blocking=False):
        raise CannotTravel("a lock that is held cannot travel")
    lock.release()
    return revive.make_lock, ("RLock",)


def _reduce_context_var(_: Any, variable: contextvars.ContextVar[Any]) -> Any:
    outside: tuple[Any, ...] = ()
    with contextlib.suppress(LookupError):
        outside = (contextvars.Context().run(variable.get),)
    here = contextvars.copy_context()
    value = (here[variable],) if variable in here else ()
    args = (variable.name, outside)
    return revive.make_context_var, args, value, None, None, revive.set_context_var


def _reduce_file(pickler: Any, file: Any) -> Any:
    """A closed file as a closed one; one that is open for reading is opened again on the same machine."""
    for name in ("stdin", "stdout", "stderr"):
        if file is getattr(sys, name):
            return rebuild.standard_stream, (name,)
    layers, raw = _layers(file)
    if file.closed:
        return revive.closed_file, (layers, *_looks(file, raw))
    if not pickler.session.portable and raw is not None and _is_reading(file, raw):
        info = os.fstat(raw.fileno())
        try:
            place = (info.st_dev, info.st_ino, file.tell())
        except OSError:  # next() was called on it
            place = None
        if place is not None:
            return revive.open_file, (layers, *_looks(file, raw), place)
    raise CannotTravel(f"an open file ({getattr(file, 'name', file)!r}) cannot travel")


def _layers(file: Any) -> tuple[tuple[str, ...], io.FileIO | None]:
    layers: list[str] = []
    raw = file
    if isinstance(raw, io.TextIOWrapper):
        layers.append("TextIOWrapper")
        raw = raw.buffer
    if isinstance(raw, (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)):
        layers.insert(0, type(raw).__name__)
        raw = raw.raw
    return tuple(layers), raw if type(raw) is io.FileIO else None


def _looks(file: Any, raw: io.FileIO | None) -> tuple[Any, str, tuple[str, str]]:
    text = isinstance(file, io.TextIOWrapper)
    mode = getattr(file, "mode", None) or getattr(raw, "mode", "r")
    encoding = (file.encoding, file.errors or "strict") if text else ("", "")
    return getattr(raw, "name", ""), str(mode), encoding


def _is_reading(file: Any, raw: io.FileIO) -> bool:
    return (
        raw.mode == "rb"
        and isinstance(raw.name, (str, bytes))
        and file.seekable()
        and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
    )


class Singletons:
    """Objects without state that a module has as an attribute: sentinels, told apart by identity alone."""

    def __init__(self) -> None:
        self._by_kind: dict[type, dict[int, tuple[str, str]]] = {}

    def find(self, obj: Any) -> tuple[str, str] | None:
        """(module, name) under which the far side finds the very same thing."""
        kind = type(obj)
        if kind not in self._by_kind:
            self._by_kind[kind] = dict(_sentinels(kind))
        return self._by_kind[kind].get(id(obj))


def _sentinels(kind: type) -> Any:
    if kind in (object, types.MappingProxyType):
        modules = [m for m in list(sys.modules.values()) if isinstance(m, types.ModuleType)]
    elif kind.__flags__ & _HEAP_TYPE and not _reduces_itself(kind):
        modules = [m for m in (sys.modules.get(kind.__module__),) if m is not None]
    else:
        return
    for module in modules:
        if module.__name__ != "__main__" and getattr(module, "__spec__", None) is not None:
            for name, value in list(vars(module).items()):
                if type(value) is kind and not _has_state(value):
                    yield id(value), (module.__name__, name)


def _has_state(obj: Any) -> bool:
    kind = type(obj)
    if kind is types.MappingProxyType:
        return bool(obj)
    is_plain = kind.__base__ is object or kind is object
    return not is_plain or bool(getattr(obj, "__dict__", None)) or _has_own(kind, "__slots__")


REDUCERS: dict[type, Callable[[Any, Any], Any]] = {
    weakref.ref: _reduce_ref,
    weakref.WeakKeyDictionary: _reduce_weak_mapping,
    weakref.WeakValueDictionary: _reduce_weak_mapping,
    weakref.WeakSet: _reduce_weak_set,
    types.MappingProxyType: _reduce_proxy,
    typing.TypeVar: _reduce_typevar,
    re.Match: _reduce_match,
    memoryview: _reduce_memoryview,
    contextvars.ContextVar: _reduce_context_var,
    type(threading.Lock()): _reduce_lock,
    type(threading.RLock()): _reduce_rlock,
    **dict.fromkeys(FILES, _reduce_file),
    **dict.fromkeys((type({}.keys()), type(_ORDERED.keys())), _reduce_keys),
    **dict.fromkeys((type({}.values()), type(_ORDERED.values())), _reduce_values),
    **dict.fromkeys((type({}.items()), type(_ORDERED.items())), _reduce_items),
}
