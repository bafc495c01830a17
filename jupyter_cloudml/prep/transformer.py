"""`Preparation`: steps that were fitted, for lazy tables and for scikit-learn alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..core.errors import BadInput
from .columns import WrongTable, column_of, has_names, numbers, table, texts

if TYPE_CHECKING:
    from .steps import Step

_Array = np.ndarray[Any, Any]


class Preparation(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn transformer that learns from a lazy table of any engine, or from pandas or NumPy.

    ``apply(frame)`` changes a lazy table, in one pass, when its engine reads it. ``transform(X)`` gives the same numbers
    for a pandas, Polars or Arrow table or an array; it needs NumPy and scikit-learn only. Columns are found by
    name; others may be there and are not looked at.

    Args:
        steps: what `impute`, `standardise`, `one_hot` and `keep` return, in their order. None: gaps in numbers become
            the median, numbers are standardised, text is one-hot.
        ignore: columns that a step without columns does not take: the label, an id.

    Attributes:
        layers_: what was learned, in the order in which it is applied.
        features_: the columns that come out.
        feature_names_in_: the columns that go in, where they had names.
    """

    def __init__(self, steps: Sequence[Step] | None = None, ignore: Sequence[str] = ()) -> None:
        self.steps = steps
        self.ignore = ignore

    def fit(self, X: Any, y: Any = None) -> Preparation:  # noqa: N803 - scikit-learn's name
        """Learn from ``X``: the training part only. ``y`` is not looked at.

        Raises:
            BadInput: a step names a column that is not there, or that it cannot take.
        """
        from .frames import opened
        from .learning import learn
        from .steps import impute, one_hot, standardise

        del y
        if has_names(X):
            frame = opened(X)
        else:
            X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan")  # noqa: N806
            frame = opened(table(X))
        names = frame.collect_schema().names()
        steps = (impute(), standardise(), one_hot()) if self.steps is None else tuple(self.steps)
        self.layers_ = learn(frame, steps, self.ignore)
        used = {part.column for layer in self.layers_ for part in layer}
        self._inputs = [name for name in names if name in used]
        if not self._inputs:
            raise WrongTable("no column of the table is prepared", hint="name some in the steps")
        self._places = [names.index(name) for name in self._inputs]
        if has_names(X):
            self.feature_names_in_ = np.asarray(self._inputs, dtype=object)
            self.n_features_in_ = len(self._inputs)
            self._places = list(range(self.n_features_in_))
        self.features_ = [name for column in self._inputs for name in self._outputs(column)]
        return self

    def apply(self, frame: Any, *, only_features: bool = False) -> Any:
        """``frame`` with its columns prepared, as lazy as it came; other columns stay, unless ``only_features``.

        Raises:
            BadInput: a column that was learned from is not there.
        """
        import narwhals as nw

        from .frames import closed, opened
        from .learning import applied

        check_is_fitted(self)
        lazy = opened(frame)
        for layer in self.layers_:
            lazy = applied(lazy, layer)
        if only_features:
            lazy = lazy.select(nw.col(*self.features_))
        return closed(lazy, frame)

    def transform(self, X: Any) -> _Array:  # noqa: N803
        """The features of ``X``, a column each, in the order of ``get_feature_names_out``; doubles, unless text remains.

        Raises:
            WrongTable: a column is not there, or holds text where numbers were, or the other way round. A ValueError.
        """
        check_is_fitted(self)
        values = self._values(X)
        for layer in self.layers_:
            for part in layer:
                taken = values.pop(part.column)
                values.update(zip(part.outputs, part.arrays(taken), strict=True))
        found = [values[name] for name in self.features_]
        is_text = any(column.dtype == object for column in found)
        return np.column_stack([c.astype(object) for c in found] if is_text else found)

    def get_feature_names_out(self, input_features: Any = None) -> _Array:
        """The names of the columns that ``transform`` gives.

        Raises:
            ValueError: ``input_features`` are not those that the preparation learned from.
        """
        check_is_fitted(self)
        if input_features is None:
            return np.asarray(self.features_, dtype=object)
        given = list(input_features)
        known = getattr(self, "feature_names_in_", None)
        if known is not None and given != list(known):
            raise ValueError("input_features is not equal to feature_names_in_")
        if len(given) != self.n_features_in_:
            raise ValueError(
                "input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(given)}"
            )
        names = [
            given[place] + name[len(column) :]
            for place, column in zip(self._places, self._inputs, strict=True)
            for name in self._outputs(column)
        ]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _outputs(self, column: str) -> tuple[str, ...]:
        names: tuple[str, ...] = (column,)
        for layer in self.layers_:
            became = {part.column: part.outputs for part in layer}
            names = tuple(out for name in names for out in became.get(name, (name,)))
        return names

    def _values(self, X: Any) -> dict[str, _Array]:  # noqa: N803
        """The columns that the first part of each column takes: doubles, or text and None."""
        if has_names(X) and hasattr(self, "feature_names_in_"):
            found = {name: column_of(X, name) for name in self._inputs}
        else:
            X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=False)  # noqa: N806
            places = zip(self._inputs, self._places, strict=True)
            found = {name: X[:, place] for name, place in places}
        first: dict[str, bool] = {}
        for layer in self.layers_:
            for part in layer:
                first.setdefault(part.column, part.is_number)
        return {
            name: numbers(name, values) if first[name] else texts(name, values)
            for name, values in found.items()
        }


def fit(frame: Any, *steps: Step, ignore: Sequence[str] = ()) -> Preparation:
    """A `Preparation` that has learned from ``frame``: the training part. Without steps: those of `Preparation`.

    Raises:
        BadInput: a step names a column that is not there, or that it cannot take, or there is nothing to learn from.
    """
    wrong = [step for step in steps if not hasattr(step, "columns")]
    if wrong:
        hint = "steps are what impute, standardise, one_hot and keep return"
        raise BadInput(f"fit: {wrong[0]!r} is no step", hint=hint)
    return Preparation(steps or None, ignore).fit(frame)
