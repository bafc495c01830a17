"""What a step has learned of one column, and how it changes that column: as an expression of a lazy table, and in NumPy.

Both do the same operations on doubles in the same order, so that serving gives the very numbers that training saw.
Saved models carry these classes: NumPy is all they need where they serve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import narwhals as nw

OTHER_CATEGORY = "other"
Category = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Part:
    """One column, prepared. As it stands: the column is a feature as it is."""

    column: str
    is_number: bool = True

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns that it becomes."""
        return (self.column,)

    def expressions(self, as_number: Callable[[str], nw.Expr]) -> list[nw.Expr]:
        """The same, lazily. ``as_number`` gives a column of numbers as doubles, null for what is missing."""
        import narwhals as nw

        value = as_number(self.column) if self.is_number else nw.col(self.column).cast(nw.String)
        return [value.alias(self.column)]

    def arrays(self, values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """The same, of doubles (NaN for what is missing), or of objects where the column is text."""
        return [values]


@dataclass(frozen=True, kw_only=True)
class Filled(Part):
    """Nothing is missing any more."""

    fill: float | str

    def expressions(self, as_number: Callable[[str], nw.Expr]) -> list[nw.Expr]:
        return [Part.expressions(self, as_number)[0].fill_null(self.fill).alias(self.column)]

    def arrays(self, values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        gaps = np.isnan(values) if self.is_number else _is_none(values)
        return [np.where(gaps, self.fill, values).astype(values.dtype, copy=False)]


@dataclass(frozen=True, kw_only=True)
class Scaled(Part):
    """``(value - mean) * (1 / scale)``: a product, because Polars divides by a number so, and others do not."""

    mean: float
    scale: float

    def expressions(self, as_number: Callable[[str], nw.Expr]) -> list[nw.Expr]:
        return [((as_number(self.column) - self.mean) * (1.0 / self.scale)).alias(self.column)]

    def arrays(self, values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        return [(values - self.mean) * (1.0 / self.scale)]


@dataclass(frozen=True, kw_only=True)
class Encoded(Part):
    """A column of zeros and ones for each category, and with ``has_other`` one for every other value."""

    categories: tuple[Category, ...]
    has_other: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        words = [*self.categories, *((OTHER_CATEGORY,) if self.has_other else ())]
        return tuple(f"{self.column}_{word}" for word in words)

    def expressions(self, as_number: Callable[[str], nw.Expr]) -> list[nw.Expr]:
        import narwhals as nw

        value = Part.expressions(self, as_number)[0]
        found = [value == category for category in self.categories]
        if self.has_other:
            known = value.is_in(list(self.categories)) if self.categories else nw.lit(False)
            found.append(~value.is_null() & ~known)
        return [
            nw.when(one).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int8).alias(name)
            for one, name in zip(found, self.outputs, strict=True)
        ]

    def arrays(self, values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        other = len(self.categories) if self.has_other else -1
        missing = np.isnan(values) if self.is_number else _is_none(values)
        index = self._index
        codes = np.fromiter((index.get(v, other) for v in values.tolist()), np.int64, len(values))
        codes[missing] = -1
        return [(codes == place).astype(np.float64) for place in range(len(self.outputs))]

    @cached_property
    def _index(self) -> dict[Category, int]:
        return {category: place for place, category in enumerate(self.categories)}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_index"}


def _is_none(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.fromiter((not isinstance(value, str) for value in values.tolist()), bool, len(values))
