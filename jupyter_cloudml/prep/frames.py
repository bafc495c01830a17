"""Lazy tables of any engine behind one face (narwhals), and the few questions that narwhals does not answer alike everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import BadInput

if TYPE_CHECKING:
    import narwhals as nw

NUMBER, TEXT, TIME, OTHER = "number", "text", "time", "other"


def opened(frame: Any) -> nw.LazyFrame[Any]:
    """``frame`` of any engine that narwhals knows, lazily. Reads nothing.

    Raises:
        BadInput: it is no table.
    """
    import narwhals as nw

    try:
        found: Any = nw.from_native(frame)
    except TypeError as exc:
        raise BadInput(
            f"a {type(frame).__name__} is no table",
            hint="give a frame of Polars, DuckDB, pandas, PyArrow, PySpark or Ibis",
        ) from exc
    lazy: nw.LazyFrame[Any] = found.lazy()
    return lazy


def closed(lazy: nw.LazyFrame[Any], like: Any) -> Any:
    """``lazy`` in the form of ``like``: narwhals to narwhals, lazy to lazy, a frame in memory to a frame in memory."""
    import narwhals as nw

    eager = nw.from_native(like, eager_only=True, pass_through=True)
    is_eager = isinstance(eager, nw.DataFrame)
    if isinstance(like, nw.LazyFrame):
        return lazy
    if isinstance(like, nw.DataFrame):
        return lazy.collect()
    native = lazy.to_native()
    is_polars = lazy.implementation is nw.Implementation.POLARS
    return native.collect() if is_eager and is_polars else native


def rows_of(*lazies: nw.LazyFrame[Any]) -> list[list[tuple[Any, ...]]]:
    """The rows of each; small answers only. Polars computes them together, in batches, so that a file is read once."""
    import narwhals as nw

    if all(lazy.implementation is nw.Implementation.POLARS for lazy in lazies):
        import polars as pl

        natives = [lazy.to_native() for lazy in lazies]
        return [frame.rows() for frame in pl.collect_all(natives, engine="streaming")]
    return [list(lazy.collect().rows()) for lazy in lazies]


def kind_of(dtype: Any) -> str:
    """Whether a column's values are numbers (or truth values), text, points in time, or something else."""
    import narwhals as nw

    if dtype.is_numeric() or dtype == nw.Boolean:
        return NUMBER
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return TEXT
    return TIME if dtype in (nw.Date, nw.Datetime) else OTHER


def is_missing(column: str, dtype: Any) -> nw.Expr:
    """True where there is no value. NaN is none: what pandas and NumPy write for it must mean the same elsewhere."""
    import narwhals as nw

    value = nw.col(column)
    return value.is_null() | value.is_nan() if dtype.is_float() else value.is_null()


def as_number(column: str, dtype: Any) -> nw.Expr:
    """A column of numbers as doubles, null where there is none."""
    import narwhals as nw

    value = nw.col(column)
    if dtype.is_float():
        value = nw.when(~value.is_nan()).then(value)
    return value.cast(nw.Float64)


def require(columns: Iterable[str], known: Sequence[str]) -> None:
    """
    Raises:
        BadInput: a column is not in the table.
    """
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(str(column), known, n=1)
            there = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            said = f"did you mean {near[0]!r}? " if near else ""
            raise BadInput(f"the table has no column {column!r}", hint=f"{said}there are: {there}")
