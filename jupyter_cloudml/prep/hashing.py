"""A hash of rows that every engine computes alike, today and next year: which part of a split a row falls into.

Engines' own hashes differ between engines and releases. This one is integer arithmetic below 2**63, which Polars,
DuckDB, Spark and pandas all do exactly: the key's numbers are reduced modulo two primes, multiplied by coefficients that
the seed gives and summed modulo a prime (multilinear hashing, universal: Carter and Wegman 1979), then cubed twice
modulo that prime (cubing permutes the residues of a prime p = 2 mod 3: the round of MiMC, Albrecht et al. 2016), so that
neighbours are strewn. Text enters as the first 15 hexadecimal digits of its MD5, which SQL engines have built in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from ..core.errors import BadInput
from .frames import NUMBER, TEXT, TIME, is_missing, kind_of, require

if TYPE_CHECKING:
    import narwhals as nw

RANGE = 2_147_483_579
"""Hashes are whole numbers from 0 up to, and without, this prime."""
_OTHER_PRIME = 2_147_483_549
_DIGITS = 15
_ROUNDS = 2
_COEFFICIENTS = 2**29  # four terms of less than 2**60 each
_LARGEST = 2.0**62
_FRACTION = 2.0**31
_NO_TEXT = "\ue000 no text"
_TEXT = "__cloudml_text_{}"
_PLAIN = "__cloudml_plain_{}"
_WORK = "__cloudml_{}"


def with_hash(
    frame: nw.LazyFrame[Any], columns: Sequence[str], *, seed: int, name: str
) -> nw.LazyFrame[Any]:
    """``frame`` and a column ``name`` of hashes of ``columns``, of one table order and seed always the same. Lazy.

    Whole numbers count in full, fractions by 31 binary places, missing values as themselves.

    Raises:
        BadInput: no such column, or one whose values have no place in a key (lists, structs, bytes).
    """
    import narwhals as nw

    schema = frame.collect_schema()
    require(columns, list(schema))
    texts = [column for column in columns if kind_of(schema[column]) == TEXT]
    named = {column: _TEXT.format(i) for i, column in enumerate(texts)}
    work = with_text_numbers(frame, named) if named else frame
    numbers = [column for column in columns if kind_of(schema[column]) == NUMBER]
    plain = {column: _PLAIN.format(i) for i, column in enumerate(numbers)}
    if frame.implementation.is_pandas_like() and plain:
        work, named = _plain(work, plain), {**named, **plain}
    schema = work.collect_schema()
    sums = [
        _reduced(_numbers(named.get(c, c), schema[named.get(c, c)]), seed, place)
        for place, c in enumerate(columns)
    ]
    total = sums[0] if len(sums) == 1 else reduce(add, sums) % RANGE
    # a column of its own for each step: an expression that names its operand twice doubles with each round
    steps = [_WORK.format(i) for i in range(_ROUNDS)]
    work = work.with_columns(total.alias(steps[0]))
    for i, (before, after) in enumerate(zip(steps, [*steps[1:], name], strict=True)):
        value = nw.col(before)
        cubed = (value * value % RANGE * value + _coefficient(seed, "round", i)) % RANGE
        work = work.with_columns(cubed.alias(after))
    return work.drop(*steps, *named.values())


def hash_columns(frame: nw.LazyFrame[Any]) -> list[str]:
    """The columns that stand for a whole row, whatever their order in the table."""
    schema = frame.collect_schema()
    return sorted(c for c in schema if kind_of(schema[c]) in (NUMBER, TEXT, TIME))


def _reduced(parts: Sequence[nw.Expr], seed: int, place: int) -> nw.Expr:
    """The parts of one column's value, each below 2**31, as one residue. No product or sum reaches 2**63."""
    terms = [part * _coefficient(seed, place, i) for i, part in enumerate(parts)]
    return reduce(add, terms) % RANGE


def _coefficient(seed: int, *where: object) -> int:
    digest = hashlib.blake2b(repr((seed, *where)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (_COEFFICIENTS - 1) + 1


def _numbers(column: str, dtype: Any) -> list[nw.Expr]:
    """A column's value as whole numbers from 0 to ``RANGE``."""
    import narwhals as nw

    kind = kind_of(dtype)
    missing = is_missing(column, dtype)
    if kind == TIME:
        return [*_residues(_moment(column, dtype, missing)), missing.cast(nw.Int64)]
    if kind != NUMBER:
        raise BadInput(
            f"column {column!r} ({dtype}) cannot decide a split",
            hint="name columns of numbers, text or times that do",
        )
    nothing = nw.lit(False) if dtype == nw.Boolean else nw.lit(0)
    value = nw.when(missing).then(nothing).otherwise(nw.col(column))
    if dtype.is_integer() or dtype == nw.Boolean:
        if dtype != nw.UInt64:
            value = value.cast(nw.Int64)
        negative = value < 0
        whole = (
            nw.when(negative).then(-(value + 1)).otherwise(value) if dtype != nw.UInt64 else value
        )
        return [*_residues(whole), negative.cast(nw.Int64) + 2 * missing.cast(nw.Int64)]
    value = value.cast(nw.Float64)
    negative = value < 0
    size = value.abs()
    size = nw.when(size < _LARGEST).then(size).otherwise(nw.lit(_LARGEST))
    floor = size.floor()
    fraction = ((size - floor) * _FRACTION).floor().cast(nw.Int64)
    whole = floor.cast(nw.Int64)
    # a negative whole number hashes as the same integer does: pandas keeps integers with gaps as doubles
    whole = nw.when(negative & (fraction == 0)).then(whole - 1).otherwise(whole)
    sign = negative.cast(nw.Int64) + 2 * missing.cast(nw.Int64)
    return [*_residues(whole), sign, fraction % RANGE]


def _residues(whole: nw.Expr) -> tuple[nw.Expr, nw.Expr]:
    import narwhals as nw

    first, second = whole % RANGE, whole % _OTHER_PRIME
    return first.cast(nw.Int64), second.cast(nw.Int64)


def _moment(column: str, dtype: Any, missing: nw.Expr) -> nw.Expr:
    """A point in time as one whole number, from its calendar fields: engines count from different beginnings."""
    import narwhals as nw

    def part(read: Any) -> nw.Expr:
        return nw.when(missing).then(nw.lit(0)).otherwise(read).cast(nw.Int64)

    at = nw.col(column)
    total = (part(at.dt.year()) * 16 + part(at.dt.month())) * 32 + part(at.dt.day())
    if dtype == nw.Date:
        return total * (32 * 64 * 64 * 1_000_000)
    for size, read in ((32, at.dt.hour()), (64, at.dt.minute()), (64, at.dt.second())):
        total = total * size + part(read)
    return total * 1_000_000 + part(at.dt.microsecond())


# --- text, by each engine's own means ----------------------------------------------------------------------------------


def with_text_numbers(frame: nw.LazyFrame[Any], columns: dict[str, str]) -> nw.LazyFrame[Any]:
    """``frame``, and for each column (key) the number that stands for its text under a new name (value). Never null.

    Raises:
        BadInput: the engine has no MD5.
    """
    import narwhals as nw

    engine, kinds = frame.implementation, nw.Implementation
    texts = (nw.col(c).cast(nw.String).fill_null(_NO_TEXT).alias(n) for c, n in columns.items())
    frame = frame.with_columns(*texts)
    native: Any = frame.to_native()
    names = list(columns.values())
    if engine.is_pandas_like() or engine is kinds.PYARROW:
        return _in_memory(native, names)
    if engine is kinds.POLARS:
        native = _in_polars(native, names)
    elif engine is kinds.DUCKDB:
        read = [
            f"CAST('0x' || substr(md5({_quoted(n)}), 1, {_DIGITS}) AS BIGINT) AS {_quoted(n)}"
            for n in names
        ]
        native = native.project(f"* REPLACE ({', '.join(read)})")
    elif engine.is_spark_like():
        native = _in_spark(native, names)
    elif engine is kinds.IBIS:
        native = _in_ibis(native, names)
    else:
        hint = "name a column of numbers that does"
        raise BadInput(f"text cannot decide a split on {engine}", hint=hint)
    lazy: nw.LazyFrame[Any] = nw.from_native(native)
    return lazy


def text_numbers(values: Sequence[str]) -> list[int]:
    """What stands for each text; each distinct one is hashed once."""
    known = {text: _number_of(text) for text in set(values)}
    return [known[text] for text in values]


def _number_of(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:_DIGITS], 16)


def _in_polars(native: Any, names: list[str]) -> Any:
    import polars as pl

    def numbers(batch: pl.Series) -> pl.Series:
        return pl.Series(batch.name, text_numbers(batch.to_list()), dtype=pl.Int64)

    read = (
        pl.col(name).map_batches(numbers, return_dtype=pl.Int64, is_elementwise=True)
        for name in names
    )
    return native.with_columns(*read)


def _in_spark(native: Any, names: list[str]) -> Any:
    from pyspark.sql import functions

    for name in names:
        digits = functions.substring(functions.md5(functions.col(name)), 1, _DIGITS)
        native = native.withColumn(name, functions.conv(digits, 16, 10).cast("long"))
    return native


def _in_ibis(native: Any, names: list[str]) -> Any:
    import ibis

    digits = {name: native[name].hexdigest("md5").substr(0, _DIGITS) for name in names}
    return native.mutate(
        **{name: (ibis.literal("0x") + read).cast("int64") for name, read in digits.items()}
    )


def _in_memory(native: Any, names: list[str]) -> nw.LazyFrame[Any]:
    import narwhals as nw

    table: Any = nw.from_native(native, eager_only=True)
    for name in names:
        texts = table.get_column(name).to_list()
        found = nw.new_series(name, text_numbers(texts), nw.Int64, backend=table.implementation)
        table = table.with_columns(found)
    lazy: nw.LazyFrame[Any] = table.lazy()
    return lazy


def _plain(frame: nw.LazyFrame[Any], columns: dict[str, str]) -> nw.LazyFrame[Any]:
    """Copies of pandas columns that can do all arithmetic: those kept in Arrow have no remainder."""
    import narwhals as nw

    native: Any = frame.to_native()
    is_arrow = {c: type(native[c].dtype).__name__ == "ArrowDtype" for c in columns}
    copies = {
        name: native[c].convert_dtypes(dtype_backend="numpy_nullable") if is_arrow[c] else native[c]
        for c, name in columns.items()
    }
    lazy: nw.LazyFrame[Any] = nw.from_native(native.assign(**copies)).lazy()
    return lazy


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
