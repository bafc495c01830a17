"""An exception as text and data: the nbformat error output, and the frames with their local names."""

from __future__ import annotations

import linecache
import reprlib
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

MAX_FRAMES = 20
MAX_LOCALS = 20
_PACKAGE = str(Path(__file__).parent.parent)
_MACHINERY = (f"{_PACKAGE}/", "/IPython/core/", "/asyncio/")

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 120
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = 8


def frames(error: BaseException) -> list[dict[str, Any]]:
    """The innermost frames of the user's code and of the libraries that it called, outermost first, as JSON values.

    Each has ``file``, ``line``, ``function``, ``source`` and ``locals``: short texts by name. Values that cannot say
    what they are have their type instead; big arrays and tables say their shape.
    """
    found = [
        _described(frame, line)
        for frame, line in _walk(error.__traceback__)
        if not _is_machinery(frame.f_code.co_filename)
    ]
    return found[-MAX_FRAMES:]


def plain_output(
    error: BaseException, cells: dict[str, int], *, message: str | None = None
) -> dict[str, Any]:
    """An nbformat error output in the manner of IPython, made with the standard library alone.

    ``cells`` maps the file names of cells to their numbers.
    """
    name = type(error).__name__
    text = short_text(error) if message is None else message
    if isinstance(error, SyntaxError) and not isinstance(error.__traceback__, TracebackType):
        lines = _syntax_lines(error, cells)
    else:
        lines = ["-" * 75, f"{name:<42}Traceback (most recent call last)"]
        shown = [
            item
            for item in _walk(error.__traceback__)
            if not _is_machinery(item[0].f_code.co_filename)
        ]
        lines += [_frame_text(frame, line, cells) for frame, line in shown]
        lines += _notes(error, name, text)
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": lines}


def short_repr(value: Any) -> str:
    """At most about 120 characters that tell what ``value`` is; never raises."""
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    if isinstance(shape, tuple):
        return f"{kind}(shape={tuple(shape)}, dtype={getattr(value, 'dtype', '')})"
    try:
        return _repr.repr(value)
    except Exception as exc:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"<{kind}: repr raised {type(exc).__name__}>"


def short_text(error: BaseException) -> str:
    """``str(error)``; never raises."""
    try:
        return str(error)
    except Exception as exc:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<{type(error).__name__}: str raised {type(exc).__name__}>"


def unknown_names(error: BaseException | None) -> list[str]:
    """The names for want of which ``error``, or one that led to it, was raised."""
    found: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, NameError) and error.name and error.name not in found:
            found.append(error.name)
        error = error.__cause__ or error.__context__
    return found


def _walk(tb: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while tb is not None:
        yield tb.tb_frame, tb.tb_lineno
        tb = tb.tb_next


def _is_machinery(filename: str) -> bool:
    return any(part in filename for part in _MACHINERY)


def _described(frame: FrameType, line: int) -> dict[str, Any]:
    code = frame.f_code
    names = code.co_names if code.co_name == "<module>" else tuple(frame.f_locals)
    values = [(name, frame.f_locals[name]) for name in names if name in frame.f_locals]
    shown = [(n, v) for n, v in values if not n.startswith("__") and not callable(v)]
    return {
        "file": code.co_filename,
        "line": line,
        "function": code.co_name,
        "source": linecache.getline(code.co_filename, line).strip(),
        "locals": {name: short_repr(value) for name, value in shown[:MAX_LOCALS]},
    }


def _frame_text(frame: FrameType, line: int, cells: dict[str, int]) -> str:
    code = frame.f_code
    function = "" if code.co_name == "<module>" else f", in {code.co_name}"
    number = cells.get(code.co_filename)
    where = (
        f"File {code.co_filename}:{line}" if number is None else f"Cell In[{number}], line {line}"
    )
    shown = []
    for at in range(max(1, line - 2), line + 3):
        text = linecache.getline(code.co_filename, at)
        if text:
            arrow = "---->" if at == line else "     "
            shown.append(f"{arrow} {at} {text.rstrip()}")
    return "\n".join([where + function, *shown, ""])


def _notes(error: BaseException, name: str, text: str) -> list[str]:
    notes = list(getattr(error, "__notes__", []))
    cause = error.__cause__
    if cause is not None:
        notes.append(f"caused by {type(cause).__name__}: {cause}")
    return ["\n".join([f"{name}: {text}", *notes])]


def _syntax_lines(error: SyntaxError, cells: dict[str, int]) -> list[str]:
    lines = traceback.format_exception_only(type(error), error)
    number = cells.get(error.filename or "")
    if number is not None and lines:
        lines[0] = f"  Cell In[{number}], line {error.lineno}\n"
    return ["".join(lines)]
