"""What the pickle stream calls for classes, exceptions and odd built-in objects. Standard library only.

Backend authors: every public function here is named inside stored bundles; keep names and arguments.
"""

from __future__ import annotations

import contextvars
import importlib
import io
import os
import sys
import threading
import types
from typing import Any

from ..core.errors import FarSideError

_HEAP_TYPE = 1 << 9


def attribute(module: str, name: str) -> Any:
    """An object that a module has under this name."""
    return getattr(importlib.import_module(module), name)


def set_each(obj: Any, attributes: dict[str, Any]) -> None:
    """Attributes one by one, for objects whose ``__dict__`` is not to be touched."""
    for name, value in attributes.items():
        setattr(obj, name, value)


def array_of(kind: type, array: Any) -> Any:
    """An instance of an ndarray subclass on the memory of a plain array."""
    return array.view(kind)


def make_exception(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An exception with these ``args``, without running an ``__init__`` that would work on them again."""
    builtin: Any = next(base for base in kind.__mro__ if not base.__flags__ & _HEAP_TYPE)
    error: BaseException = builtin.__new__(kind, *args)
    builtin.__init__(error, *args)
    return error


class _Quiet:
    """Stands before the bases of a class that is made again: nobody is told of a new subclass."""

    def __init_subclass__(cls, **_: Any) -> None:
        pass


def make_class(
    meta: type,
    name: str,
    bases: tuple[Any, ...],
    members: dict[str, Any],
    tracker_id: str | None,
    _extra: Any,
    qualname: str,
) -> type:
    """A class of the notebook, still without its members; the same class for the same ``tracker_id``.

    ``__new__`` and ``__init__`` of a notebook's metaclass and ``__init_subclass__`` of its base classes do not run
    again: what they did has travelled.
    """
    from cloudpickle import cloudpickle

    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracker_id)
    if known is not None:
        return known  # type: ignore[no-any-return]
    members = {sys.intern(key): value for key, value in members.items()}
    members["__qualname__"] = qualname
    made = _quiet_class(meta, name, bases, members) or types.new_class(
        name, bases, {"metaclass": meta}, lambda namespace: namespace.update(members)
    )
    _unfilled.add(id(made))
    return cloudpickle._lookup_class_or_track(tracker_id, made)  # type: ignore[no-any-return]


def fill_class(kind: type, state: Any) -> type:
    """Give a class that ``make_class`` made its members. One that was there before is the notebook's own: it stays."""
    from cloudpickle import cloudpickle

    if id(kind) in _unfilled:
        _unfilled.discard(id(kind))
        cloudpickle._class_setstate(kind, state)
    return kind


_unfilled: set[int] = set()


def _quiet_class(
    meta: type, name: str, bases: tuple[Any, ...], members: dict[str, Any]
) -> type | None:
    """The class where the notebook's code has a part in its making; None where it has none, or it cannot be kept out."""
    resolved = types.resolve_bases(bases)
    listens = any(_listens(base) for base in resolved)
    if is_importable(meta) and not listens:
        return None
    if resolved is not bases:
        members = {**members, "__orig_bases__": bases}
    library: Any = next(kind for kind in meta.__mro__ if is_importable(kind))
    if not listens:
        return library.__new__(meta, name, resolved, members)  # type: ignore[no-any-return]
    try:
        made: Any = library.__new__(meta, name, (_Quiet, *resolved), members)
        made.__bases__ = resolved
    except TypeError:  # their memory layouts differ
        return None
    return made  # type: ignore[no-any-return]


def _listens(base: type) -> bool:
    """Whether a class of the notebook is told of subclasses of ``base``."""
    for kind in base.__mro__:
        if "__init_subclass__" in vars(kind):
            return not is_importable(kind)
    return False


def is_importable(kind: type) -> bool:
    """Whether the class is found by its module and name, and that module is not the notebook."""
    module = sys.modules.get(kind.__module__)
    if module is None or kind.__module__ == "__main__":
        return False
    found: Any = module
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is kind


def make_match(pattern: Any, method: str, text: Any, pos: int, endpos: int) -> Any:
    """A match made again: equal patterns find equal matches."""
    return getattr(pattern, method)(text, pos, endpos)


def mapping_view(mapping: Any, which: str) -> Any:
    """``mapping.keys()``, ``.values()`` or ``.items()``; it goes on following the mapping."""
    return getattr(mapping, which)()


def make_memoryview(
    owner: Any, start: int, size: int, form: str, shape: tuple[int, ...], is_read_only: bool
) -> memoryview:
    """A view on the memory of ``owner``."""
    view: Any = memoryview(owner).cast("B")[start : start + size]
    if form != "B" or len(shape) != 1:
        view = view.cast(form, shape) if len(shape) != 1 else view.cast(form)
    return view.toreadonly() if is_read_only else view  # type: ignore[no-any-return]


def make_loader_iterator(kind: type) -> Any:
    """An iterator over a ``DataLoader``, still without its state."""
    return object.__new__(kind)


def set_loader_iterator(iterator: Any, state: dict[str, Any]) -> None:
    """Its state; one that had not begun begins anew."""
    iterator.__dict__.update(state)
    if "_sampler_iter" not in state:
        iterator._sampler_iter = iter(iterator._index_sampler)


def make_lock(kind: str) -> Any:
    """A new lock, free as the one it stands for was."""
    return threading.RLock() if kind == "RLock" else threading.Lock()


def make_context_var(name: str, default: tuple[Any, ...]) -> contextvars.ContextVar[Any]:
    """A context variable; ``set_context_var`` gives it its value in the context here."""
    if default:
        return contextvars.ContextVar(name, default=default[0])
    return contextvars.ContextVar(name)


def set_context_var(variable: contextvars.ContextVar[Any], value: tuple[Any, ...]) -> None:
    """The value in the current context; an empty tuple where it has none."""
    if value:
        variable.set(value[0])


def closed_file(layers: tuple[str, ...], name: Any, mode: str, encoding: tuple[str, str]) -> Any:
    """A closed file that looks as the one it stands for: its name, mode and encoding."""
    raw_mode = mode.replace("t", "").replace("x", "w").replace("w", "r+")
    raw = io.FileIO(os.devnull, raw_mode if "b" in raw_mode else raw_mode + "b")
    file = _wrapped(raw, layers, name, mode, encoding)
    file.close()
    return file


def open_file(
    layers: tuple[str, ...],
    name: Any,
    mode: str,
    encoding: tuple[str, str],
    place: tuple[int, int, int],
) -> Any:
    """A file that was open for reading, open again at the same place.

    Raises:
        FarSideError: there is another file, or none, under its name here.
    """
    device, inode, offset = place
    try:
        raw = io.FileIO(name, "rb")
    except OSError as exc:
        raise FarSideError(f"the open file {name!r} is not here: {exc.strerror}") from exc
    info = os.fstat(raw.fileno())
    if (info.st_dev, info.st_ino) != (device, inode):
        raw.close()
        raise FarSideError(
            f"the open file {name!r} is another one here", hint="open it in the cell"
        )
    file = _wrapped(raw, layers, name, mode, encoding)
    file.seek(offset)
    return file


def _wrapped(
    raw: io.FileIO, layers: tuple[str, ...], name: Any, mode: str, encoding: tuple[str, str]
) -> Any:
    raw.name = name
    if not layers:
        return raw
    file: Any = getattr(io, layers[0])(raw)
    if len(layers) > 1:
        file = io.TextIOWrapper(file, encoding=encoding[0], errors=encoding[1])
        file.mode = mode
    return file
