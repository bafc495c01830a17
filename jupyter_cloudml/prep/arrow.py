"""Frames of the notebook as Arrow tables, and back."""

from __future__ import annotations

import sys
from typing import Any

from ..core.errors import BadInput


def is_frame(value: object) -> bool:
    """Whether ``value`` is a frame that a cell may read as a table; imports nothing."""
    return any(
        (module := sys.modules.get(name)) is not None
        and isinstance(value, getattr(module, kind, ()))
        for name, kind in (
            ("pandas", "DataFrame"),
            ("polars", "DataFrame"),
            ("polars", "LazyFrame"),
            ("pyarrow", "Table"),
        )
    )


def arrow_of(value: Any) -> Any:
    """The Arrow table of a frame; a pandas index without a name does not come along.

    Raises:
        BadInput: a column that Arrow cannot hold, or two of the same name.
    """
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    if hasattr(value, "collect_schema") and hasattr(value, "collect"):
        value = value.collect()
    if hasattr(value, "to_arrow"):
        return value.to_arrow()
    has_index = any(name is not None for name in value.index.names)
    try:
        return pa.Table.from_pandas(value, preserve_index=has_index)
    except (pa.ArrowException, ValueError, TypeError) as exc:
        raise BadInput(
            f"a frame cannot become a table: {str(exc).splitlines()[0]}",
            hint="give its columns one type and a name each",
        ) from exc
