"""After a failure: which file of a source is at fault. Engines often say what is wrong, and not where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.errors import BadInput
from ..core.uris import scheme_of
from ..stores.open import storage_options
from .formats import ARROW, PARQUET
from .tables import Table

MAX_FILES = 2_000
"""So many files of a table are looked at; each costs a read of its footer."""


def fault_in(tables: Iterable[Table]) -> BadInput | None:
    """The first file that cannot be read, or that has other columns than the first of its table; None when all agree."""
    for table in tables:
        if table.format in (PARQUET, ARROW):
            found = _fault(table)
            if found is not None:
                return found
    return None


def refuse_mixed(table: Table) -> None:
    """Refuse a table whose files disagree, on engines that would pass over it or stumble later.

    Raises:
        BadInput: a file with other columns or types, or one that is damaged.
    """
    if table.format in (PARQUET, ARROW) and len(table.files) > 1 and not _are_alike(table):
        found = _fault(table)
        if found is not None:
            raise found


def _fault(table: Table) -> BadInput | None:
    first: dict[str, str] | None = None
    for file in table.files[:MAX_FILES]:
        try:
            columns = {name: str(kind) for name, kind in _schema(table.format, file.place).items()}
        except Exception as exc:  # noqa: BLE001 - whatever the reader says of a damaged file
            return damaged(table, file.place, exc)
        if first is None:
            first = columns
            continue
        said = _difference(first, columns)
        if said:
            return BadInput(
                f"--source {table.name}: {file.place!r} {said}, unlike {table.files[0].place!r}",
                hint="name only files of one schema, or rewrite the odd one",
            )
    return None


def damaged(table: Table, place: str, why: BaseException) -> BadInput:
    """The sentence of a file that cannot be read."""
    first = (str(why).splitlines() or [type(why).__name__])[0]
    return BadInput(
        f"--source {table.name}: {place!r} is no whole {_NAMES[table.format]} file: {first}",
        hint="write it again, or leave it out",
    )


_NAMES = {PARQUET: "Parquet", ARROW: "Arrow IPC"}


def _schema(kind: str, place: str) -> dict[str, Any]:
    import polars as pl

    options = storage_options(place) or None
    read = pl.scan_parquet if kind == PARQUET else pl.scan_ipc
    return dict(
        read(place, glob=False, hive_partitioning=False, storage_options=options).collect_schema()
    )


def _are_alike(table: Table) -> bool:
    """Whether all are Parquet files of this machine with one schema, word for word; 0.1 ms a file, and Polars not started."""
    if table.format != PARQUET or scheme_of(table.files[0].uri) != "file":
        return False
    import pyarrow.parquet as pq

    try:
        first, *others = (
            pq.read_schema(file.place).remove_metadata() for file in table.files[:MAX_FILES]
        )
    except (OSError, ValueError):
        return False
    return all(map(first.equals, others))


def _difference(first: dict[str, str], other: dict[str, str]) -> str:
    for name, kind in first.items():
        if name not in other:
            return f"has no column {name!r}"
        if other[name] != kind:
            return f"has column {name!r} as {other[name]}, not {kind}"
    extra = [name for name in other if name not in first]
    return f"has a column {extra[0]!r} more" if extra else ""
