"""Which cells are SQL."""

from __future__ import annotations

import pytest

from jupyter_cloudml.prep.language import language_of


@pytest.mark.parametrize(
    "cell",
    [
        "SELECT 1",
        "  select a\nfrom t",
        "FROM t SELECT a",
        "-- a note\n/* more */ WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "select * from t where x = 'it''s'",
    ],
)
def test_sql(cell):
    assert language_of(cell) == "sql"


@pytest.mark.parametrize(
    "cell",
    [
        "from narwhals import col\ntrips.filter(col('a') > 1)",
        "with open('x') as f:\n    pass",
        "select = 1",
        "trips.head(",
        "trips",
        "",
        "# SELECT\ntrips",
    ],
)
def test_python(cell):
    assert language_of(cell) == "python"


def test_the_shells_words_are_python():
    assert (
        language_of("from x import y\n%time", lambda cell: cell.replace("%time", "pass"))
        == "python"
    )
