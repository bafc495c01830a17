"""What ``--source`` names: files, patterns, folders, partitions; and what it cannot."""

from __future__ import annotations

import polars as pl
import pytest

from jupyter_cloudml.core.errors import BadInput, NotFound
from jupyter_cloudml.prep.tables import resolve

from .conftest import raises_sentence, trip_frame


def names(table):
    return [file.uri.rpartition("/")[2] for file in table.files]


def test_a_file_a_pattern_and_a_folder(trips):
    (trips / "_hidden.parquet").write_bytes(b"x")
    (trips / ".part.parquet").write_bytes(b"x")
    assert names(resolve("t", str(trips / "1.parquet"))) == ["1.parquet"]
    assert names(resolve("t", f"{trips}/[01].parquet")) == ["0.parquet", "1.parquet"]
    for uri in (str(trips), f"{trips}/", trips.as_uri()):
        assert names(resolve("t", uri)) == ["0.parquet", "1.parquet", "2.parquet"]


def test_sizes_and_etags_change_with_the_file(trips):
    before = resolve("t", str(trips))
    assert resolve("t", str(trips)) == before
    trip_frame(5).write_parquet(trips / "1.parquet")
    after = resolve("t", str(trips))
    assert [a.etag == b.etag for a, b in zip(before.files, after.files, strict=True)] == [
        True,
        False,
        True,
    ]


def test_deep_patterns_find_partitions(tmp_path):
    trip_frame().write_parquet(pl.PartitionBy(tmp_path / "by", key=["city"]), mkdir=True)
    table = resolve("t", f"{tmp_path}/by/**/*.parquet")
    assert table.is_partitioned
    assert len(table.files) == 5
    assert resolve("t", f"{tmp_path}/by/").is_partitioned


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.parquet", ["nothing.parquet", "no such file"]),
        ("*.nothing", ["no data"]),
        ("empty/", ["no data"]),
    ],
)
def test_what_is_not_there_is_said(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    with raises_sentence(NotFound, *words):
        resolve("t", f"{tmp_path}/{name}")


def test_formats_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "a.xlsx").write_text("x")
    with raises_sentence(BadInput, ".xlsx", "Parquet (.parquet)"):
        resolve("t", str(tmp_path / "a.xlsx"))
    (tmp_path / "two").mkdir()
    (tmp_path / "two/a.csv").write_text("a\n1\n")
    (tmp_path / "two/b.parquet").write_text("x")
    with raises_sentence(BadInput, "csv and parquet"):
        resolve("t", str(tmp_path / "two"))
