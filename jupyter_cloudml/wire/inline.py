"""Plain scalars as JSON, exact in type and value."""

from __future__ import annotations

import base64
import math
from typing import Any

_TEXT_BELOW = 4096
_EXACT_INT = 1 << 53


def to_inline(value: Any) -> dict[str, Any] | None:
    """A manifest entry for a scalar of exactly a built-in type; None when the value must travel otherwise."""
    kind = type(value)
    if value is None or kind is bool or (kind is str and len(value) < _TEXT_BELOW):
        return {"v": value}
    if kind is int:
        return {"v": value} if -_EXACT_INT < value < _EXACT_INT else {"int": hex(value)}
    if kind is float:
        return {"v": value} if math.isfinite(value) else {"float": repr(value)}
    if kind is bytes and len(value) < _TEXT_BELOW:
        return {"bytes": base64.b64encode(value).decode()}
    return None


def from_inline(entry: dict[str, Any]) -> Any:
    """The scalar that ``to_inline`` wrote.

    Raises:
        KeyError: the entry is no scalar.
    """
    if "int" in entry:
        return int(entry["int"], 16)
    if "float" in entry:
        return float(entry["float"])
    if "bytes" in entry:
        return base64.b64decode(entry["bytes"])
    return entry["v"]


def is_inline(entry: dict[str, Any]) -> bool:
    """Whether a manifest entry holds its value itself."""
    return not entry.keys().isdisjoint(("v", "int", "float", "bytes"))
