"""Why a value cannot travel: the path to the culprit inside it, and the way out."""

from __future__ import annotations

import io
import threading
import types
from collections.abc import Iterator
from typing import Any

from ..core.errors import CannotTravel, CloudMLError
from .kinds import FILES
from .leaves import has_graph

_MAX_DEPTH = 12
_MAX_CHILDREN = 2000
_WAYS_OUT: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((types.GeneratorType,), "a generator", "make a list of it first: list(...)"),
    (
        (types.CoroutineType, types.AsyncGeneratorType),
        "a coroutine",
        "await it before, or create it in the cell",
    ),
    (
        (type(threading.Lock()), type(threading.RLock())),
        "a lock that is held",
        "release it, or create it in the cell",
    ),
    ((io.IOBase,), "an open file", "pass its path and open it in the cell"),
    (
        (types.FrameType, types.TracebackType),
        "a frame or traceback",
        "keep its text: traceback.format_exc()",
    ),
)
_BY_NAME = {
    "socket.socket": ("an open socket", "connect in the cell"),
    "threading.Thread": ("a thread", "start it in the cell"),
    "sqlite3.Connection": (
        "a database in the middle of a transaction",
        "commit() before, or connect in the cell",
    ),
    "sqlite3.Cursor": ("a database cursor with rows to fetch", "fetchall() before"),
    "_thread._local": ("thread-local data", "create it in the cell"),
}


def explain(value: Any, name: str, cause: BaseException) -> CannotTravel:
    """The error for the user: names the value, where inside it the culprit is, what it is and the way out."""
    path, culprit = _find(value, name, 0, set())
    what, hint = _describe(culprit, cause)
    where = f"{name!r} cannot travel" if path == name else f"{name!r} cannot travel: {path}"
    verb = ": it is" if path == name else " is"
    return CannotTravel(f"{where}{verb} {what}", hint=hint)


def _describe(culprit: Any, cause: BaseException) -> tuple[str, str]:
    known = _known(culprit)
    if known is not None:
        return known
    kind = type(culprit)
    reason = (
        cause.message if isinstance(cause, CloudMLError) else f"{type(cause).__name__}: {cause}"
    )
    article = f"a {kind.__module__}.{kind.__qualname__} that pickle refuses ({reason})"
    return article, "create it in the cell, or leave it out with -i"


def _known(culprit: Any) -> tuple[str, str] | None:
    """What it is and the way out, for what is known never to travel."""
    if isinstance(culprit, (io.BytesIO, io.StringIO)):
        return None
    for kinds, what, hint in _WAYS_OUT:
        if isinstance(culprit, kinds):
            return what, hint
    if has_graph(culprit):
        return (
            "a tensor with an autograd graph",
            "compute it in the cell that calls backward(), or pass tensor.detach()",
        )
    for base in type(culprit).__mro__:
        known = _BY_NAME.get(f"{base.__module__}.{base.__qualname__}")
        if known is not None:
            return known
    return None


def _find(value: Any, path: str, depth: int, seen: set[int]) -> tuple[str, Any]:
    """The deepest part that fails on its own."""
    seen.add(id(value))
    if depth < _MAX_DEPTH and _known(value) is None:
        for step, child in _children(value):
            if id(child) not in seen and not _travels(child):
                return _find(child, path + step, depth + 1, seen)
    return path, value


def _travels(value: Any) -> bool:
    from .graph import travels

    if isinstance(value, FILES) and not value.closed:
        return False
    return travels(value)


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        pairs = [(f"[{key!r}]", child) for key, child in value.items()]
    elif isinstance(value, (list, tuple)):
        pairs = [(f"[{number}]", child) for number, child in enumerate(value)]
    elif isinstance(value, (set, frozenset)):
        pairs = [("{…}", child) for child in value]
    else:
        pairs = []
    if isinstance(value, types.FunctionType) and value.__closure__:
        names = value.__code__.co_freevars
        for free, cell in zip(names, value.__closure__, strict=True):
            if cell != types.CellType():
                pairs.append((f".<{free}>", cell.cell_contents))
    if isinstance(value, types.MethodType):
        pairs.append((".__self__", value.__self__))
    pairs.extend((f".{name}", child) for name, child in getattr(value, "__dict__", {}).items())
    yield from pairs[:_MAX_CHILDREN]
