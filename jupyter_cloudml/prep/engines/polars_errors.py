"""Errors of Polars and narwhals in our words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.errors import BadInput, CloudMLError, NotFound, PermissionDenied, Unavailable
from ..diagnose import fault_in
from ..tables import Table

_COLUMN = re.compile(
    r"unable to find column \"(?P<a>[^\"]+)\"(?:; valid columns: (?P<valid>\[.*?\]))?"
    r"|columns? were not found: \[?'?(?P<b>[^'\]]+)"
)


def polars_error(exc: Exception, code: str, tables: Sequence[Table]) -> CloudMLError | None:
    """What to raise instead of ``exc``; None when it is no error of the engine but of the cell's own code."""
    module = type(exc).__module__
    if isinstance(exc, OSError):
        return _of_system(exc, tables)
    if not module.startswith(("polars", "narwhals", "pyarrow")):
        return None
    text = str(exc)
    if "No space left on device" in text:
        return Unavailable("the disk is full", hint="free some space, or choose another --sink")
    found = _COLUMN.search(text)
    if found:
        name = found["a"] or found["b"]
        return unknown_column(name, found["valid"] or _hinted(text), code)
    return fault_in(tables) or BadInput(_first_line(text, tables), hint=_hint(text))


def unknown_column(name: str, valid: str, code: str) -> BadInput:
    """The sentence of a column that is not there, with the line of the cell that names it."""
    lines = [
        n
        for n, line in enumerate(code.splitlines(), start=1)
        if re.search(rf"\b{re.escape(name)}\b", line)
    ]
    where = f"line {lines[0]}: " if lines else ""
    return BadInput(
        f"{where}there is no column {name!r}", hint=f"columns: {valid.strip('[]')}" if valid else ""
    )


def _hinted(text: str) -> str:
    found = re.search(r"one of these columns: (\[.*?\])", text)
    return found[1] if found else ""


def _first_line(text: str, tables: Sequence[Table]) -> str:
    names = ", ".join(f"{table.name}={table.uri}" for table in tables)
    line = (text.splitlines() or ["it cannot be computed"])[0]
    is_of_data = re.search(
        r"parquet|csv|could not parse|fields|out-of-spec|Syntax at|empty", line, re.I
    )
    return f"--source {names}: {line}" if is_of_data and tables else line


def _hint(text: str) -> str:
    if "could not parse" in text:
        return "the first 10,000 rows say another type; correct the file, or write it as Parquet"
    if "more fields" in text:
        return "a line has more fields than the header"
    return "the file is damaged: write it again, or leave it out" if "parquet:" in text else ""


def _of_system(exc: OSError, tables: Sequence[Table]) -> CloudMLError:
    text = str(exc)
    if isinstance(exc, FileNotFoundError):
        return NotFound(f"a file is gone: {text}")
    if isinstance(exc, PermissionError):
        return PermissionDenied(text)
    if "No space left" in text:
        return Unavailable("the disk is full", hint="free some space, or choose another --sink")
    return fault_in(tables) or Unavailable((text.splitlines() or [type(exc).__name__])[0])
