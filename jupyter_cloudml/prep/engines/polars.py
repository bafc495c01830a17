"""Polars, streaming: the engine of dataframe cells, and of SQL that it and DuckDB agree on."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ...core.errors import BadInput, CloudMLError
from ...core.uris import scheme_of
from ...stores.open import storage_options
from ..arrow import arrow_of
from ..formats import CSV, JSONL, PARQUET
from ..polars_sql import for_polars
from ..tables import Table
from .polars_errors import polars_error
from .port import Limits, Output, SqlCell

INFER_ROWS = 10_000
"""CSV and JSON lines: columns have the types of so many first rows, on every engine."""


class PolarsEngine:
    """See ``port.Engine``."""

    name = "polars"

    def __init__(self, limits: Limits) -> None:
        import polars

        del limits
        self.version: str = polars.__version__
        self._tables: dict[str, Table] = {}
        self._given: list[Any] = []

    def scan(self, table: Table) -> Any:
        self._tables[table.name] = table
        self._given.append(scan(table))
        return self._given[-1]

    def frame(self, name: str, value: Any) -> Any:
        del name
        import polars as pl

        self._given.append(pl.from_arrow(arrow_of(value)).lazy())
        return self._given[-1]

    def sql(self, cell: SqlCell, tables: Mapping[str, Any]) -> Any:
        import polars as pl

        lazy = pl.SQLContext(dict(tables)).execute(for_polars(cell.tree), eager=False)
        have = lazy.collect_schema()
        wanted = {name: _polars_type(kind) for name, kind in cell.types.items()}
        if list(have) != list(wanted):
            raise BadInput("SQL: Polars names the columns of this query otherwise")
        casts = [pl.col(n).cast(k) for n, k in wanted.items() if k is not None and have[n] != k]
        return lazy.with_columns(casts) if casts else lazy

    def speak(self, lazy: Any) -> Any:
        import narwhals as nw

        return nw.from_native(lazy)

    def native(self, spoken: Any) -> Any:
        return spoken.to_native()

    def collect(self, lazy: Any, limit: int | None = None) -> Any:
        frame = (lazy if limit is None else lazy.head(limit)).collect(engine="streaming")
        return frame.cast(self._counts(frame.schema))

    def write(self, outputs: Sequence[Output]) -> None:
        import polars as pl

        lazies = [
            output.lazy.cast(self._counts(output.lazy.collect_schema())) for output in outputs
        ]
        sinks = [_sink(output, lazy) for output, lazy in zip(outputs, lazies, strict=True)]
        pl.collect_all(sinks, engine="streaming")

    def _counts(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The type of columns of unsigned 32 bits where no source has such: Polars counts in them, every other engine in
        64 bits with a sign."""
        import polars as pl

        counted = {name: pl.Int64 for name, kind in schema.items() if kind == pl.UInt32}
        given = (kind for lazy in self._given for kind in lazy.collect_schema().values())
        return {} if counted and pl.UInt32 in given else counted

    @contextlib.contextmanager
    def errors(self, code: str) -> Iterator[None]:
        try:
            yield
        except CloudMLError:
            raise
        except Exception as exc:
            known = polars_error(exc, code, list(self._tables.values()))
            if known is None:
                raise
            raise known from exc

    def close(self) -> None:
        """Nothing is held open."""


def scan(table: Table) -> Any:
    """The table as a lazy frame of Polars: what other engines take the types of text files from, too."""
    import polars as pl

    if table.is_partitioned and table.format in (CSV, JSONL):
        return pl.concat([_with_partition(table, place) for place in _names(table)])
    return _scan(table.format, _names(table), table)


def _names(table: Table) -> list[str]:
    """As Polars takes them: only of JSON lines are they always patterns, and in stores regular expressions."""
    if table.format != JSONL:
        return table.places
    if scheme_of(table.files[0].uri) == "file":
        return table.patterns
    return [_itself_alone(place) for place in table.places]


def _itself_alone(place: str) -> str:
    """A pattern of Polars for one object of a store: what has no wild card is none, the others are regular expressions in
    which it has escaped nothing but dots."""
    if not re.search(r"[*?\[]", place):
        return place
    return re.sub(r"[^\w/.:% -]", lambda found: f"[\\x{{{ord(found[0]):x}}}]", place)


def _scan(kind: str, places: Sequence[str], table: Table) -> Any:
    import polars as pl

    options: dict[str, Any] = {"storage_options": storage_options(table.files[0].uri) or None}
    if options["storage_options"]:
        options["credential_provider"] = None
    parts = {"hive_partitioning": True} if table.is_partitioned else {"hive_partitioning": False}
    if kind == PARQUET:
        return pl.scan_parquet(places, glob=False, **options, **parts)
    if kind == CSV:
        return pl.scan_csv(
            places, glob=False, try_parse_dates=True, infer_schema_length=INFER_ROWS, **options
        )
    if kind == JSONL:
        return pl.scan_ndjson(places, infer_schema_length=INFER_ROWS, **options)
    return pl.scan_ipc(places, glob=False, **options, **parts)


def _with_partition(table: Table, place: str) -> Any:
    """Text files have no hive partitions in Polars: the columns come from the path."""
    import polars as pl

    values = dict(re.findall(r"(?<=/)([^/=]+)=([^/]*)(?=/)", place))
    columns = [
        pl.lit(int(value) if re.fullmatch(r"-?\d{1,18}", value) else unquote(value)).alias(name)
        for name, value in values.items()
    ]
    integers = [name for name, value in values.items() if re.fullmatch(r"-?\d{1,18}", value)]
    lazy = _scan(table.format, [place], table).with_columns(columns)
    return lazy.with_columns(pl.col(integers).cast(pl.Int64)) if integers else lazy


def _sink(output: Output, lazy: Any) -> Any:
    import polars as pl

    lazy = lazy.map_batches(output.meter.look, streamable=True, validate_output_schema=False)
    sink, target = output.sink, output.path
    where: Any = target
    if sink.partition_by:
        where = pl.PartitionBy(target, key=list(sink.partition_by), include_key=False)
    elif sink.is_folder:
        where = target / f"part-0.{sink.format}"
    options: dict[str, Any] = {"mkdir": True, "lazy": True}
    if sink.format == PARQUET:
        return lazy.sink_parquet(where, **options)
    if sink.format == CSV:
        return lazy.sink_csv(where, **options)
    if sink.format == JSONL:
        return lazy.sink_ndjson(where, **options)
    return lazy.sink_ipc(where, **options)


def _polars_type(kind: str) -> Any:
    import polars as pl

    return {
        "HUGEINT": pl.Int64,
        "BIGINT": pl.Int64,
        "INTEGER": pl.Int32,
        "DOUBLE": pl.Float64,
        "BOOLEAN": pl.Boolean,
        "VARCHAR": pl.String,
    }.get(kind)
