"""Which object here is which object there, without a hook on either side.

A C ``Pickler`` numbers each object that it memoizes, and the C ``Unpickler`` numbers them in the same order. Both hand
out a copy of their memo, so equal numbers are the same object at the two ends. Typed leaves (arrays, tensors) are
numbered by their place in the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Identity:
    """Objects by their number. Holds every object alive, so that an ``id()`` cannot be taken over by another."""

    leaves: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
