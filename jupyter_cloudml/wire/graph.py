"""The one pickle stream for everything that is not a typed leaf: cloudpickle, with the notebook's own rules.

Functions of the notebook are rebuilt with the receiving namespace as their globals; closure cells stay shared; typed
leaves are named by number at any depth; what must not travel is refused.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import inspect
import io
import linecache
import marshal
import pickle
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cloudpickle

from ..core.errors import CannotTravel
from . import caches, databases, rebuild, revive
from .autograd import Graphs
from .code import global_names
from .frames import reduce_frame
from .kinds import drops_attributes, is_array_subclass, is_loader_iterator, is_the_shell
from .leaves import LeafWriter, has_graph
from .reducers import (
    REDUCERS,
    Singletons,
    reduce_exception,
    reduce_loader_iterator,
    refine_class,
)
from .regions import RegionWriter

_IN_BAND_BELOW = 2048
_STREAMS = frozenset({"ipykernel.iostream", "jupyter_cloudml.worker.streams"})


@dataclass(kw_only=True)
class Session:
    """What the picklers of one manifest share."""

    namespace: dict[str, Any]
    leaves: LeafWriter
    portable: bool = False
    globals_read: dict[str, str] = field(default_factory=dict)
    owned_cells: set[int] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)
    singletons: Singletons = field(default_factory=Singletons)
    graphs: Graphs = field(default_factory=Graphs)


class GraphPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles the values of one manifest, many ``dump`` calls into one stream, one memo for all."""

    is_homeward = False

    def __init__(self, file: io.BytesIO, session: Session, *, private: bool = False) -> None:
        self.buffers: list[memoryview] = []
        self.session = session
        self.private = private
        self._leaves = session.leaves
        super().__init__(file, protocol=5, buffer_callback=self._keep_buffer)

    def _keep_buffer(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _IN_BAND_BELOW:
            return True
        self.buffers.append(raw)
        return False

    def reducer_override(self, obj: Any) -> Any:
        """How ``obj`` travels; called for all but the plainest built-in types."""
        kind: Any = type(obj)
        if kind is types.FunctionType:
            if obj.__globals__ is self.session.namespace:
                for name in global_names(obj.__code__):
                    self.session.globals_read.setdefault(name, obj.__qualname__)
                return self._reduce_function(obj, "")
            is_inner = "<locals>" in obj.__qualname__ or hasattr(obj, "__wrapped__")
            if is_inner and not _is_importable(obj) and _is_of_module(obj):
                return self._reduce_function(obj, obj.__globals__["__name__"])
        elif self._leaves.covers(kind):
            reduced = self._reduce_leaf(obj)
            if reduced is not None:
                return reduced
        else:
            own = _REDUCERS.get(kind)
            if own is not None:
                reduced = own(self, obj)
                if reduced is not None:
                    return reduced
            elif isinstance(obj, BaseException):
                return reduce_exception(obj)
            elif is_array_subclass(kind):
                return _reduce_array_subclass(obj)
            elif drops_attributes(kind):
                return copyreg.__newobj__, (kind,), dict(vars(obj))  # type: ignore[attr-defined]
            elif is_loader_iterator(kind):
                return reduce_loader_iterator(obj)
            elif (database := databases.kind_of(kind)) in _DATABASES:
                return _DATABASES[database](self, obj)
            elif is_the_shell(kind):
                return rebuild.the_shell, ()
            elif isinstance(obj, type):
                self._bring_name(obj)
        if stream := _stream_name(obj):
            return rebuild.standard_stream, (stream,)
        reduced = super().reducer_override(obj)
        if reduced is NotImplemented:
            if isinstance(obj, threading.Thread):
                raise CannotTravel("a thread cannot travel")
            place = None if isinstance(obj, type) else self.session.singletons.find(obj)
            return reduced if place is None else (revive.attribute, place)
        return refine_class(obj, reduced) if isinstance(obj, type) else reduced

    def _bring_name(self, kind: type) -> None:
        """A class of the notebook is found under its name there too: pickle and ``isinstance`` look there."""
        name = kind.__qualname__
        if kind.__module__ == "__main__" and self.session.namespace.get(name) is kind:
            self.session.globals_read.setdefault(name, name)

    def _reduce_leaf(self, obj: Any) -> Any:
        if self.private:
            frame = reduce_frame(obj)
            if frame is not None:
                return frame
            if type(obj).__module__.partition(".")[0] in ("pandas", "polars"):
                return None
        elif has_graph(obj):
            reduced = self.session.graphs.reduce(obj)
            if reduced is not None:
                return reduced
        number = self._leaves.add(obj, private=self.private)
        if number is None:
            return None
        attributes = getattr(obj, "__dict__", None)
        if attributes and not self.private and type(obj).__module__.startswith("torch"):
            return (
                rebuild.leaf,
                (number,),
                dict(attributes),
                None,
                None,
                rebuild.set_attributes,
            )
        return rebuild.leaf, (number,)

    def _reduce_function(self, func: types.FunctionType, module: str) -> Any:
        """``module`` is whose globals it has; empty for the notebook's."""
        session = self.session
        cells = func.__closure__
        contents: tuple[Any, ...] = ()
        if cells:
            session.owned_cells.update(map(id, cells))
            contents = tuple(map(_content, cells))
        members = {
            name: value
            for name, value in (
                ("__defaults__", func.__defaults__),
                ("__kwdefaults__", func.__kwdefaults__),
                ("__doc__", func.__doc__),
                ("__annotations__", _annotations(func)),
                ("__type_params__", getattr(func, "__type_params__", None)),
            )
            if value
        }
        members["__module__"] = func.__module__
        if func.__qualname__ != func.__code__.co_name:
            members["__qualname__"] = func.__qualname__
        state = (members, func.__dict__, contents)
        return (
            rebuild.make_function,
            (func.__code__, func.__name__, cells, module),
            state,
            None,
            None,
            rebuild.set_function,
        )

    def _reduce_code(self, code: types.CodeType) -> Any:
        source = self._source(code.co_filename) if self.session.portable else ""
        qualname = getattr(code, "co_qualname", code.co_name)
        return (
            rebuild.make_code,
            (
                rebuild.PYTHON_TAG,
                marshal.dumps(code),
                source,
                code.co_filename,
                qualname,
                code.co_firstlineno,
            ),
        )

    def _source(self, filename: str) -> str:
        sources = self.session.sources
        if filename not in sources:
            sources[filename] = "".join(linecache.getlines(filename))
        return sources[filename]

    def _reduce_cell(self, cell: types.CellType) -> Any:
        if id(cell) in self.session.owned_cells:
            return rebuild.make_cell, ()
        content = _content(cell)
        if content is rebuild.EMPTY_CELL:
            return rebuild.make_cell, ()
        return rebuild.make_cell, (), (content,), None, None, rebuild.set_cell

    def _reduce_lru_cache(self, cached: Any) -> Any:
        if _is_importable(cached):
            return None
        parameters = cached.cache_parameters()
        state = {key: value for key, value in vars(cached).items() if key != "__wrapped__"}
        args = (cached.__wrapped__, parameters["maxsize"], parameters["typed"])
        memory: Any = ([], 0, 0)
        if caches.is_of_notebook(cached, self.session.namespace):
            memory = caches.memory_of(cached)
        return rebuild.make_lru_cache, args, (state, memory), None, None, rebuild.set_lru_cache


def _reduce_array_subclass(array: Any) -> Any:
    import numpy as np

    args = (type(array), array.view(np.ndarray))
    attributes = getattr(array, "__dict__", None) or None
    return revive.array_of, args, attributes, None, None, rebuild.set_attributes


_DATABASES: dict[str, Callable[[Any, Any], Any]] = {
    "Connection": databases.reduce_connection,
    "Cursor": databases.reduce_cursor,
}
_REDUCERS: dict[type, Callable[[Any, Any], Any]] = {
    types.CodeType: GraphPickler._reduce_code,
    types.CellType: GraphPickler._reduce_cell,
    functools._lru_cache_wrapper: GraphPickler._reduce_lru_cache,
    **REDUCERS,
}


def pickle_part(session: Session, value: Any) -> tuple[bytes, list[memoryview]]:
    """A frame as its own stream: its parts are private, so that nothing else can alias them."""
    file = io.BytesIO()
    pickler = GraphPickler(file, session, private=True)
    pickler.dump(value)
    return file.getvalue(), pickler.buffers


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return rebuild.EMPTY_CELL


def _annotations(func: types.FunctionType) -> dict[str, Any]:
    try:
        return inspect.get_annotations(func)
    except NameError:
        return {}


def _stream_name(stream: Any) -> str:
    """Which of the standard streams it is, now or in the cell; empty for anything else."""
    if type(stream).__name__ == "OutStream" and type(stream).__module__ in _STREAMS:
        return str(stream.name).strip("<>")
    names = ("stdout", "stderr", "stdin")
    return next((name for name in names if getattr(sys, name) is stream), "")


def _is_of_module(func: types.FunctionType) -> bool:
    """Whether its globals are those of a module that the other end can import."""
    name = func.__globals__.get("__name__")
    if not isinstance(name, str) or name == "__main__":
        return False
    module = sys.modules.get(name)
    return module is not None and vars(module) is func.__globals__ and _has_file(module)


def _has_file(module: types.ModuleType) -> bool:
    return getattr(module, "__spec__", None) is not None


def _is_importable(obj: Any) -> bool:
    module = sys.modules.get(getattr(obj, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return False
    found: Any = module
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


class DeltaPickler(GraphPickler):
    """A pickler that names the objects which the other side knows, instead of sending them."""

    is_homeward = True

    def __init__(self, file: io.BytesIO, session: Session, known: dict[int, int]) -> None:
        self.persistent_id = lambda obj: known.get(id(obj))
        super().__init__(file, session)


class _FingerPickler(GraphPickler):
    """Writes leaves by their content, so that equal state gives equal bytes."""

    def __init__(self, file: io.BytesIO, session: Session, known: dict[int, int]) -> None:
        self.persistent_id = lambda obj: known.get(id(obj))
        super().__init__(file, session)

    def _keep_buffer(self, buffer: pickle.PickleBuffer) -> bool:  # noqa: ARG002
        return True

    def _reduce_leaf(self, obj: Any) -> Any:  # noqa: ARG002
        return None


def fingerprint(obj: Any, known: dict[int, int], namespace: dict[str, Any]) -> bytes | None:
    """A hash of the state of an object that shows it only through ``__reduce_ex__``; None when it shows none."""
    file = io.BytesIO()
    leaves = LeafWriter(regions=RegionWriter(blobs=None), part_pickler=lambda _: (b"", []))
    pickler = _FingerPickler(file, Session(namespace=namespace, leaves=leaves), known)
    try:
        reduced = obj.__reduce_ex__(5)
        if isinstance(reduced, str):
            return None
        pickler.dump(tuple(reduced[1:3]))
    except Exception:  # noqa: BLE001  a user's __reduce__ may raise anything
        return None
    return hashlib.blake2b(file.getbuffer(), digest_size=16).digest()


def content_print(value: Any, namespace: dict[str, Any]) -> bytes | None:
    """A hash of all that ``value`` holds, however its parts are shared; None where it cannot be told (a cycle)."""
    file = io.BytesIO()
    leaves = LeafWriter(regions=RegionWriter(blobs=None), part_pickler=lambda _: (b"", []))
    pickler = _FingerPickler(file, Session(namespace=namespace, leaves=leaves), {})
    pickler.fast = True
    try:
        pickler.dump(value)
    except Exception:  # noqa: BLE001  a user's __reduce__ may raise anything
        return None
    return hashlib.blake2b(file.getbuffer(), digest_size=16).digest()


def travels(value: Any) -> bool:
    """Whether a value can be pickled on its own, as far as that shows without its notebook."""
    leaves = LeafWriter(regions=RegionWriter(blobs=None), part_pickler=lambda _: (b"", []))
    try:
        _FingerPickler(io.BytesIO(), Session(namespace={}, leaves=leaves), {}).dump(value)
    except Exception:  # noqa: BLE001  a user's __reduce__ may raise anything
        return False
    return True
