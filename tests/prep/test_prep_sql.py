"""SQL: Polars says what DuckDB says wherever it is chosen, and errors have a line."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.polars_sql import suits_polars
from jupyter_cloudml.prep.sql import parse, tables_of

from .conftest import raises_sentence, trip_frame

BOTH = """\
SELECT * FROM trips ORDER BY id
SELECT city, fare FROM trips ORDER BY fare DESC, id DESC LIMIT 20
SELECT city, count(*) AS n, count(fare) AS f, sum(fare) AS s, avg(fare) AS a, min(stamp) AS lo, max(city) AS hi FROM trips GROUP BY city ORDER BY city
SELECT city, night, sum(riders) AS s FROM trips GROUP BY 1, 2 ORDER BY 1, 2
SELECT id / 2 AS half, id * 2 AS twice, -id AS neg, id - riders AS d, fare + id AS f FROM trips ORDER BY id
SELECT id / riders AS r FROM trips WHERE riders > 0 ORDER BY id
SELECT t.city, c.canton, t.id FROM trips t JOIN cities c ON t.city = c.city ORDER BY t.id, c.canton
SELECT t.id, c.canton FROM trips t LEFT JOIN cities c ON t.city = c.city ORDER BY t.id, c.canton
SELECT CASE WHEN fare > 10 THEN 'dear' WHEN fare IS NULL THEN 'unknown' ELSE 'cheap' END AS c, id FROM trips ORDER BY id
SELECT id FROM trips WHERE city IN ('Bern', 'Zug') AND fare BETWEEN 3 AND 9 ORDER BY id
SELECT id FROM trips WHERE NOT (fare > 3) AND city <> 'Bern' ORDER BY id
SELECT id FROM trips WHERE city IS NULL OR night ORDER BY id OFFSET 3
SELECT coalesce(fare, 0) AS f, abs(id - 500) AS a, lower(city) AS l, upper(city) AS u FROM trips ORDER BY id
SELECT DISTINCT city FROM trips ORDER BY city
FROM trips SELECT id ORDER BY id LIMIT 3
SELECT city, count(*) AS n FROM trips GROUP BY city HAVING count(*) > 100 AND city IS NOT NULL ORDER BY n, city
SELECT count(DISTINCT city) AS n FROM trips
SELECT sum(fare) AS s, avg(fare) AS a, min(fare) AS m, count(fare) AS n FROM trips WHERE id < 0
WITH m AS (SELECT city, avg(fare) AS fare FROM trips GROUP BY city) SELECT t.id, t.fare - m.fare AS d FROM trips t JOIN m ON t.city = m.city ORDER BY t.id
SELECT q.id FROM (SELECT id, fare FROM trips WHERE fare IS NOT NULL) q WHERE q.fare > 20 ORDER BY q.id
SELECT cast(id AS DOUBLE) AS d, cast(night AS BIGINT) AS n FROM trips ORDER BY id
SELECT sum(cast(night AS BIGINT)) AS nights, sum(id * riders) AS product FROM trips
""".splitlines()

DUCKDB_ONLY = """\
SELECT * FROM trips t JOIN cities c USING (city) ORDER BY id, canton
SELECT city, count(*) AS n FROM trips GROUP BY ALL ORDER BY ALL
SELECT id, row_number() OVER (PARTITION BY city ORDER BY id) AS n FROM trips ORDER BY id
SELECT date_trunc('month', stamp) AS m, count(*) AS n FROM trips GROUP BY 1 ORDER BY 1
SELECT City, ID FROM trips ORDER BY id
SELECT * EXCLUDE (stamp) FROM trips ORDER BY id LIMIT 2
SELECT id FROM trips WHERE fare > (SELECT avg(fare) FROM trips) ORDER BY id
SELECT city || '!' AS c, length(city) AS n, round(fare, 1) AS r FROM trips ORDER BY id
""".splitlines()


@pytest.fixture
def both(prep, trips, tmp_path):
    pl.DataFrame({"city": ["Bern", "Genf", "Genf"], "canton": ["BE", "GE", "??"]}).write_csv(
        tmp_path / "cities.csv"
    )
    sources = {"trips": str(trips), "cities": str(tmp_path / "cities.csv")}

    def run(query, engine):
        result = prep(query, engine=engine, sources=sources, outputs=("x",))["x"]
        return result.frame

    return run


@pytest.mark.parametrize("query", BOTH)
def test_polars_runs_what_both_agree_on(both, query):
    assert suits_polars(parse(query))
    ours, theirs = both(query, "polars"), both(query, "duckdb")
    assert ours.columns == theirs.columns
    assert ours.dtypes == theirs.dtypes
    assert rounded(ours) == rounded(theirs)


@pytest.mark.parametrize("query", DUCKDB_ONLY)
def test_duckdb_runs_the_rest(both, query):
    if "City" not in query:
        assert not suits_polars(parse(query))
    assert rounded(both(query, "auto")) == rounded(both(query, "duckdb"))


def rounded(frame):
    """Rows; sums of floats depend on the order of adding."""
    return frame.with_columns(pl.selectors.float().round(9)).rows()


def test_narrow_integers_never_wrap_around(prep, tmp_path):
    frame = pl.DataFrame({"n": [2**31 - 1] * 3}, schema={"n": pl.Int32})
    frame.write_parquet(tmp_path / "n.parquet")
    sources = {"t": str(tmp_path / "n.parquet")}
    made = prep("SELECT sum(n) AS s FROM t", sources=sources, outputs=("x",))["x"]
    assert made.frame.rows() == [(3 * (2**31 - 1),)]


def test_frames_of_the_notebook_are_tables(prep):
    import pandas as pd

    frames = {"a": trip_frame(10).to_pandas(), "b": pl.DataFrame({"id": [3, 4]}), "n": 1}
    frames["a"] = pd.DataFrame(frames["a"])
    frames.pop("n")
    made = prep(
        "SELECT a.city, a.id FROM a JOIN b ON a.id = b.id ORDER BY a.id",
        frames=frames,
        outputs=("x",),
    )
    assert made["x"].frame.rows() == [("Zug", 3), ("Ägeri", 4)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT a\n  b c d\nFROM trips", ["SQL, line 2", "syntax error"]),
        ("SELECT id,\n  nope\nFROM trips", ["SQL, line 2", '"nope"', "did you mean"]),
        ("SELECT id\nFROM tripz", ["no table 'tripz'", "cities, trips"]),
        ("SELECT sum(city) FROM trips", ["sum(VARCHAR)"]),
        ("SELECT nofunc(id) FROM trips", ["nofunc"]),
        ("SELECT 1; SELECT 2", ["2 SQL statements"]),
        ("WITH a AS (SELECT 1) DELETE FROM trips", ["no query"]),
        ("SELECT cast(city AS BIGINT) AS n FROM trips", ["Bern", "city"]),
    ],
)
def test_sql_errors_are_a_sentence_with_the_line(both, query, words):
    with raises_sentence(BadInput, *words):
        both(query, "auto")


def test_tables_that_a_query_defines_itself_are_no_sources():
    tree = parse(
        "WITH a AS (SELECT * FROM t) SELECT * FROM a JOIN (SELECT 1) b ON true JOIN T2 ON true"
    )
    assert sorted(tables_of(tree)) == ["T2", "t"]
