"""``jupyter cloudml data …`` on files; what differs between stores is the stores' own suite's affair."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jupyter_cloudml.cli.main import main
from jupyter_cloudml.cli.progress import Bar
from jupyter_cloudml.stores.file.store import FileStore


@pytest.fixture
def cli(capfdbinary: Any):
    """Run a command; its exit code, what it printed, and what it said on stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["data", *map(str, words)])
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """``lake/a.csv lake/year=2025/p.parquet lake/year=2026/p.parquet lake/year=2026/deep/notes.txt``."""
    lake = tmp_path / "lake"
    for year in (2025, 2026):
        folder = lake / f"year={year}"
        (folder / "deep").mkdir(parents=True)
        pq.write_table(pa.table({"n": list(range(year)), "s": ["x"] * year}), folder / "p.parquet")
    (lake / "year=2026/deep/notes.txt").write_text("line\nnext\n")
    (lake / "a.csv").write_text("city,price\nOslo,1.5\nVik,\n")
    (lake / "year=2025/deep").rmdir()
    return lake


def names(out: str, below: Path) -> list[str]:
    return [line.rpartition(f"{below}/")[2] for line in out.splitlines()]


def test_ls_lists_a_folder_a_file_and_everything_below(cli, tree) -> None:
    assert names(cli("ls", tree)[1], tree) == ["year=2025/", "year=2026/", "a.csv"]
    assert names(cli("ls", tree / "a.csv")[1], tree) == ["a.csv"]
    deep = json.loads(cli("ls", "-r", tree, "--json")[1])
    assert [item["name"] for item in deep] == ["a.csv", "p.parquet", "notes.txt", "p.parquet"]
    assert deep[0]["size"] == len("city,price\nOslo,1.5\nVik,\n")
    assert deep[0]["uri"] == (tree / "a.csv").as_uri()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a.csv"]),
        ("year=*/p.parquet", ["p.parquet", "p.parquet"]),
        ("year=202[6-9]/*", ["p.parquet", "deep/"]),
        ("**/*.parquet", ["p.parquet", "p.parquet"]),
        ("**/deep/*", ["notes.txt"]),
        ("year=*/", ["year=2025/", "year=2026/"]),
    ],
)
def test_patterns_find_what_they_say(cli, tree, pattern, expected) -> None:
    found = json.loads(cli("ls", f"{tree}/{pattern}", "--json")[1])
    assert sorted(item["name"] for item in found) == sorted(expected)


def test_a_pattern_works_from_the_current_folder_and_a_partition_is_no_pair(
    cli, tree, monkeypatch
) -> None:
    monkeypatch.chdir(tree)
    assert len(json.loads(cli("ls", "year=*/*.parquet", "--json")[1])) == 2
    assert cli("ls", "year=2026")[0] == 0


def test_ls_without_a_name_shows_the_stores_or_what_to_write(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    assert "[stores.lake]" in cli("ls")[1]
    (tmp_path / "cloudml.toml").write_text('[stores.lake]\nuri = "s3://bucket/prefix"\n')
    assert json.loads(cli("ls", "--json")[1]) == [{"name": "lake", "uri": "s3://bucket/prefix"}]


def test_cp_copies_one_file_many_and_a_tree(cli, tree, tmp_path) -> None:
    code, _, err = cli("cp", tree / "a.csv", tmp_path / "b.csv")
    assert (code, (tmp_path / "b.csv").read_text()) == (0, (tree / "a.csv").read_text())
    assert err.startswith("1 object copied")
    (tmp_path / "into").mkdir()
    cli("cp", tree / "a.csv", tmp_path / "into")
    cli("cp", f"{tree}/**/*.txt", tree / "year=2025/p.parquet", tmp_path / "into")
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == [
        "a.csv",
        "notes.txt",
        "p.parquet",
    ]
    said = json.loads(cli("cp", "-r", tree, tmp_path / "copy", "--json")[1])
    assert len(said["copied"]) == 4
    assert (tmp_path / "copy/year=2026/deep/notes.txt").read_text() == "line\nnext\n"


def test_a_repeated_copy_moves_only_what_is_missing(cli, tree, tmp_path, monkeypatch) -> None:
    moved: list[str] = []
    copy = FileStore.copy

    def stops(self: FileStore, source: str, target: str) -> Any:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(source)
        return copy(self, source, target)

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "copy", stops)
        assert cli("cp", "-r", tree, tmp_path / "copy")[0] == 130
    said = json.loads(cli("cp", "-r", tree, tmp_path / "copy", "--json")[1])
    assert (len(said["copied"]), said["there_already"]) == (2, 2)
    (tree / "a.csv").write_text("city,price\nOslo,2.5\nVik,\n")
    os.utime(tree / "a.csv", (4e9, 4e9))
    code, _, err = cli("cp", "-r", tree, tmp_path / "copy")
    assert (code, "1 object at" in err, "--yes" in err) == (2, True, True)
    assert cli("cp", "-r", tree, tmp_path / "copy", "--yes")[0] == 0
    assert "2.5" in (tmp_path / "copy/a.csv").read_text()
    assert (
        len(
            json.loads(cli("cp", "-r", "--force", "-y", tree, tmp_path / "copy", "--json")[1])[
                "copied"
            ]
        )
        == 4
    )


def test_rm_removes_one_and_asks_before_many(cli, tree) -> None:
    assert cli("rm", tree / "a.csv")[0] == 0
    assert not (tree / "a.csv").exists()
    code, _, err = cli("rm", "-r", tree / "year=2026")
    assert (code, "2 objects" in err, "--yes" in err) == (2, True, True)
    assert (tree / "year=2026/p.parquet").exists()
    assert json.loads(cli("rm", "-r", tree / "year=2026", "-y", "--json")[1])["count"] == 2
    assert not (tree / "year=2026").exists()
    assert cli("rm", f"{tree}/**/*.parquet", "--yes")[0] == 0
    assert list(tree.rglob("*.parquet")) == []


def test_rm_takes_links_and_nothing_that_they_lead_to(cli, tree, tmp_path) -> None:
    precious = tmp_path / "elsewhere/precious.csv"
    precious.parent.mkdir()
    precious.write_text("a\n1\n")
    (tree / "deep").mkdir()
    (tree / "deep/link").symlink_to(precious.parent)
    (tree / "nowhere").symlink_to(tmp_path / "gone")
    code, _, err = cli("rm", "-r", "-y", tree / "deep/link")
    assert (code, str(precious.parent) in err) == (2, True)
    assert cli("rm", "-y", f"{tree}/**/*.csv")[0] == 0
    assert not (tree / "a.csv").exists()
    assert cli("rm", "-r", "-y", tree)[0] == 0
    assert precious.read_text() == "a\n1\n"
    assert not tree.exists()


def test_cat_prints_bytes_as_they_are(cli, tree) -> None:
    assert cli("cat", tree / "a.csv", f"{tree}/**/*.txt")[1] == (
        "city,price\nOslo,1.5\nVik,\nline\nnext\n"
    )
    (tree / "raw").write_bytes(b"\xff\x00")
    assert json.loads(cli("cat", tree / "raw", "--json")[1])[0]["base64"] == "/wA="


def test_a_pipe_that_is_closed_early_is_quiet(tree) -> None:
    (tree / "long").write_text("a line\n" * 2_000_000)
    argv = [sys.executable, "-m", "jupyter_cloudml.cli.main", "data", "cat", str(tree / "long")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"a line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_head_shows_schema_and_rows(cli, tree) -> None:
    out = cli("head", tree / "year=2026/p.parquet", "-n", 3)[1]
    assert "parquet" in out.splitlines()[0]
    assert "2,026 rows" in out.splitlines()[0]
    assert "  n: int64" in out.splitlines()
    assert out.splitlines()[-3:] == ["0  x", "1  x", "2  x"]
    said = json.loads(cli("head", tree / "a.csv", "--json")[1])[0]
    assert said["columns"] == [
        {"name": "city", "type": "string"},
        {"name": "price", "type": "double"},
    ]
    assert said["rows"] == [["Oslo", 1.5], ["Vik", None]]
    assert cli("head", tree / "year=2026/deep/notes.txt", "-n", 1)[1] == "line\n"


def test_heads_of_json_lines_arrow_and_packed_files(cli, tmp_path) -> None:
    rows = [{"a": 1, "b": {"c": [1]}}, {"a": None, "t": "é"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "x.jsonl").write_text(text)
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    table = pa.table({"big": [2**60], "day": pa.array([0], pa.date32()), "raw": [b"\xff"]})
    with pa.ipc.new_file(tmp_path / "x.arrow", table.schema) as sink:
        sink.write_table(table)
    for name in ("x.jsonl", "x.jsonl.gz"):
        said = json.loads(cli("head", tmp_path / name, "--json")[1])[0]
        assert [column["name"] for column in said["columns"]] == ["a", "b", "t"]
        assert said["rows"] == [[1, '{"c": [1]}', None], [None, None, "é"]]
    said = json.loads(cli("head", tmp_path / "x.arrow", "--json")[1])[0]
    assert said["rows"] == [[str(2**60), "1970-01-01", "/w=="]]


def test_the_head_of_a_large_file_reads_a_little_of_it(cli, tmp_path) -> None:
    import numpy as np

    path = tmp_path / "large.parquet"
    draw = np.random.default_rng(0)
    columns = {f"c{i}": draw.random(500_000) for i in range(8)}
    pq.write_table(pa.table(columns), path, compression="none")
    said = json.loads(cli("head", path, "--json")[1])[0]
    assert said["total_rows"] == 500_000
    assert said["rows"][0][0] == columns["c0"][0]
    assert path.stat().st_size > 30 << 20
    assert said["fetched"] < 12 << 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ls", "/nowhere/at/all"], "/nowhere/at/all"),
        (["cat", "TREE"], "folder"),
        (["cp", "TREE", "TREE/x"], "-r"),
        (["cp", "TREE/a.csv"], "SOURCE"),
        (["cp", "TREE/a.csv", "TREE/a.csv"], "itself"),
        (["cp", "TREE/year=2025/p.parquet", "TREE/year=2026/p.parquet", "TREE/to/"], "both"),
        (["rm", "-r", "/"], "everything"),
        (["rm", "TREE"], "-r"),
        (["head", "TREE/a.csv", "-n", "none"], "'none'"),
        (["head", "TREE/bad.parquet"], "parquet"),
        (["head", "TREE/raw"], "neither a table nor text"),
        (["head", "TREE/deep.jsonl"], "deep.jsonl"),
        (["head", "TREE/large.jsonl"], "large.jsonl"),
        (["ls", "TREE/*.none"], "*.none"),
        (["ls", "nope://b/k"], "nope"),
        (["sl"], "'sl'"),
    ],
)
def test_what_is_wrong_is_one_sentence(cli, tree, words, said) -> None:
    (tree / "bad.parquet").write_text("no parquet at all")
    (tree / "raw").write_bytes(b"\x00\xff" * 50)
    (tree / "deep.jsonl").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    (tree / "large.jsonl").write_text('{"a": 123456789012345678901234567890}\n')
    code, out, err = cli(*(word.replace("TREE", str(tree)) for word in words))
    assert (code in (1, 2), out) == (True, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_head_shows_what_python_has_no_value_for(cli, tmp_path) -> None:
    days = pa.array([0, 2**30], pa.int32()).cast(pa.date32())
    times = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"day": days, "time": times}), tmp_path / "far.parquet")
    said = json.loads(cli("head", tmp_path / "far.parquet", "--json")[1])[0]
    assert said["rows"][0][0] == "1970-01-01"
    assert said["rows"][1] != [None, None]


def test_a_tree_goes_to_a_bucket_and_back_and_a_repeat_moves_nothing(
    cli, tree, tmp_path, s3_server, monkeypatch
) -> None:
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://{s3_server.new_bucket('cli')}"
    for count in (4, 0):
        code, out, err = cli("cp", "-r", tree, f"{bucket}/p", "--json")
        assert (code, err) == (0, ""), out
        said = json.loads(out)
        assert (len(said["copied"]), said["there_already"]) == (count, 4 - count)
    csv = (tree / "a.csv").read_text()
    listed = json.loads(cli("ls", f"{bucket}/p/a.csv", "--json")[1])
    sent = datetime.fromisoformat(listed[0]["modified"]).timestamp()
    (tree / "a.csv").write_text(csv.replace("Oslo", "Rome"))  # as large, and in the same second
    os.utime(tree / "a.csv", times=(sent + 0.9, sent + 0.9))
    said = json.loads(cli("cp", "-r", "-y", tree, f"{bucket}/p", "--json")[1])
    assert (len(said["copied"]), said["there_already"]) == (1, 3)
    listed = json.loads(cli("ls", f"{bucket}/p/year=*/", "-r", "--json")[1])
    assert [item["uri"].removeprefix(f"{bucket}/p/") for item in listed] == [
        "year=2025/p.parquet",
        "year=2026/deep/notes.txt",
        "year=2026/p.parquet",
    ]
    assert cli("cp", "-r", f"{bucket}/p", tmp_path / "back")[0] == 0
    for path in (path for path in tree.rglob("*") if path.is_file()):
        assert (tmp_path / "back" / path.relative_to(tree)).read_bytes() == path.read_bytes()
    assert cli("cp", f"{bucket}/p/a.csv", f"{bucket}/q/b.csv")[0] == 0
    assert cli("cat", f"{bucket}/q/*.csv")[1] == (tree / "a.csv").read_text()
    assert "2,026 rows" in cli("head", f"{bucket}/p/year=2026/p.parquet")[1]
    assert json.loads(cli("rm", "-r", "-y", f"{bucket}/p", "--json")[1])["count"] == 4
    code, _, err = cli("cat", f"{bucket}/p/a.csv")
    assert (code, len(err.splitlines())) == (2, 1)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_share_rate_and_remaining_time_and_goes_away() -> None:
    now = [0.0]
    stream = Terminal()
    with Bar(100 << 20, "3 objects", stream=stream, clock=lambda: now[0]) as bar:
        for _ in range(5):
            now[0] += 1.0
            bar.add(10 << 20)
        line = bar.line()
    assert " 50%" in line
    assert "50.0 MiB of 100 MiB  10.0 MiB/s  5.0 s left  3 objects" in line
    assert stream.getvalue().endswith("\r")
    assert stream.getvalue().rsplit("\r", 2)[-2].strip() == ""
    quiet = io.StringIO()
    with contextlib.suppress(ValueError), Bar(10, "x", stream=quiet) as bar:
        bar.add(10)
    assert quiet.getvalue() == ""
