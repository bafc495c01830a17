"""A split depends on keys and seed alone: the same rows on every engine, today and next year."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_cloudml import prep
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.frames import opened
from jupyter_cloudml.prep.hashing import RANGE, with_hash

N = 20_000
DRAW = np.random.default_rng(7)
FRAME = pl.DataFrame(
    {
        "id": np.arange(N) - N // 2,
        "customer": [f"c{i}" for i in DRAW.integers(0, 400, N)],
        "label": DRAW.choice(["a", "b", "c", None], N, p=[0.9, 0.09, 0.005, 0.005]),
        "x": np.where(DRAW.random(N) < 0.05, np.nan, DRAW.normal(size=N) * 1e6),
        "at": [
            dt.datetime(2026, 1, 1, 0, 0, 0, 17) + dt.timedelta(minutes=int(m))
            for m in DRAW.integers(0, 10_000, N)
        ],
    }
)
ENGINES = ("polars", "duckdb", "pandas", "arrow-pandas", "pyarrow", "eager")


def in_engine(engine: str, frame: pl.DataFrame = FRAME) -> Any:
    arrow = frame.to_arrow()
    return {
        "polars": frame.lazy,
        "duckdb": lambda: duckdb.connect().from_arrow(arrow),
        "pandas": frame.to_pandas,
        "arrow-pandas": lambda: frame.to_pandas(use_pyarrow_extension_array=True),
        "pyarrow": lambda: arrow,
        "eager": lambda: frame,
    }[engine]()


def ids(frame: Any) -> set[int]:
    return set(opened(frame).select("id").collect().get_column("id").to_list())


WAYS: dict[str, dict[str, Any]] = {
    "key": {"key": "id"},
    "all columns": {},
    "group": {"group": "customer"},
    "stratified": {"key": "id", "stratify": "label"},
    "time": {"time": "at"},
    "moments": {"time": "at", "test": "2026-01-06", "validation": dt.datetime(2026, 1, 4)},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_engine_draws_the_same_rows_and_each_row_once(way: str) -> None:
    words = {"test": 0.2, "validation": 0.1, **WAYS[way]}
    expected = [ids(part) for part in prep.split(FRAME.lazy(), **words)]
    assert set().union(*expected) == set(FRAME["id"].to_list())
    assert sum(map(len, expected)) == N
    assert all(expected)
    for engine in ENGINES:
        found = [ids(part) for part in prep.split(in_engine(engine), **words)]
        assert (engine, found) == (engine, expected)


def test_the_draw_of_a_seed_is_the_same_for_ever() -> None:
    frame = pl.DataFrame(
        {
            "i": [0, -1, 2**62, None],
            "f": [0.5, -3.0, float("nan"), 1e300],
            "s": ["", "é", None, "long " * 9],
            "t": [dt.date(2026, 2, 28), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)],
        }
    )
    found = {
        column: with_hash(opened(frame), [column], seed=5, name="h").collect()["h"].to_list()
        for column in frame.columns
    }
    assert found == REMEMBERED


REMEMBERED = {
    "i": [776092285, 48974720, 1837531202, 1818089776],
    "f": [2001389544, 2010600952, 1818089776, 1837531202],
    "s": [923332444, 455725170, 340389196, 1883422469],
    "t": [499127934, 48974720, 39336051, 1417010017],
}


def test_hashes_of_neighbours_are_strewn_evenly() -> None:
    ordered = pl.DataFrame({"id": np.arange(200_000)})
    hashes = with_hash(opened(ordered), ["id"], seed=0, name="h").collect()["h"].to_numpy()
    assert hashes.min() >= 0
    assert hashes.max() < RANGE
    for values in (hashes, hashes[::7], hashes[:20_000]):
        counts = np.bincount(values * 64 // RANGE, minlength=64)
        chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert chi_squared < 63 + 6 * np.sqrt(2 * 63)  # six standard deviations
    assert abs(np.corrcoef(hashes[:-1], hashes[1:])[0, 1]) < 0.02


def test_another_seed_is_another_draw_and_a_larger_share_keeps_the_smaller_one() -> None:
    drawn = {seed: ids(prep.split(FRAME, key="id", seed=seed).test) for seed in (0, 1)}
    assert 0.15 < len(drawn[0] & drawn[1]) / len(drawn[0]) < 0.25
    assert drawn[0] < ids(prep.split(FRAME, key="id", test=0.3).test)
    assert ids(prep.split(FRAME[: N // 2], key="id").test) == drawn[0] & ids(FRAME[: N // 2])


def test_an_integer_with_gaps_is_the_same_key_as_the_double_that_pandas_makes_of_it() -> None:
    numbers = [1, -2, None, 2**40, 0]
    whole = pl.DataFrame({"id": numbers})
    double = pd.DataFrame({"id": numbers})
    assert double["id"].dtype.kind == "f"
    hashes = [
        with_hash(opened(frame), ["id"], seed=0, name="h").collect().get_column("h").to_list()
        for frame in (whole, double)
    ]
    assert hashes[0] == hashes[1]


def test_a_group_is_never_torn() -> None:
    parts = prep.split(FRAME, group="customer", test=0.2, validation=0.2)
    customers = [set(part["customer"].to_list()) for part in parts]
    assert sum(map(len, customers)) == len(set().union(*customers))


def test_each_stratum_has_its_share_to_the_row() -> None:
    parts = prep.split(FRAME, key="id", stratify="label", test=0.2, validation=0.1)
    for value in ("a", "b", "c", None):
        total = FRAME.filter(pl.col("label").eq_missing(value)).height
        test, both = round(0.2 * total), round(0.3 * total)
        counts = [part.filter(pl.col("label").eq_missing(value)).height for part in parts]
        assert counts[2] == test
        assert abs(counts[1] - (both - test)) <= 1


def test_strata_of_numbers_with_gaps_and_tiny_strata_lose_no_row() -> None:
    frame = pl.DataFrame({"id": range(9), "y": [0.5, 0.5, 0.5, 0.5, 0.5, None, float("nan"), 1, 2]})
    parts = prep.split(frame, key="id", stratify="y", test=0.4)
    assert sorted(parts.train["id"].to_list() + parts.test["id"].to_list()) == list(range(9))
    assert parts.test.filter(pl.col("y") == 0.5).height == 2


def test_time_cuts_between_moments_and_rows_without_one_are_trained_on() -> None:
    frame = pl.DataFrame({"id": range(10), "day": [1, 1, 2, 3, 3, 3, 4, 5, None, None]})
    train, test = prep.split(frame, time="day", test=0.25)
    assert ids(test) == {6, 7}
    assert {8, 9} < ids(train)
    assert ids(prep.split(frame, time="day", test=0.3).test) == {6, 7}  # 3 is one moment
    assert ids(prep.split(frame, time="day", test=3, validation=2).validation) == {2}


def test_the_frame_names_the_part_of_each_row_and_is_as_lazy_as_it_came() -> None:
    parts = prep.split(FRAME.lazy(), key="id", validation=0.1, name="part")
    assert isinstance(parts.frame, pl.LazyFrame)
    named = parts.frame.collect()
    assert named.columns == [*FRAME.columns, "part"]
    for word in ("train", "validation", "test"):
        assert set(named.filter(pl.col("part") == word)["id"]) == ids(getattr(parts, word))
    assert isinstance(prep.split(nw.from_native(FRAME.lazy()), key="id").train, nw.LazyFrame)
    assert isinstance(prep.split(FRAME, key="id").train, pl.DataFrame)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"test": 1.0}, "test=1.0"),
        ({"test": "many"}, "'many'"),
        ({"test": 0.6, "validation": 0.5}, "nothing to train on"),
        ({"key": "idd"}, "'idd'"),
        ({"time": "at", "group": "customer"}, "group"),
        ({"group": "customer", "stratify": "label"}, "stratify"),
        ({"key": "id", "stratify": "id"}, "500"),
        ({"time": "at", "test": "soon"}, "'soon'"),
        ({"key": "id", "name": "x"}, "'x'"),
    ],
)
def test_wrong_words_are_said_by_name(words: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        prep.split(FRAME.lazy(), **words)


def test_columns_that_cannot_decide_are_refused_and_what_is_no_table_too() -> None:
    with pytest.raises(BadInput, match="'l'"):
        prep.split(pl.DataFrame({"l": [[1]]}), key="l")
    with pytest.raises(BadInput, match="dict"):
        prep.split({"a": [1]})
