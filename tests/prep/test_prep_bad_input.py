"""What is wrong with data is one sentence that names the file; memory is bounded; names and literals."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from jupyter_cloudml.client.preparation import with_values
from jupyter_cloudml.core.errors import BadInput, NotFound
from jupyter_cloudml.prep.drawing import bundle
from jupyter_cloudml.prep.profile import Profile, profile_of_frame

from .conftest import raises_sentence, trip_frame

QUERIES = ["SELECT * FROM t", "result = t.select(nw.all())"]


@pytest.fixture
def damaged(tmp_path):
    """A folder with a file of each damage."""
    whole = tmp_path / "whole.parquet"
    trip_frame(100).write_parquet(whole)
    data = whole.read_bytes()
    for name, content in {
        "cut.parquet": data[:-30],
        "text.parquet": b"not parquet at all" * 9,
        "cut.arrow": b"ARROW1\0\0",
        "more.csv": b"a,b\n1,2\n3,4,5\n",
        "late.csv": b"a\n" + b"1\n" * 20_000 + b"zz\n",
        "torn.jsonl": b'{"a": 1}\n{"a": \n',
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("code", QUERIES)
@pytest.mark.parametrize(
    "name", ["cut.parquet", "text.parquet", "cut.arrow", "late.csv", "torn.jsonl"]
)
def test_a_damaged_file_is_named(prep, damaged, engine, code, name):
    with raises_sentence(BadInput, name):
        prep(code, engine=engine, sources={"t": str(damaged / name)}, outputs=("result",))


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"id": ["text"]}, ["1.parquet", "'id'", "String, not Int64"]),
        ({"other": [1]}, ["1.parquet", "no column 'id'"]),
        ({"id": [1], "more": [2]}, ["1.parquet", "'more' more"]),
    ],
)
def test_files_that_disagree_are_named(prep, tmp_path, engine, odd, words):
    pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame(odd).write_parquet(tmp_path / "1.parquet")
    with raises_sentence(BadInput, *words):
        prep(
            "result = t.select('id')",
            engine=engine,
            sources={"t": f"{tmp_path}/*.parquet"},
            outputs=("result",),
        )


def test_a_bucket_that_is_not_there_is_named(prep, s3_server, monkeypatch):
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    with raises_sentence(NotFound, "nobodys-bucket"):
        prep("SELECT 1 FROM t", sources={"t": "s3://nobodys-bucket/a.parquet"}, outputs=("x",))


def test_values_of_the_notebook_in_sql():
    space = {
        "n": np.int64(3),
        "s": "it's",
        "d": datetime.date(2026, 1, 2),
        "many": [1, None],
        "f": 0.5,
        "o": object(),
    }
    text = "SELECT $n, $s, '$n', \"$n\" -- $n\nFROM t WHERE d = $d AND i IN $many AND f > $f"
    said = with_values(text, space)
    assert said == (
        "SELECT 3, 'it''s', '$n', \"$n\" -- $n\nFROM t WHERE d = DATE '2026-01-02' AND i IN (1, NULL) AND f > 0.5"
    )
    with raises_sentence(BadInput, "$o is object"):
        with_values("SELECT $o", space)


def test_a_profile_survives_json_and_is_drawn_without_markup_of_the_data():
    frame = pl.DataFrame(
        {
            "<b>x": [1.0, None, float("nan"), float("inf")],
            "text": ["<script>", "b", "b", None],
            "when": [datetime.datetime(2026, 1, day) for day in (1, 2, 3, 4)],
            "list": [[1], [2], None, []],
            "none": [None] * 4,
        }
    )
    profile = profile_of_frame(frame)
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile
    assert {c.name: c.nulls for c in profile.columns} == {
        "<b>x": 1,
        "text": 1,
        "when": 0,
        "list": 1,
        "none": 4,
    }
    drawn = bundle("made", profile, frame)
    assert "<script>" not in drawn["text/html"]
    assert "&lt;script&gt;" in drawn["text/html"]
    assert "made: 4 rows, 5 columns" in drawn["text/plain"]
    assert bundle("empty", profile_of_frame(frame.head(0)), frame.head(0))["text/plain"]


def test_the_fingerprint_of_a_frame_does_not_depend_on_the_order_of_rows():
    frame = trip_frame(100)
    same, other = frame.reverse(), frame.head(99)
    prints = [profile_of_frame(f).fingerprint for f in (frame, same, other)]
    assert prints[0] == prints[1] != prints[2]


def test_the_meter_and_two_sinks_of_one_pass_do_not_wait_for_each_other(prep, tmp_path):
    """Batches of both sinks are counted on the engine's threads at once: what hung once must not again."""
    lazy = pl.LazyFrame({"id": range(400_000)}).with_columns(
        **{f"c{i}": pl.col("id") * i for i in range(12)}, text=pl.col("id").cast(pl.String)
    )
    lazy.sink_parquet(tmp_path / "wide.parquet", row_group_size=20_000)
    cell = "a, b = t.filter(nw.col('id') % 5 != 0), t.filter(nw.col('id') % 5 == 0)"
    sinks = {"a": f"{tmp_path}/a.parquet", "b": f"{tmp_path}/b.parquet"}
    made = prep(cell, sources={"t": f"{tmp_path}/wide.parquet"}, sinks=sinks)
    assert [made[name].profile.rows for name in "ab"] == [320_000, 80_000]
