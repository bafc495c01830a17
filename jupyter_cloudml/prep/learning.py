"""Learning: the steps look at the training part, in as few passes as they depend on one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import BadInput
from .frames import NUMBER, TEXT, as_number, kind_of, require, rows_of
from .parts import OTHER_CATEGORY, Category, Encoded, Filled, Part, Scaled
from .steps import Impute, Keep, OneHot, Standardise, Step

if TYPE_CHECKING:
    import narwhals as nw

_MOST_CATEGORIES = 1000
_EPSILON = 2.0**-52
_VALUE, _COUNT = "__cloudml_value", "__cloudml_n"
Layer = tuple[Part, ...]


def learn(
    frame: nw.LazyFrame[Any], steps: Sequence[Step], ignore: Iterable[str]
) -> tuple[Layer, ...]:
    """What the steps learn of ``frame``, layer by layer: parts of one layer have no column in common.

    Each layer that must look at the rows is one query, whatever the number of its columns; Polars reads the source
    once for it, other engines once more for each column of categories.

    Raises:
        BadInput: a step names a column that is not there or that it cannot take, or there is nothing to learn from.
    """
    ignored, taken = set(ignore), set[str]()
    layers: list[Layer] = []
    waiting: list[tuple[Step, str]] = []
    for step in steps:
        touched = {column for _, column in waiting}
        schema = frame.collect_schema()
        columns = tuple(dict.fromkeys(step.columns)) or _fitting(
            step, schema, ignored, taken | touched
        )
        if touched & set(columns):
            layers.append(_learn_layer(frame, waiting))
            frame = applied(frame, layers[-1])
            ignored |= {name for part in layers[-1] for name in part.outputs if name != part.column}
            taken |= touched
            waiting, schema = [], frame.collect_schema()
        require(columns, list(schema))
        waiting += [(step, column) for column in columns]
    if waiting:
        layers.append(_learn_layer(frame, waiting))
    return tuple(layers)


def applied(frame: nw.LazyFrame[Any], layer: Layer) -> nw.LazyFrame[Any]:
    """``frame`` with the columns of ``layer`` changed. Lazy."""
    schema = frame.collect_schema()
    require([part.column for part in layer], list(schema))
    new = [e for part in layer for e in part.expressions(lambda c: as_number(c, schema[c]))]
    gone = [part.column for part in layer if part.column not in part.outputs]
    names = {name for part in layer for name in part.outputs if name != part.column}
    if clash := sorted(names & set(schema)):
        raise BadInput(f"one_hot would replace the column {clash[0]!r}", hint="rename it before")
    return frame.with_columns(*new).drop(*gone)


def _fitting(step: Step, schema: Any, ignored: set[str], taken: set[str]) -> tuple[str, ...]:
    """The columns of a step that names none."""
    wanted = {NUMBER}
    if isinstance(step, OneHot):
        wanted = {TEXT}
    elif isinstance(step, Impute) and step.strategy == "mode":
        wanted = {NUMBER, TEXT}
    elif isinstance(step, Impute) and isinstance(step.value, str):
        wanted = {TEXT}
    without = ignored | taken if isinstance(step, Keep) else ignored
    names = (name for name in schema if name not in without)
    return tuple(name for name in names if kind_of(schema[name]) in wanted)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One column and its step, and the queries that say what the step needs."""

    step: Step
    column: str
    is_number: bool
    figures: tuple[nw.Expr, ...] = ()
    counts: nw.LazyFrame[Any] | None = None


def _learn_layer(frame: nw.LazyFrame[Any], wanted: Sequence[tuple[Step, str]]) -> Layer:
    schema = frame.collect_schema()
    asked = [_asked(frame, step, column, schema[column]) for step, column in wanted]
    figures = [
        figure.alias(f"{place}_{i}")
        for place, one in enumerate(asked)
        for i, figure in enumerate(one.figures)
    ]
    queries = [frame.select(*figures)] if figures else []
    queries += [one.counts for one in asked if one.counts is not None]
    answers = iter(rows_of(*queries)) if queries else iter(())
    row = iter(next(answers)[0] if figures else ())
    parts = []
    for one in asked:
        values = [next(row) for _ in one.figures]
        counts = next(answers) if one.counts is not None else []
        parts.append(_part(one, values, counts))
    return tuple(parts)


def _asked(frame: nw.LazyFrame[Any], step: Step, column: str, dtype: Any) -> _Asked:
    kind = kind_of(dtype)
    is_number = kind == NUMBER
    if kind not in (NUMBER, TEXT):
        hint = "give numbers or text: derive them in the preparation before"
        raise BadInput(f"column {column!r} ({dtype}) cannot be prepared", hint=hint)
    is_mode = isinstance(step, Impute) and step.strategy == "mode"
    if isinstance(step, OneHot) or is_mode:
        most = 1 if is_mode else _MOST_CATEGORIES + 1
        return _Asked(step, column, is_number, counts=_counts(frame, column, dtype, most))
    is_constant = isinstance(step, Impute) and step.strategy == "constant"
    if isinstance(step, Standardise | Impute) and not is_number and not is_constant:
        hint = "impute text with strategy='mode' or 'constant'"
        raise BadInput(f"column {column!r} is text: it has no mean and no median", hint=hint)
    value = as_number(column, dtype) if is_number else None
    if isinstance(step, Standardise) and value is not None:
        return _Asked(step, column, True, (value.count(), value.mean(), value.std(ddof=0)))
    if isinstance(step, Impute) and value is not None and not is_constant:
        return _Asked(step, column, True, (value.count(), getattr(value, step.strategy)()))
    return _Asked(step, column, is_number)


def _counts(frame: nw.LazyFrame[Any], column: str, dtype: Any, most: int) -> nw.LazyFrame[Any]:
    """The most frequent values and their counts; of equally frequent ones the least first."""
    import narwhals as nw

    value = as_number(column, dtype) if kind_of(dtype) == NUMBER else nw.col(column).cast(nw.String)
    values = frame.select(value.alias(_VALUE)).filter(~nw.col(_VALUE).is_null())
    counted = values.group_by(_VALUE).agg(nw.len().alias(_COUNT))
    return counted.sort(_COUNT, _VALUE, descending=[True, False]).head(most)


def _part(asked: _Asked, figures: Sequence[Any], counts: Sequence[tuple[Any, ...]]) -> Part:
    step, column, is_number = asked.step, asked.column, asked.is_number
    if isinstance(step, OneHot):
        return _encoded(step, column, is_number, counts)
    if isinstance(step, Standardise):
        return _scaled(column, *figures)
    if not isinstance(step, Impute):
        return Part(column=column, is_number=is_number)
    if step.strategy == "constant":
        if isinstance(step.value, str) == is_number:
            kind = "numbers" if is_number else "text"
            raise BadInput(f"impute: value={step.value!r} does not fit column {column!r} of {kind}")
        fill: Any = float(step.value) if is_number else step.value
    elif step.strategy == "mode":
        fill = counts[0][0] if counts else None
    else:
        fill = figures[1] if figures[0] else None
    if fill is None:
        hint = "leave it out, or impute it with strategy='constant'"
        raise BadInput(f"column {column!r} has no value to learn from", hint=hint)
    if is_number:
        fill = _finite(column, float(fill))
    return Filled(column=column, is_number=is_number, fill=fill)


def _scaled(column: str, count: int, mean: float | None, deviation: float | None) -> Part:
    if not count or mean is None or deviation is None:
        raise BadInput(f"column {column!r} has no value to learn from", hint="leave it out")
    mean, deviation = _finite(column, float(mean)), _finite(column, float(deviation))
    # as scikit-learn tells rounding from variation: Chan, Golub, LeVeque 1983, equation 1.8
    rounding = count * _EPSILON * deviation**2 + (count * mean * _EPSILON) ** 2
    return Scaled(column=column, mean=mean, scale=1.0 if deviation**2 <= rounding else deviation)


def _finite(column: str, value: float) -> float:
    if not math.isfinite(value):
        raise BadInput(f"column {column!r} has infinite values", hint="filter or clip them before")
    return value


def _encoded(
    step: OneHot, column: str, is_number: bool, counts: Sequence[tuple[Any, ...]]
) -> Encoded:
    frequent = [value for value, count in counts if count >= step.min_count]
    if step.max_categories is not None:
        frequent = frequent[: step.max_categories]
    if len(frequent) > _MOST_CATEGORIES:
        hint = "give max_categories=, or leave the column out"
        raise BadInput(f"column {column!r} has more than {_MOST_CATEGORIES} values", hint=hint)
    categories = sorted(_category(value) for value in frequent)
    if step.has_other and OTHER_CATEGORY in categories:  # it is one
        categories.remove(OTHER_CATEGORY)
    return Encoded(
        column=column,
        is_number=is_number,
        categories=tuple(categories),
        has_other=step.has_other,
    )


def _category(value: Any) -> Category:
    """Whole numbers are named as such, whatever type a gap made of them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found: Category = value
    return found
