"""Columns of tables in memory as NumPy arrays, for serving: no engine is loaded for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import BadInput

_Array = np.ndarray[Any, Any]
_LAZY = ("collect", "fetchall", "execute")
"""What lazy tables of Polars and Spark, DuckDB and Ibis have, and tables in memory have not."""


class WrongTable(BadInput, ValueError):
    """The table that a fitted preparation was given is not like the one that it learned from."""


def has_names(table: Any) -> bool:
    """Whether it is a table with named columns (pandas, Polars, Arrow, a lazy one), and no array or list."""
    return hasattr(type(table), "columns") or hasattr(type(table), "column_names")


def table(array: _Array) -> Any:
    """An array as a table to learn from; its columns are called x0, x1, … as scikit-learn does."""
    import pandas as pd

    columns = {f"x{place}": array[:, place] for place in range(array.shape[1])}
    return pd.DataFrame(
        {
            name: texts(name, values) if _is_text(values) else numbers(name, values)
            for name, values in columns.items()
        }
    )


def column_of(table: Any, name: str) -> _Array:
    """One column of a table in memory.

    Raises:
        WrongTable: it is not there, or the table is lazy.
    """
    if any(hasattr(table, word) for word in _LAZY):
        kind = type(table).__name__
        raise WrongTable(f"transform takes a table in memory, not a {kind}", hint="apply(frame)")
    known = list(getattr(table, "column_names", None) or table.columns)
    if name not in known:
        raise WrongTable(f"the table has no column {name!r}", hint=f"there are: {known[:20]}")
    column = table[name]
    try:  # pandas, whose nullable columns say what stands for a gap
        found: _Array = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        found = np.asarray(column.to_numpy())
    return found


def numbers(name: str, values: _Array) -> _Array:
    """``values`` as doubles, NaN for what is missing.

    Raises:
        WrongTable: there is text among them.
        TypeError: there is something else that is no number.
    """
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if _is_text(values):
        raise WrongTable(f"column {name!r} has text where the preparation learned numbers")
    plain = (np.nan if is_gap(value) else float(value) for value in values.tolist())
    return np.fromiter(plain, np.float64, len(values))


def texts(name: str, values: _Array) -> _Array:
    """``values`` as an array of text, None for what is missing.

    Raises:
        WrongTable: there are numbers among them.
    """
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values.tolist()):
        if isinstance(value, str):
            found[place] = value
        elif not is_gap(value):
            raise WrongTable(f"column {name!r} has {value!r} where the preparation learned text")
    return found


def _is_text(values: _Array) -> bool:
    if values.dtype.kind in "biuf":
        return False
    return values.dtype.kind == "U" or any(isinstance(value, str) for value in values.tolist())


def is_gap(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value
