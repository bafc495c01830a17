"""Outputs as JSON values."""

from __future__ import annotations

import math
import numbers
from base64 import b64encode
from datetime import date, datetime, timezone
from typing import Any


def as_output(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """An nbformat output (or ``update_display_data``, ``clear_output``) of a kernel message's content."""
    output = {"output_type": kind, **clean(content)}
    if not output.get("transient"):
        output.pop("transient", None)
    return output


def clean(value: Any) -> Any:
    """``value`` as the Jupyter protocol puts it into JSON: bytes as base64, times as ISO text, NaN as text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return clean(float(value))
    return clean(list(value)) if hasattr(value, "__iter__") else str(value)
