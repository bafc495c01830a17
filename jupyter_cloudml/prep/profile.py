"""What a prepared table looks like: rows, schema, missing values, ranges, and small histograms. Values only, no drawing."""

from __future__ import annotations

import glob
import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .formats import CSV, JSONL, PARQUET
from .meter import Meter
from .sinks import Sink

SAMPLE = 50_000
"""Rows that histograms, means and distinct values of a large result are from."""

BINS = 12
TOP = 3
PLACES = 5
MAX_HEAD = 1_000
"""So many first rows of a result are kept to be shown."""
_EDGE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``bars`` are relative heights from 0 to 1; numbers and times have ``low`` and ``high`` as text, text
    has its most frequent values in ``top``. What is from a sample is said by the profile."""

    name: str
    type: str
    nulls: int
    low: str = ""
    high: str = ""
    mean: float | None = None
    distinct: int = 0
    bars: tuple[float, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """``sampled`` is the number of rows that histograms, means and distinct values are from; ``bytes`` of the files."""

    rows: int
    columns: tuple[Column, ...]
    sampled: int
    bytes: int = 0
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        columns = tuple(
            Column(
                **{
                    **column,
                    "bars": tuple(column["bars"]),
                    "top": tuple((value, count) for value, count in column["top"]),
                }
            )
            for column in data["columns"]
        )
        return cls(**{**data, "columns": columns})

    def schema(self) -> dict[str, str]:
        return {column.name: column.type for column in self.columns}


def profile_of_frame(
    frame: Any, *, rows: int | None = None, nulls: Mapping[str, int] | None = None
) -> Profile:
    """The profile of a Polars frame; with ``rows`` and ``nulls`` the frame is a sample of what has so many."""
    sample = frame if frame.height <= 2 * SAMPLE else frame.gather_every(frame.height // SAMPLE)
    counts = nulls if nulls is not None else {c.name: c.null_count() for c in frame.iter_columns()}
    columns = tuple(_column(part, counts.get(part.name, 0)) for part in sample.iter_columns())
    return Profile(
        rows=frame.height if rows is None else rows,
        columns=columns,
        sampled=sample.height,
        fingerprint=_of_bytes(frame) if rows is None else "",
    )


def profile_of_files(meter: Meter, path: Path, sink: Sink) -> tuple[Profile, Any]:
    """The profile of what was just written, and its first rows: what ``meter`` saw pass, else what a cheap look at the files
    says."""
    lazy = _read_back(path, sink)
    rows, nulls = (meter.rows, meter.nulls) if meter.rows else _counts(lazy)
    sample = _sample(lazy, rows, sink)
    seen = profile_of_frame(sample, rows=rows, nulls=nulls)
    files = (
        sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
    )
    profile = Profile(
        rows=rows,
        columns=seen.columns,
        sampled=seen.sampled,
        bytes=sum(file.stat().st_size for file in files),
        fingerprint=_of_files(files),
    )
    return profile, lazy.head(MAX_HEAD).collect(engine="streaming")


def _read_back(path: Path, sink: Sink) -> Any:
    """What was written, as a lazy frame."""
    import polars as pl

    place = glob.escape(str(path)) + ("/**/*" if path.is_dir() else "")
    is_hive = bool(sink.partition_by)
    if sink.format == PARQUET:
        return pl.scan_parquet(place, hive_partitioning=is_hive)
    if sink.format == CSV:
        return pl.scan_csv(place, try_parse_dates=True)
    if sink.format == JSONL:
        return pl.scan_ndjson(place)
    return pl.scan_ipc(place, hive_partitioning=is_hive)


def _counts(lazy: Any) -> tuple[int, dict[str, int]]:
    """Of engines that write by themselves: from footers where there are some, else from one streaming pass."""
    import polars as pl

    counts = lazy.select(pl.len().alias("\0rows"), pl.all().null_count()).collect(
        engine="streaming"
    )
    return int(counts["\0rows"][0]), {name: int(counts[name][0]) for name in counts.columns[1:]}


def _sample(lazy: Any, rows: int, sink: Sink) -> Any:
    """Some rows from all over the result; of text, which must be read from its beginning, the first ones."""
    import polars as pl

    if rows <= SAMPLE or sink.format in (CSV, JSONL):
        return lazy.head(SAMPLE).collect(engine="streaming")
    each = SAMPLE // PLACES
    parts = [lazy.slice(place * (rows // PLACES), each) for place in range(PLACES)]
    return pl.concat(pl.collect_all(parts, engine="streaming"))


def _column(part: Any, nulls: int) -> Column:
    kind = part.dtype
    known = part.drop_nulls()
    if kind.is_nested() or str(kind) in ("Binary", "Object", "Null") or not len(known):
        return Column(name=part.name, type=str(kind), nulls=nulls)
    if kind.is_float():
        known = known.filter(known.is_finite())
        if not len(known):
            return Column(name=part.name, type=str(kind), nulls=nulls)
    if kind.is_numeric() or kind.is_temporal():
        numbers = known.to_physical() if kind.is_temporal() else known
        return Column(
            name=part.name,
            type=str(kind),
            nulls=nulls,
            low=_shown(known.min()),
            high=_shown(known.max()),
            mean=_finite(known.mean()) if kind.is_numeric() else None,
            distinct=known.n_unique(),
            bars=_bars(numbers),
        )
    counts = known.cast(str if str(kind) != "Boolean" else kind).value_counts(sort=True)
    heights = counts["count"].head(BINS).to_list()
    return Column(
        name=part.name,
        type=str(kind),
        nulls=nulls,
        distinct=counts.height,
        bars=tuple(round(height / heights[0], 3) for height in heights),
        top=tuple((_shown(value), count) for value, count in counts.head(TOP).iter_rows()),
    )


def _bars(numbers: Any) -> tuple[float, ...]:
    import polars as pl

    values = numbers.cast(pl.Float64)
    low, high = values.min(), values.max()
    if not math.isfinite(high - low) or high <= low:
        return (1.0,)
    place = ((values - low) / (high - low) * BINS).cast(pl.Int64).clip(0, BINS - 1)
    found = dict(place.alias("bin").value_counts().iter_rows())
    tallest = max(found.values())
    return tuple(round(found.get(index, 0) / tallest, 3) for index in range(BINS))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:40]


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _of_files(files: list[Path]) -> str:
    """A fingerprint of the files: sizes and both ends of each (a Parquet file's footer has the statistics of all)."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as opened:
            digest.update(size.to_bytes(8, "big") + opened.read(_EDGE))
            opened.seek(max(0, size - _EDGE))
            digest.update(opened.read(_EDGE))
    return digest.hexdigest()


def _of_bytes(frame: Any) -> str:
    """A fingerprint of a frame: schema and the hashes of its rows, whatever their order."""
    digest = hashlib.blake2b(repr(frame.schema).encode(), digest_size=16)
    if frame.width and not any(kind.is_nested() or str(kind) == "Object" for kind in frame.dtypes):
        digest.update(str(frame.hash_rows(seed=0).sum()).encode())
    digest.update(frame.height.to_bytes(8, "big"))
    return digest.hexdigest()
