"""Which facets the objects of a type have, worked out once per type."""

from __future__ import annotations

import array
import contextvars
import functools
import io
import re
import sys
import types
import weakref
from collections import deque
from typing import Any

from . import databases
from .caches import is_of_notebook
from .revive import is_importable

OPAQUE = "opaque"
_HEAP_TYPE = 1 << 9
_WORD = 8
_CONTENT: tuple[tuple[type, str], ...] = (
    (list, "list"),
    (dict, "dict"),
    (set, "set"),
    (deque, "deque"),
    (bytearray, "bytearray"),
    (array.array, "array"),
    (BaseException, "exception"),
)
FILES = (io.TextIOWrapper, io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_VALUES = (int, float, complex, str, bytes, tuple, frozenset)
_FROZEN_TYPES = frozenset(
    {
        type(None),
        bool,
        *_VALUES,
        range,
        slice,
        type(Ellipsis),
        type(NotImplemented),
        types.BuiltinFunctionType,
        types.ModuleType,
        types.CodeType,
        types.MappingProxyType,
        types.MethodType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.WrapperDescriptorType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.GenericAlias,
        property,
        staticmethod,
        classmethod,
        functools.partial,
        re.Pattern,
        re.Match,
        memoryview,
        weakref.ref,
    }
)
_FROZEN_MODULES = frozenset(
    {
        "datetime",
        "decimal",
        "fractions",
        "uuid",
        "pathlib",
        "zoneinfo",
        "typing",
        "pyarrow.lib",
        "functools",
        "pandas._libs.tslibs.timestamps",
        "pandas._libs.tslibs.timedeltas",
        "pandas._libs.tslibs.period",
        "pandas._libs.interval",
        "jupyter_cloudml.wire.autograd",
    }
)
_NO_REF = frozenset({int, float, complex, str, bool, tuple, frozenset, type(None)})


def can_be_referred(obj: Any) -> bool:
    """Whether a known object is named by number: plain values are cheaper sent again."""
    kind = type(obj)
    return kind not in _NO_REF and not (kind is bytes and len(obj) < 1024)


def facets_of(obj: Any, namespace: dict[str, Any]) -> tuple[str, ...]:
    """The facets that may change in ``obj``; ``("opaque",)`` where only its pickled state can tell."""
    kind = type(obj)
    if kind is types.FunctionType:
        return ("function",) if obj.__globals__ is namespace else ()
    if isinstance(obj, type):
        return () if is_importable(obj) else ("class",)
    if kind.__name__ == "ndarray" and kind.__module__ == "numpy" and obj.dtype.hasobject:
        return ("object array",)
    if is_of_notebook(obj, namespace):
        return ("cache",)
    if databases.kind_of(kind):
        return ("database",) if kind.__name__ == "Connection" else ()
    if kind.__module__.startswith("torch") and getattr(obj, "grad_fn", None) is not None:
        return ("graph",)
    found: tuple[str, ...] = _facets_of_type(kind)  # type: ignore[arg-type]
    return found


@functools.lru_cache(maxsize=4096)
def _facets_of_type(kind: Any) -> tuple[str, ...]:
    if kind in _FROZEN_TYPES or kind.__module__ in _FROZEN_MODULES:
        return ()
    if kind is types.CellType:
        return ("cell",)
    if _is_package_value(kind) or is_the_shell(kind):
        return ()
    if any(
        f"{b.__module__}.{b.__name__}" == "pandas.core.indexes.base.Index" for b in kind.__mro__
    ):
        return ("names",)
    if any(f"{b.__module__}.{b.__name__}" == "pandas.Index" for b in kind.__mro__):
        return ("names",)
    own = _own_facets(kind)
    if is_array_subclass(kind):
        return ("layout", *own)
    if kind in _WEAK:
        return ("weak mapping",)
    if kind is weakref.WeakSet:
        return ("weak set",)
    if kind in FILES:
        return ("file",)
    if kind is contextvars.ContextVar:
        return ("context variable",)
    solid = _solid_base(kind)
    for base, facet in _CONTENT:
        if issubclass(solid, base):
            return (facet, *own)
    if solid in _VALUES or (solid is object and _is_plain(kind)):
        return own
    return (OPAQUE,)


@functools.lru_cache(maxsize=4096)
def is_the_shell(kind: Any) -> bool:
    """Whether it is the class of the shell that ``get_ipython()`` returns: each end has its own."""
    return any(
        base.__module__ == "IPython.core.interactiveshell" and base.__name__ == "InteractiveShell"
        for base in kind.__mro__
    )


@functools.lru_cache(maxsize=4096)
def drops_attributes(kind: Any) -> bool:
    """Whether it is an optimizer of torch, whose own way of pickling leaves out what a scheduler put on it."""
    for base in kind.__mro__:
        if f"{base.__module__}.{base.__name__}" == "torch.optim.optimizer.Optimizer":
            return bool(kind.__getstate__ is base.__getstate__)
    return False


@functools.lru_cache(maxsize=4096)
def is_loader_iterator(kind: Any) -> bool:
    """Whether it is what ``iter(DataLoader(…))`` gives, without processes of its own."""
    home = "torch.utils.data.dataloader"
    return bool(kind.__module__ == home and kind.__name__ == "_SingleProcessDataLoaderIter")


@functools.lru_cache(maxsize=4096)
def is_array_subclass(kind: Any) -> bool:
    """Whether it is a subclass of ``numpy.ndarray`` that leaves pickling to it, or a masked array.

    Those have a pickle of their own, which makes a mask where there is none, and loses what the array shares memory with.
    """
    numpy = sys.modules.get("numpy")
    array = getattr(numpy, "ndarray", None)
    if array is None or not issubclass(kind, array) or kind in (array, numpy.memmap):  # type: ignore[union-attr]
        return False
    if kind.__module__.startswith("numpy.ma") and kind.__name__ == "MaskedArray":
        return True
    return all(
        getattr(kind, name) is getattr(array, name)
        for name in ("__reduce__", "__reduce_ex__", "__setstate__")
    )


def _is_package_value(kind: type) -> bool:
    """NumPy scalars, dtypes and ufuncs, torch dtypes and devices: values that never change."""
    package = kind.__module__.partition(".")[0]
    if package == "numpy":
        numpy = sys.modules["numpy"]
        return issubclass(kind, (numpy.generic, numpy.dtype, numpy.ufunc))
    return package == "torch" and kind.__name__ in (
        "dtype",
        "device",
        "Size",
        "memory_format",
        "layout",
    )


def _own_facets(kind: type) -> tuple[str, ...]:
    found: list[str] = []
    if kind.__dictoffset__:
        found.append("attributes")
    if any(
        isinstance(m, types.MemberDescriptorType)
        for b in _python_bases(kind)
        for m in vars(b).values()
    ):
        found.append("slots")
    return tuple(found)


def _python_bases(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if base.__flags__ & _HEAP_TYPE]


def _solid_base(kind: type) -> type:
    """The first base that builds its objects in C."""
    for base in kind.__mro__:
        if isinstance(vars(base).get("__new__"), types.BuiltinFunctionType):
            return base
    return object


def _is_plain(kind: type) -> bool:
    """Whether all that an object holds is its ``__dict__`` and its slots."""
    bases = kind.__mro__[:-1]
    if not all(base.__flags__ & _HEAP_TYPE for base in bases):
        return False
    slots = sum(isinstance(m, types.MemberDescriptorType) for b in bases for m in vars(b).values())
    return kind.__basicsize__ - object.__basicsize__ <= _WORD * (slots + 2)
