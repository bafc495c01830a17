"""What a preparation must not do to data that is not its own, and what it must not take for known."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.sinks import Staging, sink_of
from jupyter_cloudml.stores.open import open_store

from .conftest import names_in

JOB = "0123456789ab"


@pytest.mark.parametrize(
    "name",
    [
        "raw.csv",
        "year=2025.csv",
        "deep/raw.parquet",
        "year=2025/a.parquet",
        "part-0.parquet",
        "bench-cpu.csv",
        "x-cp1.parquet",
        f"x-cp{JOB}.txt",
    ],
)
def test_a_folder_with_data_of_the_users_own_is_no_sink(prep, trips, tmp_path, name):
    own = tmp_path / "data" / name
    own.parent.mkdir(parents=True)
    own.write_bytes(b"a\n1\n")
    with pytest.raises(BadInput, match="did not write"):
        prep(
            "SELECT id FROM t",
            sources={"t": str(trips)},
            sinks={"result": f"{tmp_path}/data/"},
        )
    assert own.read_bytes() == b"a\n1\n"


@pytest.mark.parametrize("place", ["out.parquet", "out/"])
def test_a_sink_that_is_a_link_stays_one_and_the_result_is_where_it_leads(
    prep, trips, tmp_path, place
):
    there = tmp_path / "disk" / place
    there.parent.mkdir()
    link = tmp_path / place.rstrip("/")
    link.symlink_to(there)
    for _ in range(2):
        prep("SELECT id FROM t", sources={"t": str(trips)}, sinks={"result": f"{tmp_path}/{place}"})
        assert link.is_symlink()
        assert pl.read_parquet(there).columns == ["id"]
    assert names_in(there.parent) == [place.rstrip("/")]


def test_a_link_in_a_folder_is_somebodys_too(prep, trips, tmp_path):
    words = {"sources": {"t": str(trips)}, "sinks": {"result": f"{tmp_path}/out/"}}
    prep("SELECT id FROM t", **words)
    link = tmp_path / "out" / f"link-cp{JOB}.parquet"
    link.symlink_to(trips)
    with pytest.raises(BadInput, match="did not write"):
        prep("SELECT city FROM t", **words)
    assert link.is_symlink()


def test_two_sinks_that_meet_through_a_link_are_one_place(prep, trips, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for second in ("real/", "real/in/"):
        with pytest.raises(BadInput, match=r"one place|lies in"):
            prep(
                TWO,
                sources={"t": str(trips)},
                sinks={"x": f"{tmp_path}/link/", "y": f"{tmp_path}/{second}"},
            )
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BadInput, match="loop"):
        prep("SELECT id FROM t", sources={"t": str(trips)}, sinks={"x": f"{tmp_path}/loop/"})


TWO = """x = t.select("id")
y = t.select("city")
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [("out.parquet", "out.parquet"), ("out/", "out/y.parquet"), ("out/", "out/deep/")],
)
def test_two_results_in_one_place_are_refused(prep, trips, tmp_path, first, second):
    with pytest.raises(BadInput, match=r"one place|lies in"):
        prep(
            TWO,
            sources={"t": str(trips)},
            sinks={"x": f"{tmp_path}/{first}", "y": f"{tmp_path}/{second}"},
        )
    assert names_in(tmp_path) == ["trips"]


def test_sinks_of_one_name_in_two_prefixes_are_written_apart(tmp_path):
    sinks = [sink_of(f"s3://lake/{part}/data.parquet") for part in ("train", "test")]
    paths = {Staging(sink, JOB, tmp_path).path for sink in sinks}
    assert len(paths) == 2


@pytest.mark.parametrize(
    "cell",
    [
        "SELECT * FROM read_csv('FILE')",
        "SELECT a, random() AS r FROM t, read_csv('FILE')",
        "SELECT now() AS at FROM t",
        "SELECT current_timestamp AS at FROM t",
    ],
)
def test_what_may_differ_next_time_is_computed_again(prep, tmp_path, cell):
    file = tmp_path / "o.csv"
    file.write_text("a\n1\n")
    pl.DataFrame({"n": [1]}).write_parquet(tmp_path / "t.parquet")
    cell = cell.replace("FILE", str(file))
    words = {"sources": {"t": f"{tmp_path}/t.parquet"}, "outputs": ("x",), "is_cached": True}
    assert [prep(cell, **words)["x"].is_cached for _ in range(2)] == [False, False]


def test_a_column_that_is_called_like_a_function_is_remembered(prep, tmp_path):
    pl.DataFrame({"now": [1], "read_at": [2]}).write_parquet(tmp_path / "t.parquet")
    words = {"sources": {"t": f"{tmp_path}/t.parquet"}, "outputs": ("x",), "is_cached": True}
    made = [prep("SELECT now, read_at FROM t", **words)["x"].is_cached for _ in range(2)]
    assert made == [False, True]


def test_a_result_in_a_store_leaves_what_another_preparation_uploads(
    s3_server, tmp_path, monkeypatch
):
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{s3_server.new_bucket()}/overlap/"
    store, prefix = open_store(uri)
    store.put(f"{prefix}_cloudprep/other/part-0.parquet", b"on its way")
    staging = Staging(sink_of(uri), JOB, tmp_path)
    with staging.open():
        staging.path.mkdir(parents=True)
        pl.DataFrame({"n": [1]}).write_parquet(staging.path / "part-0.parquet")
        staging.publish()
    keys = sorted(info.key[len(prefix) :] for info in store.walk(prefix))
    assert keys == ["_cloudprep.json", "_cloudprep/other/part-0.parquet", f"part-0-cp{JOB}.parquet"]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_names_that_look_like_patterns_are_those_of_one_file(prep, tmp_path, engine, suffix):
    folder = tmp_path / "odd"
    folder.mkdir()
    for value, name in enumerate(["a[1]", "a1", "x*y", "xzy", "q?", "qq", "100% #ü"]):
        frame = pl.DataFrame({"n": [value]})
        path = folder / f"{name}.{suffix}"
        {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[
            suffix
        ](path)
    words = {"sources": {"t": f"{folder}/"}, "outputs": ("x",), "engine": engine}
    made = prep("SELECT n FROM t ORDER BY n", **words)["x"]
    assert made.frame["n"].to_list() == list(range(7))


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_names_in_a_store_that_look_like_patterns_are_those_of_one_file(
    s3_server, prep, tmp_path, monkeypatch, engine, suffix
):
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{s3_server.new_bucket()}/odd/"
    for value, name in enumerate(["a[1]", "a1", "x*y", "xzy", "é (2)+[3]"]):
        frame = pl.DataFrame({"n": [value]})
        path = tmp_path / f"{name}.{suffix}"
        {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[
            suffix
        ](path)
        store, key = open_store(f"{uri}{path.name}")
        store.put(key, path)
    words = {"sources": {"t": uri}, "outputs": ("x",), "engine": engine}
    made = prep("SELECT n FROM t ORDER BY n", **words)["x"]
    assert made.frame["n"].to_list() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("engine", "format_"),
    [
        *(("polars", kind) for kind in ("parquet", "csv", "jsonl", "arrow")),
        *(("duckdb", kind) for kind in ("parquet", "csv", "jsonl")),
    ],
)
@pytest.mark.parametrize("partition_by", [(), ("city",)])
def test_the_profile_of_a_sink_that_looks_like_a_pattern_is_its_own(
    prep, trips, tmp_path, engine, format_, partition_by
):
    ending = "/" if partition_by else f".{format_}"
    words = {"engine": engine, "sources": {"t": str(trips)}, "partition_by": partition_by}
    words["format"] = format_
    rows = {}
    for name, code in (("out1", "SELECT * FROM t LIMIT 7"), ("out[1]", "SELECT * FROM t LIMIT 5")):
        made = prep(code, sinks={"result": f"{tmp_path}/{name}{ending}"}, **words)
        rows[name] = made["result"].profile.rows
    assert rows == {"out1": 7, "out[1]": 5}


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("format_", ["parquet", "csv", "jsonl", "arrow"])
@pytest.mark.parametrize("partition_by", [(), ("city",)])
def test_a_result_of_any_kind_may_be_replaced_by_the_next(
    prep, trips, tmp_path, engine, format_, partition_by
):
    words = {
        "engine": engine,
        "sources": {"t": str(trips)},
        "sinks": {"result": f"{tmp_path}/out/"},
        "format": format_,
        "partition_by": partition_by,
    }
    if engine == "duckdb" and format_ == "arrow" and partition_by:
        with pytest.raises(BadInput, match="--engine polars"):
            prep("SELECT id, city FROM t", **words)
        return
    for column in ("id", "fare"):
        prep(f"SELECT {column}, city FROM t", **words)
    names = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert names
    assert {name.rpartition("-")[2] for name in names} == {f"cp{JOB}.{format_}"}
