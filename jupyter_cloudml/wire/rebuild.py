"""What the pickle stream calls at the receiving end. Standard library only: a bare Python runs it.

Backend authors: every public function here is named inside stored bundles; keep names and arguments.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import marshal
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ..core.errors import FarSideError
from . import caches

PYTHON_TAG = f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}"
EMPTY_CELL = "jupyter_cloudml.wire:empty cell"
_receiving = threading.local()


@contextlib.contextmanager
def receiving(namespace: dict[str, Any], leaf_at: Callable[[int], Any]) -> Iterator[None]:
    """While this is open, functions get ``namespace`` as globals and leaves come from ``leaf_at``. May be nested."""
    before = getattr(_receiving, "now", None)
    _receiving.now = (namespace, leaf_at)
    try:
        yield
    finally:
        _receiving.now = before


def the_shell() -> Any:
    """The shell of this end; None where none runs."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def leaf(number: int) -> Any:
    """The typed value with this number in the manifest."""
    return _receiving.now[1](number)


def receiving_namespace() -> dict[str, Any]:
    """The notebook's namespace at this end."""
    namespace: dict[str, Any] = _receiving.now[0]
    return namespace


def make_cell() -> types.CellType:
    """An empty closure cell; ``set_function`` or ``set_cell`` fills it."""
    return types.CellType()


def set_cell(cell: types.CellType, content: tuple[Any]) -> None:
    """Fill a cell that was reached without its function."""
    (cell.cell_contents,) = content


def make_function(
    code: types.CodeType, name: str, cells: tuple[types.CellType, ...] | None, module: str
) -> types.FunctionType:
    """A function with the globals of ``module``, or of the receiving namespace where that is empty."""
    namespace = vars(importlib.import_module(module)) if module else receiving_namespace()
    return types.FunctionType(code, namespace, name, None, cells)


def set_function(
    func: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]
) -> None:
    """Give a function its attributes, then its own ``__dict__``, then the contents of its closure."""
    members, attributes, contents = state
    for name, value in members.items():
        setattr(func, name, value)
    func.__dict__.update(attributes)
    for cell, content in zip(func.__closure__ or (), contents, strict=True):
        if not (isinstance(content, str) and content == EMPTY_CELL):
            cell.cell_contents = content


def set_attributes(obj: Any, attributes: dict[str, Any]) -> None:
    """Attributes that a user hung on a typed value."""
    obj.__dict__.update(attributes)


def make_code(
    tag: str, marshalled: bytes, source: str, filename: str, qualname: str, line: int
) -> types.CodeType:
    """A code object: the byte code where the Python is the same, else the source compiled again.

    Raises:
        FarSideError: another Python, and the source did not travel or has no such function.
    """
    if tag == PYTHON_TAG:
        code: types.CodeType = marshal.loads(marshalled)  # noqa: S302
        return code
    if source:
        for found in _codes(compile_source(source, filename), ""):
            if found[0].endswith(qualname) and found[1].co_firstlineno == line:
                return found[1]
    raise FarSideError(
        f"function {qualname!r} was compiled by {tag} and cannot run on {PYTHON_TAG}",
        hint="use the same Python at both ends, or define the function in the cell that runs there",
    )


@functools.lru_cache(maxsize=64)
def compile_source(source: str, filename: str) -> types.CodeType:
    """A whole cell compiled as IPython does: top-level await is allowed."""
    import ast

    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: types.CodeType = compile(source, filename, "exec", flags=flags, dont_inherit=True)
    return code


def _codes(code: types.CodeType, scope: str) -> Iterator[tuple[str, types.CodeType]]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            qualname = scope + const.co_name
            yield qualname, const
            is_function = bool(const.co_flags & 0x1)
            yield from _codes(const, f"{qualname}.<locals>." if is_function else f"{qualname}.")


def make_lru_cache(function: Any, maxsize: int | None, typed: bool) -> Any:
    """An ``lru_cache`` around a function of the notebook; ``set_lru_cache`` gives it what it remembers."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def set_lru_cache(cached: Any, state: tuple[dict[str, Any], caches.Memory]) -> None:
    """Give an ``lru_cache`` its attributes, its entries and its counts."""
    attributes, memory = state
    cached.__dict__.update(attributes)
    if memory[0]:
        caches.remember(cached, memory)


def make_ref(target: Any) -> weakref.ref[Any]:
    """A weak reference; what it refers to lives as long as somebody there holds it."""
    return weakref.ref(target)


def make_weak_mapping(kind: type, items: list[tuple[Any, Any]]) -> Any:
    """A ``WeakKeyDictionary`` or ``WeakValueDictionary``."""
    return kind(items)


def make_linked_exception(func: Any, args: tuple[Any, ...]) -> BaseException:
    """An exception whose links follow."""
    error: BaseException = func(*args)
    return error


def set_linked_exception(error: Any, state: tuple[Any, tuple[Any, Any, bool]]) -> None:
    """Give an exception its attributes, ``__cause__``, ``__context__`` and ``__suppress_context__`` back."""
    attributes, links = state
    if hasattr(error, "__setstate__") and attributes is not None:
        error.__setstate__(attributes)
    error.__cause__, error.__context__, error.__suppress_context__ = links


def standard_stream(name: str) -> Any:
    """``sys.stdin``, ``sys.stdout`` or ``sys.stderr`` of this end."""
    return getattr(sys, name)
