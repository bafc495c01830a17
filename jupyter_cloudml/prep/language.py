"""Whether a cell is SQL or Python.

A cell that parses as Python is Python. Of the others, one that begins with SELECT, WITH or FROM (comments and opening
parentheses before it do not count) is SQL. What is left is Python with a syntax error, and is told so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from .request import PYTHON, SQL

_BEGINS = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*(select|with|from)\b", re.I | re.DOTALL)


def language_of(cell: str, transform: Callable[[str], str] | None = None) -> str:
    """``"sql"`` or ``"python"``. ``transform`` is the shell's own (magics and ``!commands`` become Python)."""
    if not _BEGINS.match(cell):
        return PYTHON
    try:
        ast.parse(transform(cell) if transform else cell)
    except (SyntaxError, ValueError):
        return SQL
    return PYTHON
