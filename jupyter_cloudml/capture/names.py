"""What the analysis of a cell says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNames:
    """The notebook names that one cell touches. Names of builtins are among them: a namespace may shadow them.

    ``reads`` are read before the cell has surely bound them itself, so their values are needed.
    ``may_read`` may be needed: read by a function body, and bound by the cell too; or named in the
    text of a query (``df.query("a > @x")``, ``duckdb.sql("from df")``) or of an unknown magic.
    ``binds`` and ``deletes`` are what the cell may bind and delete; what it did is for the worker to see.
    """

    reads: frozenset[str] = frozenset()
    may_read: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    must_exist: frozenset[str] = frozenset()
    """Deleted without being surely bound before: the far side needs the name (``del frame``), not its value."""
    star_imports: tuple[str, ...] = ()
    imports: frozenset[str] = frozenset()
    magics: tuple[str, ...] = ()
    is_dynamic: bool = False
    """It reaches names that its text does not show (``exec``, ``globals()``, ``%run``): capture all."""
    unpickles: bool = False
    """It loads pickles, which may need any class or function of the notebook."""
    syntax_error: str = ""
    """Why the cell is not Python; every other field is then empty."""
