"""Train, validation and test parts of a lazy table: by chance, by group, with equal shares of each class, or by time.

Which part a row falls into depends on its key and the seed alone: not on the engine, the order of the rows or the day.
More rows, or a larger ``test``, move no row from one part to another but across the one border that moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from ..core.errors import BadInput
from .columns import is_gap
from .frames import TIME, closed, is_missing, kind_of, opened, require, rows_of
from .hashing import RANGE, hash_columns, with_hash

if TYPE_CHECKING:
    import narwhals as nw

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_HASH, _BUCKET, _COUNT, _SEEN = (f"__cloudml_{word}" for word in ("hash", "bucket", "n", "seen"))
_BUCKETS = 1024
_BUCKET_SIZE = RANGE // _BUCKETS + 1
_MOST_STRATA = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The parts, each as lazy as the table that was split, and ``frame``: all rows with a column that names the part.

    ``train, test = split(…)``, or ``train, validation, test = split(…, validation=0.1)``. Writing ``frame`` with a
    partition on its column writes all parts in one pass over the source.
    """

    frame: Any
    train: Any
    validation: Any
    test: Any
    has_validation: bool

    def __iter__(self) -> Iterator[Any]:
        middle = (self.validation,) if self.has_validation else ()
        return iter((self.train, *middle, self.test))


def split(
    frame: Any,
    *,
    test: Any = 0.2,
    validation: Any = 0.0,
    key: str | Sequence[str] | None = None,
    group: str | Sequence[str] | None = None,
    stratify: str | None = None,
    time: str | None = None,
    seed: int = 0,
    name: str = "split",
) -> Split:
    """Split a table; nothing is computed now but the borders that ``stratify`` and a share by ``time`` need.

    Args:
        test, validation: shares of the rows, from 0 to 1; with ``time`` also the moment from which rows belong to it.
        key: the columns that tell one row from another. Without it all columns do: rows that are equal stay together.
        group: columns whose rows with equal values stay in one part: a customer, a patient.
        stratify: a column (up to 500 values) each of whose values has these shares, to the row. Two passes over it.
        time: a column; the newest rows are ``test``, those before them ``validation``. Rows of one moment stay
            together, rows without one are in ``train``.
        seed: another seed, another draw.
        name: the column of ``Split.frame`` that says "train", "validation" or "test".

    Raises:
        BadInput: no such column, shares that leave nothing to train on, or ways that exclude each other.
    """
    lazy = opened(frame)
    schema = lazy.collect_schema()
    if name in schema:
        raise BadInput(f"the table has a column {name!r} already", hint="give another name=")
    if time is not None:
        _alone("time", key=key, group=group, stratify=stratify)
        require([time], list(schema))
        marked, borders = lazy, _times(lazy, time, test, validation)
    else:
        shares = _shares(test, validation)
        if group is not None:
            _alone("group", key=key, stratify=stratify)
        columns = _listed(group if group is not None else key) or hash_columns(lazy)
        marked = with_hash(lazy, columns, seed=seed, name=_HASH)
        borders = _hashes(*shares) if stratify is None else _strata(marked, stratify, *shares)
    return _parts(marked, *borders, name=name, like=frame, has_validation=bool(validation))


def _parts(
    marked: nw.LazyFrame[Any],
    is_test: nw.Expr,
    is_validation: nw.Expr,
    *,
    name: str,
    like: Any,
    has_validation: bool,
) -> Split:
    import narwhals as nw

    rest = nw.when(is_validation).then(nw.lit(VALIDATION)).otherwise(nw.lit(TRAIN))
    part = nw.when(is_test).then(nw.lit(TEST)).otherwise(rest)
    known = marked.collect_schema().names()
    named = marked.with_columns(part.alias(name))
    if _HASH in known:
        named = named.drop(_HASH)

    def only(word: str) -> Any:
        return closed(named.filter(nw.col(name) == word).drop(name), like)

    return Split(
        frame=closed(named, like),
        train=only(TRAIN),
        validation=only(VALIDATION),
        test=only(TEST),
        has_validation=has_validation,
    )


def _shares(test: Any, validation: Any) -> tuple[float, float]:
    for word, share in ((TEST, test), (VALIDATION, validation)):
        is_number = isinstance(share, int | float) and not isinstance(share, bool)
        if not is_number or not 0 <= share < 1:
            raise BadInput(
                f"{word}={share!r} is no share of the rows", hint="give a number such as 0.2"
            )
    if test + validation >= 1:
        raise BadInput(f"test={test} and validation={validation} leave nothing to train on")
    return float(test), float(validation)


def _alone(word: str, **others: Any) -> None:
    given = [other for other, value in others.items() if value is not None]
    if given:
        raise BadInput(f"a split by {word} cannot have {given[0]}= too", hint="give one of them")


def _listed(columns: str | Sequence[str] | None) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns or ())


# --- borders between hashes --------------------------------------------------------------------------------------------


def _hashes(test: float, validation: float) -> tuple[nw.Expr, nw.Expr]:
    import narwhals as nw

    drawn = nw.col(_HASH)
    return drawn < round(test * RANGE), drawn < round((test + validation) * RANGE)


def _strata(
    marked: nw.LazyFrame[Any], column: str, test: float, validation: float
) -> tuple[nw.Expr, nw.Expr]:
    """For each value of ``column`` the hashes below which lie its exact shares.

    A pass counts the rows in 1,024 ranges of hashes, another reads the hashes of the ranges that a border falls into:
    a thousandth of the rows.
    """
    import narwhals as nw

    require([column], marked.collect_schema().names())
    bucket = (nw.col(_HASH) // _BUCKET_SIZE).cast(nw.Int64)
    ranged = marked.select(column, _HASH, bucket.alias(_BUCKET))
    grouped = ranged.group_by(column, _BUCKET).agg(nw.len().alias(_COUNT))
    _few_strata(marked, column)
    (counted,) = rows_of(grouped)
    counts: dict[Any, Counter[int]] = {}
    for value, place, count in counted:
        counts.setdefault(None if is_gap(value) else value, Counter())[int(place)] += int(count)
    wanted = [_places(counts, share) for share in (test, test + validation)]
    crossed = {(value, place) for found in wanted for value, (place, _) in found.items()}
    hashes = _hashes_in(ranged, column, crossed)
    borders = [
        {
            value: _border(hashes[value, place], place, count)
            for value, (place, count) in found.items()
        }
        for found in wanted
    ]
    dtype = marked.collect_schema()[column]
    return _below(column, dtype, borders[0]), _below(column, dtype, borders[1])


def _few_strata(marked: nw.LazyFrame[Any], column: str) -> None:
    (rows,) = rows_of(marked.select(column).unique().head(_MOST_STRATA + 1))
    if len(rows) > _MOST_STRATA:
        raise BadInput(
            f"stratify={column!r} has more than {_MOST_STRATA} values",
            hint="take a column of classes, or cut the numbers into ranges first",
        )


def _places(counts: dict[Any, Counter[int]], share: float) -> dict[Any, tuple[int, int]]:
    """For each stratum the range that its border falls into, and how many of the rows of that range lie below it."""
    found = {}
    for value, ranges in counts.items():
        left = round(share * sum(ranges.values()))
        for place in sorted(ranges):
            if left <= ranges[place]:
                found[value] = (place, left)
                break
            left -= ranges[place]
    return found


def _hashes_in(
    ranged: nw.LazyFrame[Any], column: str, crossed: set[tuple[Any, int]]
) -> dict[tuple[Any, int], list[int]]:
    import narwhals as nw

    found: dict[tuple[Any, int], list[int]] = {pair: [] for pair in crossed}
    by_place: dict[int, list[Any]] = {}
    for value, place in crossed:
        by_place.setdefault(place, []).append(value)
    dtype = ranged.collect_schema()[column]
    near = [
        (nw.col(_BUCKET) == p) & _is_one_of(column, dtype, by_place[p]) for p in sorted(by_place)
    ]
    (rows,) = rows_of(ranged.filter(reduce(or_, near)))
    for value, drawn, place in rows:
        pair = (None if is_gap(value) else value, int(place))
        if pair in found:
            found[pair].append(int(drawn))
    return found


def _border(hashes: list[int], place: int, count: int) -> int:
    """The hash that ``count`` of the hashes of this range lie below; equal ones stay on one side."""
    if count <= 0:
        return place * _BUCKET_SIZE
    if count >= len(hashes):
        return (place + 1) * _BUCKET_SIZE
    return sorted(hashes)[count]


def _below(column: str, dtype: Any, borders: dict[Any, int]) -> nw.Expr:
    """Whether a row's hash lies below the border of its stratum."""
    import narwhals as nw

    by_border: dict[int, list[Any]] = {}
    for value, border in borders.items():
        by_border.setdefault(border, []).append(value)
    terms = (
        _is_one_of(column, dtype, values) & (nw.col(_HASH) < border)
        for border, values in by_border.items()
    )
    return reduce(or_, terms, nw.lit(False))


def _is_one_of(column: str, dtype: Any, values: Sequence[Any]) -> nw.Expr:
    import narwhals as nw

    missing = is_missing(column, dtype)
    known = [value for value in values if value is not None]
    if not known:
        return missing
    found = ~missing & nw.col(column).is_in(known)
    return found | missing if None in values else found


# --- borders in time ---------------------------------------------------------------------------------------------------


def _times(
    lazy: nw.LazyFrame[Any], column: str, test: Any, validation: Any
) -> tuple[nw.Expr, nw.Expr]:
    import narwhals as nw

    borders: Sequence[Any]
    if isinstance(test, float) or (isinstance(validation, float) and validation):
        newest, between = _shares(test, validation or 0.0)
        borders = _moments(lazy, column, (newest, newest + between))
    else:
        first = _moment(lazy, column, "test", test)
        borders = (first, _moment(lazy, column, "validation", validation) if validation else first)
        if borders[1] > borders[0]:
            raise BadInput(f"validation={validation!r} begins after test={test!r}")
    at = nw.col(column)
    tests, validations = ((at >= b) if b is not None else nw.lit(False) for b in borders)
    return tests, validations


def _moment(lazy: nw.LazyFrame[Any], column: str, word: str, value: Any) -> Any:
    """A moment as the column has them; text is read as ISO 8601."""
    if kind_of(lazy.collect_schema()[column]) != TIME or isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        hint = "give a share such as 0.2, or a moment such as '2026-01-31'"
        raise BadInput(f"{word}={value!r} is no moment of column {column!r}", hint=hint) from exc


def _moments(lazy: nw.LazyFrame[Any], column: str, shares: Sequence[float]) -> list[Any]:
    """The first moment of each newest share; None for no rows. The engine counts the rows of each moment."""
    import narwhals as nw

    at = nw.col(column)
    moments = lazy.filter(~at.is_null()).group_by(column).agg(nw.len().alias(_COUNT))
    running = moments.with_columns(nw.col(_COUNT).cum_sum().over(order_by=column).alias(_SEEN))
    (counted,) = rows_of(moments.select(nw.col(_COUNT).sum()))
    total = int(counted[0][0] or 0)
    if not total:
        raise BadInput(f"column {column!r} has no time in any row")
    limits = [total - round(share * total) for share in shares]
    answers = rows_of(*(running.filter(nw.col(_SEEN) > n).select(at.min()) for n in limits))
    return [rows[0][0] if n < total else None for rows, n in zip(answers, limits, strict=True)]
