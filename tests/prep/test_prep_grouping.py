"""Cells that group files of this machine run on DuckDB, and nobody sees it in the rows."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.request import PrepRequest
from jupyter_cloudml.prep.run import Place, Preparation

from .conftest import raises_sentence, trip_frame

CELLS = {
    "readme": """
import narwhals as nw
result = (
    trips.filter(nw.col("fare") > 2)
    .with_columns(double=nw.col("fare") * 2, late=nw.col("id") + 7 - 2 * nw.col("riders"))
    .group_by("city", "night")
    .agg(nw.len().alias("n"), nw.col("double").mean(), nw.col("late").sum(), r=nw.col("riders").sum())
    .sort("city", "night", nulls_last=True)
)
""",
    "nothing is left": """
few = trips.filter((nw.col("id") < 0) | (nw.col("fare") == -1))
result = few.group_by("city").agg(nw.col("fare").sum().alias("s"), m=nw.col("fare").mean()).sort("city")
""",
    "only nulls": """
result = (
    trips.filter(nw.col("fare").is_null() & ~nw.col("night"))
    .group_by("city")
    .agg(s=nw.col("fare").sum(), m=nw.col("fare").mean(), c=nw.col("fare").count())
    .sort("city", descending=True, nulls_last=True)
)
""",
    "nulls first, as the last expression": """
trips.group_by("city").agg(nw.len()).sort("city")
""",
    "text": """
kept = trips.filter((nw.col("city") >= "Bern") & (nw.col("city") != "Zug"), nw.col("riders") <= 3)
kept = kept.with_columns((nw.col("fare") - 1.5).alias("less"), even=nw.col("riders") == 2)
result = kept.group_by("city", "even").agg(nw.col("less").sum(), n=nw.len()).sort("n", "city", "even")
""",
    "times and truths": """
result = trips.group_by("stamp").agg(n=nw.len(), b=nw.col("night").sum()).sort("stamp", descending=True)
""",
    "reckoned with afterwards": """
sums = trips.group_by("city").agg(s=nw.col("fare").sum(), m=nw.col("riders").mean())
result = sums.with_columns(t=nw.col("s") * nw.col("m")).filter(nw.col("t") > 1).sort("city", nulls_last=True)
""",
    "not a number": """
both = floats.with_columns(y=nw.col("x") - 1).filter(nw.col("x") > 0)
result = both.group_by("x").agg(nw.col("y").sum(), n=nw.len(), m=nw.col("x").mean()).sort("x")
""",
}
G = ".group_by('city').agg(n=nw.len())"
OTHERS = {
    "a join": f"result = trips.join(cities, on='city'){G}",
    "no group": "result = trips.filter(nw.col('fare') > 2)",
    "a group, and another result": f"g = trips{G}\nresult = trips.filter(nw.col('fare') > 2)",
    "a group, and a last expression": f"g = trips{G}\ntrips.filter(nw.col('fare') > 2)",
    "a minimum, which is another one where there are NaN": "result = trips.group_by('city').agg(m=nw.col('fare').min())",
    "a division": f"result = trips.with_columns(h=nw.col('id') / nw.col('riders')){G}",
    "a name of the notebook": f"result = trips.filter(nw.col('fare') > limit){G}",
    "a column named by a variable": "c = 'fare'\nresult = trips.group_by('city').agg(s=nw.col(c).sum())",
    "a function": f"result = clean(trips){G}",
    "a type": f"result = trips.with_columns(nw.col('id').cast(nw.Int8)){G}",
    "a namespace": "result = trips.group_by(nw.col('city').str.to_lowercase()).agg(n=nw.len())",
    "rows looked at": f"print(trips.collect())\nresult = trips{G}",
    "a loop": "for name in ['city']:\n    result = trips.group_by(name).agg(n=nw.len())",
    "a line of the shell": f"!ls\nresult = trips{G}",
    "names for many": "result = trips.group_by(*keys).agg(n=nw.len())",
    "options for many": "result = trips.group_by('city').agg(**made)",
    "another nw": f"nw = trips\nresult = trips{G}",
    "text put together": f"result = trips.with_columns(c=nw.col('city') + '-'){G}",
    "the share of truths": "result = trips.group_by('city').agg(m=nw.col('night').mean())",
    "the share of comparisons": "result = trips.group_by('city').agg(m=(nw.col('fare') > 2).mean())",
    "truths added": f"result = trips.with_columns(c=nw.col('night') + nw.col('night')){G}",
    "bits": f"result = trips.filter((nw.col('id') & 1) == 1){G}",
    "bits turned": f"result = trips.with_columns(c=~nw.col('id')){G}",
    "times reckoned with": f"result = trips.with_columns(c=nw.col('stamp') - nw.col('stamp')){G}",
    "a time as text": f"result = trips.filter(nw.col('stamp') > '2026-01-02'){G}",
    "a number as text": f"result = trips.filter(nw.col('id') > '2'){G}",
    "a count reckoned with": f"result = trips{G}.with_columns(m=nw.col('n') - 500)",
    "names that differ by case": "result = trips.with_columns(FARE=nw.col('fare') * 2).group_by('city').agg(s=nw.col('FARE').sum())",
    "a result that differs by case": "result = trips.group_by('city').agg(City=nw.len())",
    "a name twice": "result = trips.group_by('city').agg(nw.len(), nw.len())",
    "a rename": f"result = trips.rename({{'city': 'town'}}){G}",
    "a huge number": f"result = trips.with_columns(c=nw.col('id') * 4000000000000){G}",
    "a column that is not there": "result = trips.group_by('nope').agg(n=nw.len())",
    "a filter by name": f"result = trips.filter(night=True){G}",
    "two lines in one": f"result = other = trips{G}",
}
ODD = {
    "i8": pl.Series([120, 120, 10], dtype=pl.Int8),
    "i32": pl.Series([2**31 - 1, 1, 2], dtype=pl.Int32),
    "f32": pl.Series([0.1, 0.2, 0.3], dtype=pl.Float32),
    "u32": pl.Series([1, 2, 3], dtype=pl.UInt32),
    "span": pl.Series([1, 2, 3]).cast(pl.Duration("us")),
    "ms": pl.Series([1, 2, 3]).cast(pl.Datetime("ms")),
    "zoned": pl.Series([1, 2, 3]).cast(pl.Datetime("us", "Europe/Zurich")),
    "kind": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
    "price": pl.Series(["1.5", "2", "3"]).cast(pl.Decimal(10, 2)),
    "bytes": pl.Series([b"a", b"b", b"a"]),
    "list": pl.Series([[1], [2], [1]]),
}


@pytest.fixture
def sources(trips, tmp_path):
    floats = [float("nan"), 1.5, None, float("inf"), 1.5, float("nan"), -2.0, 0.25]
    pl.DataFrame({"x": floats}).write_parquet(tmp_path / "floats.parquet")
    return {"trips": str(trips), "floats": str(tmp_path / "floats.parquet")}


@pytest.fixture
def odd(tmp_path):
    """As a source: columns that the engines do not give back alike."""
    pl.DataFrame({"k": ["a", "a", "b"], "x": [1, 2, 3], **ODD}).write_parquet(
        tmp_path / "odd.parquet"
    )
    return {"odd": str(tmp_path / "odd.parquet")}


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
    code = CELLS[cell] if "result" in CELLS[cell] else f"result = {CELLS[cell].strip()}"
    assert engine_for(CELLS[cell], sources, tmp_path) == "duckdb"
    auto, polars = (
        prep(code, sources=sources, engine=engine, outputs=("result",))["result"].frame
        for engine in ("auto", "polars")
    )
    assert auto.schema == polars.schema
    rounded = [frame.with_columns(pl.selectors.float().round(9)) for frame in (auto, polars)]
    assert rounded[0].equals(rounded[1], null_equal=True), rounded
    assert cell == "nothing is left" or auto.height > 1


@pytest.mark.parametrize("cell", OTHERS)
def test_a_cell_that_says_more_is_polars(sources, tmp_path, cell):
    assert engine_for(OTHERS[cell], sources, tmp_path) == "polars"


@pytest.mark.parametrize("column", ODD)
def test_columns_that_come_back_otherwise_are_polars(odd, tmp_path, column):
    assert (
        engine_for("result = odd.group_by('k').agg(s=nw.col('x').sum())", odd, tmp_path) == "duckdb"
    )
    for code in (
        f"result = odd.group_by({column!r}).agg(n=nw.len())",
        f"result = odd.group_by('k').agg(s=nw.col({column!r}).sum())",
        f"result = odd.with_columns(y=nw.col({column!r}) * 2).group_by('k').agg(n=nw.len())",
    ):
        assert engine_for(code, odd, tmp_path) == "polars"


@pytest.mark.parametrize("column", ["span", "zoned", "kind", "list"])
def test_a_query_over_such_columns_is_polars_too(odd, tmp_path, column):
    query = "SELECT k, count(*) AS n FROM {} GROUP BY k"
    whole = pl.read_parquet(odd["odd"])
    for columns, engine in ((["k", "x", "i32", "f32"], "duckdb"), (["k", column], "polars")):
        whole.select(columns).write_parquet(tmp_path / "few.parquet")
        sources = {"few": str(tmp_path / "few.parquet")}
        assert engine_for(query.format("few"), sources, tmp_path, language="sql") == engine


def test_names_of_a_file_that_differ_by_case_alone_are_polars(tmp_path):
    pl.DataFrame({"a": [1, 2], "A": [3, 4]}).write_parquet(tmp_path / "case.parquet")
    code = "result = t.group_by('a').agg(s=nw.col('A').sum())"
    assert engine_for(code, {"t": str(tmp_path / "case.parquet")}, tmp_path) == "polars"


@pytest.mark.parametrize("language", ["python", "sql"])
def test_only_plain_parquet_of_this_machine_and_one_result(sources, trips, tmp_path, language):
    code = {
        "python": CELLS["nulls first, as the last expression"],
        "sql": "SELECT city, count(*) AS n FROM trips GROUP BY city",
    }[language]

    def engine(sources=sources, **words):
        return engine_for(code, sources, tmp_path, language=language, **words)

    assert engine() == "duckdb"
    pl.read_parquet(trips / "0.parquet").write_csv(tmp_path / "trips.csv")
    assert engine({"trips": str(tmp_path / "trips.csv")}) == "polars"
    assert engine(frames={"more": trip_frame(3)}) == "polars"
    (tmp_path / "by" / "year=2026").mkdir(parents=True)
    pl.read_parquet(trips / "0.parquet").write_parquet(tmp_path / "by" / "year=2026" / "0.parquet")
    assert engine({"trips": str(tmp_path / "by")}) == "polars"
    for sink, expected in (("x.parquet", "duckdb"), ("x.csv", "polars"), ("x.jsonl", "polars")):
        where = {"outputs": (), "sinks": {"result": str(tmp_path / sink)}}
        assert engine(**where) == expected
    where = {"outputs": (), "sinks": {"result": str(tmp_path / "x.parquet")}, "format": "csv"}
    assert engine(**where) == "polars"
    if language == "python":
        two = f"few = trips.filter(nw.col('id') > 3)\nresult = few{G}"
        assert engine_for(two, sources, tmp_path, outputs=("result", "few")) == "polars"


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
    prep, sources, odd, tmp_path, is_written
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
    assert schema(COUNTS.format("odd", "k", "u32"), odd) == given
