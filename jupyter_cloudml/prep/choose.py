"""Which engine runs a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.errors import BadInput, NotInstalled
from .engines.port import Engine, Limits
from .formats import BIGQUERY
from .polars_sql import suits_polars
from .request import AUTO, SQL, PrepRequest
from .sinks import Sink
from .tables import Table

_PACKAGES = {
    "polars": ("polars", "polars"),
    "duckdb": ("duckdb", "duckdb"),
    "spark": ("pyspark", "jupyter-cloudml[spark]"),
    "bigquery": ("google.cloud.bigquery", "jupyter-cloudml[bigquery]"),
}
_NARROW = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"})
_ARITHMETIC = ("Sum", "Add", "Sub", "Mul", "Neg")


def candidates(request: PrepRequest, tree: Any, schemas: Mapping[str, Any]) -> tuple[str, ...]:
    """The engines to try, in this order. ``auto``: Polars for dataframes; for SQL Polars where it says what DuckDB says
    (`polars_sql`), else DuckDB.

    A second one is there because DuckDB forgives what Polars does not (``SELECT City`` of a column ``city``); it is
    taken when the first refuses the query's plan, never after it has begun to compute.
    """
    if request.engine != AUTO:
        return (request.engine,)
    if request.language != SQL:
        return ("polars",)
    if suits_polars(tree) and not _may_overflow(tree, schemas):
        return ("polars", "duckdb")
    return ("duckdb",)


def _may_overflow(tree: Any, schemas: Mapping[str, Any]) -> bool:
    """Polars adds narrow integers up in their own width and wraps around; DuckDB widens or raises."""
    from sqlglot import exp

    if not any(type(node).__name__ in _ARITHMETIC for node in tree.walk()):
        return False
    narrow = {
        field.name.lower()
        for schema in schemas.values()
        for field in schema
        if str(field.type) in _NARROW or str(field.type).startswith("decimal")
    }
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    return bool(narrow & used)


def opened(name: str, limits: Limits) -> Engine:
    """The engine of that name.

    Raises:
        NotInstalled: its package is missing; the hint is the pip line.
        Unavailable: it does not answer.
    """
    package, requirement = _PACKAGES[name]
    try:
        engine: Engine = _class(name)(limits)
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
