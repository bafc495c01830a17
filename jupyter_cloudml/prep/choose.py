"""Which engine runs a cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ..core.errors import BadInput, NotInstalled
from ..core.uris import scheme_of
from .engines.port import Engine, Limits
from .formats import BIGQUERY, PARQUET
from .grouping import are_plain, is_grouping_cell, is_grouping_query
from .polars_sql import suits_polars
from .request import AUTO, SQL, PrepRequest
from .sinks import Sink
from .sql import Judge
from .tables import Table

_PACKAGES = {
    "polars": ("polars", "polars"),
    "duckdb": ("duckdb", "duckdb"),
    "spark": ("pyspark", "jupyter-cloudml[spark]"),
    "bigquery": ("google.cloud.bigquery", "jupyter-cloudml[bigquery]"),
}
_NARROW = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"})
_ARITHMETIC = ("Sum", "Add", "Sub", "Mul", "Neg")


def candidates(
    request: PrepRequest,
    code: str,
    *,
    tables: Collection[Table],
    tree: Any = None,
    schemas: Callable[[], Mapping[str, Any]],
) -> tuple[str, ...]:
    """The engines to try, in this order. ``tree`` is a SQL cell's; ``schemas`` reads the tables' when it is asked.

    ``auto`` is DuckDB for what groups files of this machine (`grouping`), else Polars for dataframes; for SQL Polars where
    it says what DuckDB says (`polars_sql`), else DuckDB. There a second one is named because DuckDB forgives what Polars
    does not (``SELECT City`` of a column ``city``); it is taken when the first refuses the query's plan, never after it
    has begun to compute.
    """
    if request.engine != AUTO:
        return (request.engine,)
    is_sql = request.language == SQL
    may_group = is_grouping_query(tree) if is_sql else len(request.results) == 1
    may_group = may_group and not request.frames and not request.partition_by
    here = _schemas_here(request, tables) if may_group else {}
    if not is_sql:
        suits = bool(here) and is_grouping_cell(code, here, request.results[0])
        return ("duckdb" if suits else "polars",)
    if here and are_plain(here.values()):
        return ("duckdb",)
    if suits_polars(tree) and not _may_overflow(tree, schemas()):
        return ("polars", "duckdb")
    return ("duckdb",)


def _schemas_here(request: PrepRequest, tables: Collection[Table]) -> dict[str, Any]:
    """The Arrow schemas of tables of which each is plain Parquet on this machine, into nothing or Parquet; else none."""
    is_parquet = request.format in ("", PARQUET)
    if not all(is_parquet and uri.endswith(f".{PARQUET}") for uri in request.sinks.values()):
        return {}
    if not all(
        table.format == PARQUET
        and scheme_of(table.files[0].uri) == "file"
        and not table.is_partitioned
        for table in tables
    ):
        return {}
    import pyarrow.parquet as pq

    try:
        return {table.name: pq.read_schema(table.files[0].place) for table in tables}
    except (OSError, ValueError):  # ArrowInvalid is one; the engine says it better
        return {}


def _may_overflow(tree: Any, schemas: Mapping[str, Any]) -> bool:
    """Polars adds narrow integers up in their own width and wraps around; DuckDB widens or raises."""
    from sqlglot import exp

    if not any(type(node).__name__ in _ARITHMETIC for node in tree.walk()):
        return False
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    return not used.isdisjoint(_narrow(schemas))


def _narrow(schemas: Mapping[str, Any]) -> set[str]:
    """The columns, in lower case, in which Polars and DuckDB add up differently."""
    return {
        field.name.lower()
        for schema in schemas.values()
        for field in schema
        if str(field.type) in _NARROW or str(field.type).startswith("decimal")
    }


def opened(name: str, limits: Limits, judge: Judge | None = None) -> Engine:
    """The engine of that name; DuckDB takes over the connection of the ``judge``.

    Raises:
        NotInstalled: its package is missing; the hint is the pip line.
        Unavailable: it does not answer.
    """
    package, requirement = _PACKAGES[name]
    try:
        with_judge = {"judge": judge} if name == "duckdb" else {}
        engine: Engine = _class(name)(limits, **with_judge)
        return engine
    except ImportError as exc:
        if exc.name is None or not package.startswith(exc.name.partition(".")[0]):
            raise
        raise NotInstalled(
            f"engine {name!r} needs a package that is not installed there",
            hint=f"pip install '{requirement}'",
        ) from exc


def _class(name: str) -> Any:
    if name == "polars":
        from .engines.polars import PolarsEngine

        return PolarsEngine
    if name == "duckdb":
        from .engines.duckdb import DuckDBEngine

        return DuckDBEngine
    if name == "spark":
        from .engines.spark import SparkEngine

        return SparkEngine
    from .engines.bigquery import BigQueryEngine

    return BigQueryEngine


def refuse_elsewhere(name: str, tables: Iterable[Table], sinks: Iterable[Sink]) -> None:
    """BigQuery's tables are read and written by BigQuery.

    Raises:
        BadInput: another engine was asked for.
    """
    if name == "bigquery":
        return
    uris = [t.uri for t in tables if t.format == BIGQUERY] + [
        s.uri for s in sinks if s.format == BIGQUERY
    ]
    for uri in uris:
        raise BadInput(f"{uri} is a BigQuery table", hint="--engine bigquery reads and writes it")
