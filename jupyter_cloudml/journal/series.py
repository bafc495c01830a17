"""One metric's curve in bounded space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

MAX_POINTS = 200
_MAX_BUCKETS = (MAX_POINTS - 1) // 2
_Item = TypeVar("_Item")


@dataclass(slots=True)
class _Bucket:
    """Neighbouring points, of which the lowest and the highest are kept: a spike never vanishes from the curve."""

    count: int
    low: tuple[float, float]
    high: tuple[float, float]
    low_is_first: bool = True

    def take(self, other: _Bucket) -> None:
        """Take in the bucket that comes next."""
        low_came, high_came = other.low[1] < self.low[1], other.high[1] > self.high[1]
        if low_came and high_came:
            self.low_is_first = other.low_is_first
        elif low_came or high_came:
            self.low_is_first = high_came
        self.low = other.low if low_came else self.low
        self.high = other.high if high_came else self.high
        self.count += other.count

    def points(self) -> list[tuple[float, float]]:
        if self.low == self.high:
            return [self.low]
        return [self.low, self.high] if self.low_is_first else [self.high, self.low]


class Series:
    """Takes any number of points; ``points()`` gives at most ``MAX_POINTS`` of them, exact while there are few.

    Not-a-number and infinite values count, and are ``last`` when they came last, but are no points of the curve.
    """

    __slots__ = ("_buckets", "_width", "count", "last", "last_step", "maximum", "minimum")

    def __init__(self) -> None:
        self.count = 0
        self.last = math.nan
        self.last_step: float = 0
        self.minimum = math.inf
        self.maximum = -math.inf
        self._buckets: list[_Bucket] = []
        self._width = 1

    def add(self, step: float, value: float) -> None:
        """Add one point; points come in the order in which they were logged."""
        self.count += 1
        self.last, self.last_step = value, step
        if not math.isfinite(value):
            return
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        point = _Bucket(1, (step, value), (step, value))
        if len(self._buckets) == _MAX_BUCKETS and self._buckets[-1].count == self._width:
            self._halve()
        if self._buckets and self._buckets[-1].count < self._width:
            self._buckets[-1].take(point)
        else:
            self._buckets.append(point)

    def points(self) -> list[tuple[float, float]]:
        """``(step, value)`` in the order of logging."""
        return [point for bucket in self._buckets for point in bucket.points()]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON: a value that is no number there is the text ``nan``, ``inf`` or ``-inf``."""
        return {
            "last": finite(self.last),
            "step": self.last_step,
            "count": self.count,
            "min": finite(self.minimum),
            "max": finite(self.maximum),
            "points": self.points(),
        }

    def _halve(self) -> None:
        merged = self._buckets[::2]
        for left, right in zip(merged, self._buckets[1::2], strict=False):
            left.take(right)
        self._buckets = merged
        self._width *= 2


def finite(value: float) -> float | str:
    """``value`` where JSON can hold it, else its text."""
    return value if math.isfinite(value) else repr(float(value))


def thinned(items: Sequence[_Item], most: int, height: Callable[[_Item], float]) -> list[_Item]:
    """At most ``most`` of ``items`` in their order, the first and the last among them; of each stretch that is left
    out the lowest and the highest stay, so that no spike vanishes."""
    if len(items) <= most:
        return list(items)
    stretches = (most - 2) // 2
    inner = range(1, len(items) - 1)
    chosen = {0, len(items) - 1}
    for number in range(stretches):
        begin, end = (len(inner) * n // stretches + 1 for n in (number, number + 1))
        stretch = range(begin, end)
        if stretch:
            chosen.add(min(stretch, key=lambda index: height(items[index])))
            chosen.add(max(stretch, key=lambda index: height(items[index])))
    return [items[index] for index in sorted(chosen)]
