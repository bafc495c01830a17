"""Cells that group files of this machine run on DuckDB, and nobody sees it in the rows."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.grouping import columns_of, is_grouping_cell, is_grouping_query
from jupyter_cloudml.prep.request import PrepRequest
from jupyter_cloudml.prep.run import Place, Preparation
from jupyter_cloudml.prep.sql import parse

from .conftest import raises_sentence, trip_frame

CELLS = {
    "readme": """
import narwhals as nw
result = (
    trips.filter(nw.col("fare") > 2)
    .with_columns(double=nw.col("fare") * 2, late=nw.col("id") + 7 - 2 * nw.col("riders"))
    .group_by("city", "night")
    .agg(nw.len().alias("n"), nw.col("double").mean(), nw.col("late", "riders").sum())
    .sort("city", "night", nulls_last=True)
)
""",
    "nothing is left": """
few = trips.filter((nw.col("id") < 0) | (nw.col("fare") == -1))
result = few.group_by("city").agg(nw.col("fare").sum().alias("s"), nw.col("fare").mean().alias("m")).sort("city")
""",
    "only nulls": """
result = (
    trips.filter(nw.col("fare").is_null() & ~nw.col("night"))
    .group_by("city")
    .agg(nw.col("fare").sum().alias("s"), nw.col("fare").mean().alias("m"), nw.col("fare").count().alias("c"))
    .sort("city", descending=True, nulls_last=True)
)
""",
    "nulls first": """
result = trips.group_by("city").agg(nw.len().alias("n")).sort("city").rename({"n": "count"})
""",
    "in and between": """
kept = trips.filter(nw.col("city").is_in(["Bern", "Zug"]), nw.col("fare").is_between(3, 9))
kept = kept.select("city", "riders", even=nw.col("riders") != 1).drop("riders")
result = kept.group_by("city", "even").agg(nw.len().alias("n")).sort("n", "city", "even")
""",
    "times": """
result = trips.group_by("stamp").agg(nw.len().alias("n"), nw.col("night").sum().alias("b")).sort("stamp", descending=True)
""",
    "not a number": """
both = floats.with_columns(y=nw.col("x") - 1).filter(nw.col("x") > 0)
result = both.group_by("x").agg(nw.len().alias("n"), nw.col("y").sum(), nw.col("y").mean().alias("m")).sort("x")
""",
}
OTHERS = {
    "a join": "result = trips.join(cities, on='city').group_by('city').agg(nw.len())",
    "no group": "result = trips.filter(nw.col('fare') > 2)",
    "a minimum, which is another one where there are NaN": "result = trips.group_by('city').agg(nw.col('fare').min())",
    "a division": "result = trips.with_columns(h=nw.col('id') / nw.col('riders')).group_by('h').agg(nw.len())",
    "a name of the notebook": "result = trips.filter(nw.col('fare') > limit).group_by('city').agg(nw.len())",
    "a function": "result = clean(trips).group_by('city').agg(nw.len())",
    "a type": "result = trips.with_columns(nw.col('id').cast(nw.Int8)).group_by('id').agg(nw.len())",
    "a namespace": "result = trips.group_by(nw.col('city').str.to_lowercase()).agg(nw.len())",
    "rows looked at": "print(trips.collect())\nresult = trips.group_by('city').agg(nw.len())",
    "a loop": "for name in ['city']:\n    result = trips.group_by(name).agg(nw.len())",
    "a line of the shell": "!ls\nresult = trips.group_by('city').agg(nw.len())",
    "names for many": "result = trips.group_by(*keys).agg(nw.len())",
    "another nw": "nw = trips\nresult = trips.group_by('city').agg(nw.len())",
}


@pytest.fixture
def sources(trips, tmp_path):
    floats = [float("nan"), 1.5, None, float("inf"), 1.5, float("nan"), -2.0, 0.25]
    pl.DataFrame({"x": floats}).write_parquet(tmp_path / "floats.parquet")
    return {"trips": str(trips), "floats": str(tmp_path / "floats.parquet")}


@pytest.fixture
def narrow(tmp_path):
    """As a source: integers of 8 and 32 bits."""
    data = {"i": [120, 120, 10], "k": ["a", "a", "b"], "u": [1, 2, 3]}
    types = {"i": pl.Int8, "u": pl.UInt32}
    pl.DataFrame(data, schema_overrides=types).write_parquet(tmp_path / "narrow.parquet")
    return {"narrow": str(tmp_path / "narrow.parquet")}


def engine_for(code, sources, tmp_path, *, language="python", frames=None, **words):
    words.setdefault("outputs", ("result",))
    request = PrepRequest(
        language=language, sources=sources, frames=tuple(frames or ()), is_cached=False, **words
    )
    place = Place(job="0123456789ab", scratch=tmp_path / "scratch", cache=tmp_path / "cache")
    with Preparation(request=request, code=code, place=place, frames=frames or {}) as prep:
        return prep.engine.split()[0]


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_rows_and_types_come_from_both(prep, sources, tmp_path, cell):
    code = CELLS[cell]
    assert is_grouping_cell(code, sources)
    assert engine_for(code, sources, tmp_path) == "duckdb"
    auto, polars = (
        prep(code, sources=sources, engine=engine, outputs=("result",))["result"].frame
        for engine in ("auto", "polars")
    )
    assert auto.schema == polars.schema
    rounded = [frame.with_columns(pl.selectors.float().round(9)) for frame in (auto, polars)]
    assert rounded[0].equals(rounded[1], null_equal=True), rounded
    assert cell == "nothing is left" or auto.height > 1


@pytest.mark.parametrize("cell", OTHERS)
def test_a_cell_that_says_more_is_polars(sources, cell):
    assert not is_grouping_cell(OTHERS[cell], [*sources, "cities"])


def test_narrow_integers_are_added_up_by_polars(narrow, tmp_path):
    wide = "result = narrow.group_by('k').agg(nw.len().alias('i'))"
    assert engine_for(wide, narrow, tmp_path) == "duckdb"
    assert engine_for(wide.replace("nw.len()", "nw.col('i').sum()"), narrow, tmp_path) == "polars"


def test_the_columns_that_a_cell_reads_are_known():
    read, made = columns_of(CELLS["readme"])
    assert read == {"fare", "id", "riders", "double", "late", "city", "night"}
    assert made == {"double", "late", "n"}
    read, made = columns_of(
        "a.select(['x', 'y'], z=nw.col('w')).rename({'w': 'x'}).sort('z').drop('v')"
    )
    assert (read, made) == (set("xywzv"), {"z", "x"})


def test_only_parquet_of_this_machine_and_one_result(sources, trips, tmp_path):
    code = CELLS["nulls first"]
    pl.read_parquet(trips / "0.parquet").write_csv(tmp_path / "trips.csv")
    assert engine_for(code, {"trips": str(tmp_path / "trips.csv")}, tmp_path) == "polars"
    assert engine_for(code, sources, tmp_path, frames={"more": trip_frame(3)}) == "polars"
    two = {"outputs": ("result", "few")}
    assert engine_for(f"few = trips.drop('id')\n{code}", sources, tmp_path, **two) == "polars"


@pytest.mark.parametrize(
    ("query", "engine"),
    [
        ("SELECT city, sum(fare) AS s FROM trips GROUP BY city", "duckdb"),
        ("SELECT DISTINCT city FROM trips", "duckdb"),
        ("SELECT count(*) AS n FROM trips", "duckdb"),
        ("SELECT * FROM trips WHERE fare > 3", "polars"),
        (
            "SELECT a.city, count(*) AS n FROM trips a JOIN trips b ON a.id = b.id GROUP BY 1",
            "polars",
        ),
    ],
)
def test_queries_that_group_are_duckdb_s_where_they_join_nothing(sources, tmp_path, query, engine):
    assert is_grouping_query(parse(query)) == (engine == "duckdb")
    assert engine_for(query, sources, tmp_path, language="sql") == engine


def test_a_wrong_column_is_one_sentence_in_both_languages(prep, sources):
    with raises_sentence(BadInput, "nope"):
        prep(
            "result = trips.group_by('nope').agg(nw.len().alias('n'))",
            sources=sources,
            outputs=("result",),
        )
    with raises_sentence(BadInput, "line 2", "nope"):
        prep(
            "SELECT count(*) AS n,\nnope FROM trips GROUP BY nope", sources=sources, outputs=("x",)
        )


COUNTS = "result = {}.group_by('{}').agg(nw.len().alias('n'), nw.col('{}').max().alias('m'))"


@pytest.mark.parametrize("is_written", [False, True])
def test_counts_are_wide_on_polars_too_but_a_column_keeps_its_type(
    prep, sources, narrow, tmp_path, is_written
):
    def schema(code, sources):
        where = {"sinks": {"result": str(tmp_path / "out.parquet")}} if is_written else {}
        where = where or {"outputs": ("result",)}
        result = prep(code, sources=sources, engine="polars", **where)["result"]
        return (
            pl.read_parquet_schema(tmp_path / "out.parquet") if is_written else result.frame.schema
        )

    assert schema(COUNTS.format("trips", "city", "id"), sources)["n"] == pl.Int64
    given = {"k": pl.String, "n": pl.UInt32, "m": pl.UInt32}
    assert schema(COUNTS.format("narrow", "k", "u"), narrow) == given
