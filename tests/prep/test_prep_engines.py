"""The same cell gives the same rows on every engine: files of every format, joins, partitions, frames, sinks."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput, NotFound

from .conftest import names_in, prepared, raises_sentence, trip_frame

ENGINES = [
    "polars",
    "duckdb",
    pytest.param("spark", marks=[pytest.mark.engine, pytest.mark.slow]),
    pytest.param("bigquery", marks=pytest.mark.engine),
]
CELLS = {
    "aggregate": "SELECT city, count(*) AS n, sum(riders) AS s, avg(fare) AS a, max(stamp) AS last\n"
    "FROM trips WHERE fare > 2 GROUP BY city ORDER BY city",
    "join": "SELECT c.canton, night, count(*) AS n FROM trips t JOIN cities c ON t.city = c.city\n"
    "GROUP BY c.canton, night ORDER BY n DESC, c.canton, night",
    "window": "SELECT id, row_number() OVER (PARTITION BY city ORDER BY id) AS n FROM trips\n"
    "WHERE id < 50 ORDER BY id",
    "python": "import narwhals as nw\nresult = (\n"
    "    trips.filter(nw.col('fare') > 2)\n"
    "    .with_columns(double=nw.col('fare') * 2, known=~nw.col('city').is_null())\n"
    "    .join(cities, on='city', how='left')\n"
    "    .group_by('canton', 'known')\n"
    "    .agg(nw.len().alias('n'), nw.col('double').mean().alias('m'), nw.col('riders').sum().alias('r'))\n"
    "    .sort('canton', 'known', nulls_last=True)\n)",
    "text": "SELECT day, sum(v) AS v, max(w) AS w FROM lines GROUP BY day ORDER BY day",
    "parts": "SELECT kind, sum(x) AS x FROM parts WHERE kind >= 1 GROUP BY kind ORDER BY kind",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("engines")
    for number, part in enumerate(trip_frame().iter_slices(400)):
        (root / "trips").mkdir(exist_ok=True)
        part.write_parquet(root / "trips" / f"{number}.parquet")
    (root / "cities.csv").write_text("city,canton\nBern,BE\nGenf,GE\nZug,ZG\n")
    (root / "lines.jsonl").write_text(
        '{"day": "mo", "v": 1, "w": 0.5}\n{"day": "di", "v": 2, "w": null}\n{"day": "mo", "v": 3, "w": 2.5}\n'
    )
    for kind in range(3):
        (root / f"parts/kind={kind}").mkdir(parents=True)
        pl.DataFrame({"x": [kind, 10]}).write_parquet(root / f"parts/kind={kind}/0.parquet")
    return root


@pytest.fixture
def engine(request, monkeypatch):
    """The name of an engine that answers."""
    fixture = {"spark": "spark_cluster", "bigquery": "bigquery_server"}.get(request.param)
    if fixture is not None:
        for name, value in request.getfixturevalue(fixture).environ.items():
            monkeypatch.setenv(name, value)
    return request.param


def sources_of(data):
    return {
        "trips": f"{data}/trips/",
        "cities": f"{data}/cities.csv",
        "lines": f"{data}/lines.jsonl",
        "parts": f"{data}/parts/",
    }


def rows(data, tmp_path, code, engine):
    named = {name: uri for name, uri in sources_of(data).items() if name in code}
    made = prepared(tmp_path, code, engine=engine, sources=named, outputs=("result",))["result"]
    frame = made.frame.with_columns(pl.selectors.float().round(9))
    return frame.columns, frame.rows()


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("cell", CELLS)
def test_every_engine_gives_the_same_rows(data, tmp_path, engine, cell):
    expected = rows(data, tmp_path, CELLS[cell], "duckdb")
    assert expected[1]
    assert rows(data, tmp_path, CELLS[cell], engine) == expected


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_every_engine_writes_files_and_partitions_of_frames_and_sources(data, tmp_path, engine):
    frames = {"wanted": pl.DataFrame({"city": ["Bern", "Zug"]})}
    code = "SELECT t.id, t.city, t.stamp FROM trips t JOIN wanted w ON t.city = w.city"
    out = tmp_path / "out"
    for uri, format_ in ((f"{out}/a.jsonl", ""), (f"{out}/by/", "parquet")):
        result = prepared(
            tmp_path,
            code,
            engine=engine,
            sources={"trips": f"{data}/trips/"},
            frames=frames,
            sinks={"result": uri},
            format=format_,
            partition_by=("city",) if format_ else (),
        )["result"]
        assert result.profile.rows == 400
        assert {c.name: c.nulls for c in result.profile.columns} == {"id": 0, "city": 0, "stamp": 0}
    assert names_in(out) == ["a.jsonl", "by"]
    assert names_in(out / "by") == ["city=Bern", "city=Zug"]
    by = pl.scan_parquet(out / "by", hive_partitioning=True).sort("id").collect()
    lines = pl.scan_ndjson(out / "a.jsonl").sort("id").collect()
    assert by["id"].to_list() == lines["id"].to_list()
    assert by["city"].to_list() == lines["city"].to_list()
    assert by["stamp"][0] == trip_frame(1)["stamp"][0]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_an_unknown_column_is_a_sentence_on_every_engine(data, tmp_path, engine):
    with raises_sentence(BadInput, "line 2", "nope"):
        rows(data, tmp_path, "SELECT id,\nnope FROM trips", engine)


@pytest.mark.engine
def test_bigquery_reads_and_writes_its_own_tables(bigquery_server, data, tmp_path, monkeypatch):
    for name, value in bigquery_server.environ.items():
        monkeypatch.setenv(name, value)
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    with bigquery.Client(credentials=AnonymousCredentials()) as client:
        client.create_dataset("own", exists_ok=True)
        made = prepared(
            tmp_path,
            "SELECT city, fare FROM trips WHERE fare > 20",
            engine="bigquery",
            sources={"trips": f"{data}/trips/"},
            sinks={"result": "bq://own.dear"},
        )["result"]
        expected = trip_frame().filter(pl.col("fare") > 20)
        assert made.profile.rows == expected.height
        assert {c.name: c.nulls for c in made.profile.columns} == {
            "city": expected["city"].null_count(),
            "fare": 0,
        }
        code = "SELECT count(*) AS n FROM dear"
        words = {"engine": "bigquery", "sources": {"dear": "bq://cloudml.own.dear"}}
        counted = prepared(tmp_path, code, outputs=("x",), **words)["x"]
        assert counted.frame.rows() == [(expected.height,)]
        left = [
            d.dataset_id for d in client.list_datasets() if d.dataset_id.startswith("cloudprep")
        ]
        assert left == []
    with raises_sentence(NotFound, "nothing"):
        prepared(
            tmp_path, "SELECT 1 AS x FROM t", engine="bigquery", sources={"t": "bq://own.nothing"}
        )
    with raises_sentence(BadInput, "--engine bigquery"):
        prepared(tmp_path, "SELECT 1 AS x FROM t", sources={"t": "bq://own.dear"})


def test_an_engine_that_is_not_there_is_a_sentence(data, tmp_path, monkeypatch):
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    with raises_sentence(BadInput, "SPARK_REMOTE"):
        rows(data, tmp_path, "SELECT id FROM trips", "spark")
