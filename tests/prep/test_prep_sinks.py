"""Sinks have the old result or the whole new one, whatever is killed when."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep import sinks as sinks_of_prep
from jupyter_cloudml.prep.sinks import Sink, Staging, sink_of
from jupyter_cloudml.prep.tables import MANIFEST, resolve
from jupyter_cloudml.stores.open import open_store

from .conftest import names_in, raises_sentence

ROOT = Path(__file__).parents[2]


def all_files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "arrow"])
@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_every_format_comes_back_as_it_was(prep, trips, tmp_path, engine, suffix):
    cell = "SELECT id, city, fare, night, stamp FROM t ORDER BY id"
    sink = tmp_path / f"out.{suffix}"
    made = prep(cell, engine=engine, sources={"t": str(trips)}, sinks={"result": str(sink)})[
        "result"
    ]
    assert made.profile.rows == 1000
    assert {c.name: c.nulls for c in made.profile.columns}["city"] == 200
    back = prep(
        "SELECT id, city, fare, night FROM t ORDER BY id",
        engine=engine,
        sources={"t": str(sink)},
        outputs=("x",),
    )["x"].frame
    expected = prep(
        "SELECT id, city, fare, night FROM t ORDER BY id", sources={"t": str(trips)}, outputs=("x",)
    )["x"].frame
    assert back.rows() == expected.rows()
    assert all_files(tmp_path / "scratch") == []


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_partitions_are_folders_and_are_read_as_columns(prep, trips, tmp_path, engine, suffix):
    words = {"engine": engine, "partition_by": ("riders",), "format": suffix}
    prep(
        "SELECT riders, id FROM t",
        sources={"t": str(trips)},
        sinks={"result": f"{tmp_path}/by/"},
        **words,
    )
    assert names_in(tmp_path / "by") == [f"riders={n}" for n in range(5)]
    for reader in ("polars", "duckdb"):
        cell = "SELECT riders, count(*) AS n FROM t GROUP BY riders ORDER BY riders"
        made = prep(cell, engine=reader, sources={"t": f"{tmp_path}/by/"}, outputs=("x",))["x"]
        assert made.frame.rows() == [(n, 200) for n in range(5)]


def test_a_folder_is_replaced_as_a_whole(prep, trips, tmp_path):
    words = {
        "sources": {"t": str(trips)},
        "sinks": {"result": f"{tmp_path}/by/"},
        "partition_by": ("city",),
    }
    prep("SELECT city, id FROM t", **words)
    assert len(names_in(tmp_path / "by")) == 5
    prep("SELECT city, id FROM t WHERE city = 'Zug'", **words)
    assert names_in(tmp_path / "by") == ["city=Zug"]
    assert names_in(tmp_path) == ["by", "trips"]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_a_failure_leaves_the_old_result_and_nothing_else(prep, trips, tmp_path, engine):
    sink = tmp_path / "out.parquet"
    words = {"engine": engine, "sources": {"t": str(trips)}, "sinks": {"result": str(sink)}}
    prep("SELECT id FROM t", **words)
    before = sink.read_bytes()
    with raises_sentence(BadInput):
        prep("SELECT CAST(city AS BIGINT) AS c FROM t", **words)
    assert sink.read_bytes() == before
    assert names_in(tmp_path) == ["out.parquet", "trips"]


def test_of_several_sinks_none_changes_when_one_fails(prep, trips, tmp_path):
    cell = "a = t.select('id')\nb = t.select(nw.col('city').cast(nw.Int64))"
    sinks = {"a": f"{tmp_path}/a.parquet", "b": f"{tmp_path}/b.parquet"}
    with raises_sentence(BadInput):
        prep(cell, sources={"t": str(trips)}, sinks=sinks)
    assert names_in(tmp_path) == ["trips"]


def test_a_folder_of_other_things_is_never_replaced(prep, trips, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.tex").write_text("x")
    with raises_sentence(BadInput, "thesis.tex"):
        prep("SELECT id FROM t", sources={"t": str(trips)}, sinks={"result": f"{tmp_path}/home/"})
    with raises_sentence(BadInput, "is a folder"):
        prep(
            "SELECT id FROM t",
            sources={"t": str(trips)},
            sinks={"result": f"{trips}"},
            format="csv",
        )
    assert (tmp_path / "home/thesis.tex").exists()


def test_names_that_say_no_format_are_refused():
    with raises_sentence(BadInput, "a name without a suffix"):
        sink_of("/tmp/out")
    with raises_sentence(BadInput, "--partition-by day needs a folder", "/tmp/out/"):
        sink_of("/tmp/out.parquet", partition_by=("day",))
    assert sink_of("/tmp/out/").format == "parquet"
    assert sink_of("/tmp/out", format="csv") == Sink(uri="/tmp/out", format="csv")


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.prep.conftest import prepared
def report(bar, rows, words, is_done):
    print(rows, flush=True)
import polars as pl
pl.Config.set_streaming_chunk_size(20_000)
folder, sink = Path(sys.argv[2]), sys.argv[3]
code = '''import time
def slow(frame):
    print("row", flush=True)
    time.sleep(0.05)
    return frame
result = nw.from_native(t.to_native().map_batches(slow, streamable=True))'''
prepared(folder, code, sources={"t": str(folder / "big.parquet")}, sinks={"result": sink}, report=report)
"""


@pytest.mark.parametrize("name", ["out.parquet", "out/"])
def test_kill_in_the_middle_leaves_the_old_result_and_the_next_one_cleans_up(prep, tmp_path, name):
    pl.DataFrame({"id": range(2_000_000)}).write_parquet(
        tmp_path / "big.parquet", row_group_size=20_000
    )
    sink = f"{tmp_path}/{name}"
    prep(
        "SELECT id FROM t WHERE id < 3",
        sources={"t": f"{tmp_path}/big.parquet"},
        sinks={"result": sink},
    )
    argv = [sys.executable, "-c", KILLED, str(ROOT), str(tmp_path), sink]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    while "row" not in process.stdout.readline():
        assert process.poll() is None
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out*.part")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    left = [path.name for path in tmp_path.glob(".out*")]
    assert left, "it was killed before it wrote anything"
    read = {"sources": {"t": sink}, "outputs": ("x",)}
    assert prep("SELECT id FROM t ORDER BY id", **read)["x"].frame["id"].to_list() == [0, 1, 2]
    prep(
        "SELECT id FROM t WHERE id < 4",
        sources={"t": f"{tmp_path}/big.parquet"},
        sinks={"result": sink},
    )
    assert list(tmp_path.glob(".out*")) == []
    assert prep("SELECT id FROM t ORDER BY id", **read)["x"].frame.height == 4


class TestObjectStores:
    """The same over the object stores of all three clouds."""

    @pytest.fixture(params=["s3", "gs", "az"])
    def bucket(self, request, monkeypatch):
        fixture = {"s3": "s3_server", "gs": "gcs_server", "az": "azure_server"}[request.param]
        server = request.getfixturevalue(fixture)
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        return f"{request.param}://{server.new_bucket()}"

    def test_files_and_folders_are_read_and_written(self, prep, trips, bucket):
        prep(
            "SELECT * FROM t",
            sources={"t": str(trips)},
            sinks={"result": f"{bucket}/raw/all.parquet"},
        )
        words = {"sources": {"t": f"{bucket}/raw/*.parquet"}, "sinks": {"result": f"{bucket}/by/"}}
        for engine in ("polars", "duckdb"):
            prep("SELECT city, id FROM t", engine=engine, partition_by=("city",), **words)
            counted = prep(
                "SELECT city, count(*) AS n FROM t GROUP BY city ORDER BY city",
                engine=engine,
                sources={"t": f"{bucket}/by/"},
                outputs=("x",),
            )["x"]
            assert [n for _, n in counted.frame.rows()] == [200] * 5
        store, _ = open_store(f"{bucket}/by/")
        keys = [info.key for info in store.walk("by/")]
        assert (
            len(keys) == 6
        )  # the five of the second engine, and the manifest: nothing of the first
        assert not [key for key in keys if "/_cloudprep/" in key]

    def test_readers_go_by_the_manifest_so_leftovers_are_not_seen(
        self, prep, trips, bucket, monkeypatch
    ):
        sinks = {"result": f"{bucket}/out/"}
        prep("SELECT id FROM t", sources={"t": str(trips)}, sinks=sinks)
        store, _ = open_store(f"{bucket}/out/")
        listed = json.loads(store.read(f"out/{MANIFEST}"))["files"]
        store.copy(f"out/{next(iter(listed))}", "out/part-0-cpdeaddeaddead.parquet")
        store.copy(f"out/{next(iter(listed))}", "out/_cloudprep/killed/part-0.parquet")
        assert len(resolve("t", f"{bucket}/out/").files) == 1
        monkeypatch.setattr(sinks_of_prep, "LEFTOVER_S", -60)
        prep("SELECT id FROM t WHERE id < 5", sources={"t": str(trips)}, sinks=sinks)
        assert len(list(store.walk("out/"))) == 2  # the new part and the manifest

    def test_a_prefix_of_other_things_is_never_replaced(self, prep, trips, bucket):
        store, _ = open_store(f"{bucket}/theirs/")
        store.put("theirs/report.pdf", b"x")
        with raises_sentence(BadInput, "report.pdf"):
            prep(
                "SELECT id FROM t", sources={"t": str(trips)}, sinks={"result": f"{bucket}/theirs/"}
            )

    def test_a_failed_upload_takes_its_copies_back(self, bucket, tmp_path, monkeypatch):
        staging = Staging(sink_of(f"{bucket}/out/"), "job7", tmp_path)
        store, _ = open_store(f"{bucket}/out/")
        with staging.open():
            staging.path.mkdir(parents=True)
            for number in range(3):
                (staging.path / f"{number}.parquet").write_bytes(b"x" * 100)
            real = type(store).copy

            def copy(self, source, target):
                if source.endswith("2.parquet"):
                    raise OSError("cut")
                return real(self, source, target)

            monkeypatch.setattr(type(store), "copy", copy)
            with pytest.raises(OSError, match="cut"):
                staging.publish()
        assert list(store.walk("")) == []
