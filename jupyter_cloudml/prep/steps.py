"""The steps that prepare columns for training, as they are asked for: `impute`, `standardise`, `one_hot`, `keep`.

A step is a value: it knows its columns and options, and nothing of any data. `fit` learns from the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.errors import BadInput

TRUSTED_TYPES = [
    *(f"jupyter_cloudml.prep.parts.{name}" for name in ("Encoded", "Filled", "Part", "Scaled")),
    *(f"jupyter_cloudml.prep.steps.{name}" for name in ("Impute", "Keep", "OneHot", "Standardise")),
    "jupyter_cloudml.prep.transformer.Preparation",
]
"""Our classes in a saved preparation: ``mlflow.sklearn.log_model(…, skops_trusted_types=prep.TRUSTED_TYPES)``."""
STRATEGIES = ("median", "mean", "mode", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Base of the steps. Without ``columns``: all that the step can take, but those that `fit` is told to ignore."""

    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Impute(Step):
    """See `impute`."""

    strategy: str = "median"
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standardise(Step):
    """See `standardise`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHot(Step):
    """See `one_hot`."""

    min_count: int = 1
    max_categories: int | None = None

    @property
    def has_other(self) -> bool:
        return self.min_count > 1 or self.max_categories is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(Step):
    """See `keep`."""


def impute(*columns: str, strategy: str = "median", value: Any = None) -> Impute:
    """Fill what is missing (null and NaN): with the median, mean or mode of the training part, or with a constant.

    The mode is the most frequent value, of equally frequent ones the least. Numbers become doubles.
    Without columns: all numbers; for the mode text too; for a constant those of its own kind.

    Raises:
        BadInput: no such strategy; ``value`` without ``strategy="constant"``, or the other way round.
    """
    if strategy not in STRATEGIES:
        raise BadInput(f"impute: strategy={strategy!r} is none of {', '.join(STRATEGIES)}")
    if (strategy == "constant") != (value is not None):
        raise BadInput("impute: a constant needs both", hint="strategy='constant', value=0")
    if not isinstance(value, str | int | float | None):
        raise BadInput(f"impute: value={value!r} is neither a number nor text")
    return Impute(columns=columns, strategy=strategy, value=value)


def standardise(*columns: str) -> Standardise:
    """Subtract the mean and divide by the standard deviation (of the population), as `StandardScaler` does.

    A column that never changes is only shifted. What is missing stays missing, and is not counted.
    Without columns: all numbers.
    """
    return Standardise(columns=columns)


def one_hot(*columns: str, min_count: int = 1, max_categories: int | None = None) -> OneHot:
    """For each value of a column a column ``COLUMN_VALUE`` of zeros and ones, in the order of the values.

    With ``min_count`` or ``max_categories`` rarer values, and any that the training part did not have, share a
    column ``COLUMN_other``; without them an unknown value is all zeros. What is missing is all zeros.
    Without columns: all text.

    Raises:
        BadInput: a number below 1.
    """
    for word, number in (("min_count", min_count), ("max_categories", max_categories)):
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if number is not None and not (is_whole and number >= 1):
            raise BadInput(f"one_hot: {word}={number!r} is not a whole number from 1")
    return OneHot(columns=columns, min_count=min_count, max_categories=max_categories)


def keep(*columns: str) -> Keep:
    """Columns that are features as they are. Without columns: all numbers that no other step takes."""
    return Keep(columns=columns)
