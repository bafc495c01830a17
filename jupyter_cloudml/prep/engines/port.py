"""What every engine promises. Frames that are not computed yet are its own kind, here called ``lazy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..meter import Meter
from ..sinks import Sink
from ..tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlCell:
    """A SQL cell: its ``text``, sqlglot's ``tree`` of it (None where only DuckDB understands it), and the ``types`` of
    its columns as DuckDB names them (empty where they could not be told without running it)."""

    text: str
    tree: Any
    types: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result to write: ``lazy`` into the file or folder ``path``, watched by ``meter``."""

    lazy: Any
    path: Path
    sink: Sink
    meter: Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the job may use; ``memory_mib`` 0 is no limit. ``scratch`` is a directory for what does not fit."""

    memory_mib: int
    scratch: Path


class Engine(Protocol):
    """Made for one cell, closed after it. Lazy frames are valid until then."""

    name: str
    version: str

    def scan(self, table: Table) -> Any:
        """The source as a lazy frame; reads schemas at most."""
        ...

    def frame(self, name: str, value: Any) -> Any:
        """A frame of the notebook (pandas, Polars or Arrow) as a lazy frame."""
        ...

    def sql(self, cell: SqlCell, tables: Mapping[str, Any]) -> Any:
        """The query over lazy frames by name, as a lazy frame with the types that the cell says."""
        ...

    def speak(self, lazy: Any) -> Any:
        """The lazy frame in narwhals' words, for Python cells."""
        ...

    def native(self, spoken: Any) -> Any:
        """What ``speak`` wrapped, after the cell worked on it."""
        ...

    def collect(self, lazy: Any, limit: int | None = None) -> Any:
        """Its rows, or the first ``limit``, as a Polars frame."""
        ...

    def write(self, outputs: Sequence[Output]) -> None:
        """Write every result; what they share is computed once where the engine can."""
        ...

    def errors(self, code: str) -> AbstractContextManager[None]:
        """In the block the engine's errors become those of ``core.errors``, a sentence each."""
        ...

    def close(self) -> None:
        """Let go of connections and temporary tables."""
        ...
