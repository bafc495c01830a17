"""Every format gives the same samples, and says what is wrong with a shard."""

from __future__ import annotations

import gzip
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import jupyter_cloudml as cloudml
from jupyter_cloudml import streaming
from jupyter_cloudml.core.errors import BadInput, CloudMLError, Corrupt
from jupyter_cloudml.streaming.formats import jsonl, npy, tar
from tests.streaming import conftest
from tests.streaming.conftest import WRITERS, member, numbers_of, write_parquet, write_tar


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_format_streams_each_sample_once(kind, shuffle, tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "UNIT_BYTES", 64)
    monkeypatch.setattr(tar, "UNIT_BYTES", 8000)
    monkeypatch.setattr(jsonl, "_UNIT_BYTES", 200)
    write, column = WRITERS[kind]
    folder = tmp_path / "d"
    folder.mkdir()
    for i, part in enumerate(np.array_split(np.arange(37), 3)):
        write(folder / f"s-{i}.{kind}", part.tolist())
    (folder / "_SUCCESS").touch()
    (folder / "readme.md").write_text("not a shard")
    stream = cloudml.stream(folder.as_uri(), batch_size=5, shuffle=shuffle)
    assert len(stream.index.units) > 3 or kind == "npz"
    seen = [n for batch in stream for n in numbers_of(batch, column)]
    assert (sorted(seen) if shuffle else seen) == list(range(37))
    assert shuffle == (seen != list(range(37)))


def test_one_object_is_a_data_set_too(tmp_path):
    write_parquet(tmp_path / "one.parquet", [3, 4])
    assert numbers_of(*cloudml.stream(str(tmp_path / "one.parquet"), batch_size=5)) == [3, 4]


def test_a_tar_gives_arrays_numbers_and_objects_by_extension(tmp_path):
    write_tar(tmp_path / "a.tar", [1, 2])
    (batch,) = cloudml.stream(str(tmp_path / "a.tar"), batch_size=5)
    assert list(batch) == ["__key__", "x.npy", "cls", "json"]
    assert batch["__key__"] == ["folder/000001", "folder/000002"]
    assert batch["x.npy"].shape == (2, 2, 3)
    assert batch["x.npy"].dtype == torch.float32
    assert batch["cls"].tolist() == [1, 2]
    assert batch["json"] == [{"n": 1}, {"n": 2}]


def test_members_of_a_tar_are_decoded_as_the_user_says(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member(archive, "1.raw", b"ab")
        member(archive, "2.raw", b"cd")
    decode = {"raw": lambda data: np.frombuffer(data, np.uint8)}
    (batch,) = cloudml.stream(str(tmp_path / "a.tar"), batch_size=5, decode=decode, columns=["raw"])
    assert batch["raw"].tolist() == [[97, 98], [99, 100]]


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_and_folders_in_a_tar_are_read_in_every_dialect(layout, tmp_path):
    stem = "d" * 90 + "/" + "n" * 60
    with tarfile.open(tmp_path / "a.tar", "w", format=layout) as archive:
        folder = tarfile.TarInfo("d" * 90)
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member(archive, f"{stem}.cls", b"7")
        member(archive, f"{stem}.txt", "é".encode())
        member(archive, "z.cls", b"8")
        member(archive, "z.txt", b"")
    (batch,) = cloudml.stream(str(tmp_path / "a.tar"), batch_size=5)
    assert batch["__key__"] == [stem, "z"]
    assert batch["cls"].tolist() == [7, 8]
    assert batch["txt"] == ["é", ""]


def test_what_was_counted_once_is_not_read_again(tmp_path, monkeypatch):
    write_tar(tmp_path / "a.tar", [1, 2])
    assert len(cloudml.stream(str(tmp_path / "a.tar"), batch_size=1)) == 2
    monkeypatch.setattr(tar, "find", lambda *_: pytest.fail("it was read again"))
    assert len(cloudml.stream(str(tmp_path / "a.tar"), batch_size=1)) == 2
    monkeypatch.undo()
    monkeypatch.setenv("CLOUDML_CACHE", str(tmp_path / "cache"))
    write_tar(tmp_path / "a.tar", [1, 2, 3])
    assert len(cloudml.stream(str(tmp_path / "a.tar"), batch_size=1)) == 3


def test_columns_of_parquet_that_are_not_asked_for_are_not_fetched(tmp_path):
    big = [bytes(2 << 20)] * 4
    pq.write_table(
        pa.table({"a": [1, 2, 3, 4], "big": big, "z": [5, 6, 7, 8]}),
        tmp_path / "a.parquet",
        compression="none",
        use_dictionary=False,
    )
    stream = cloudml.stream(str(tmp_path / "a.parquet"), batch_size=4, columns=["z", "a"])
    assert sum(length for _, length in stream.index.units[0].ranges) < 10_000
    (batch,) = stream
    assert {name: column.tolist() for name, column in batch.items()} == {
        "a": [1, 2, 3, 4],
        "z": [5, 6, 7, 8],
    }


def test_arrays_in_parquet_have_their_shape(tmp_path):
    numbers = pa.array([[1, 2], [3, 4]], pa.list_(pa.float32()))
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(
        np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    )
    table = pa.table({"list": numbers, "tensor": tensors, "flag": [True, False]})
    pq.write_table(table, tmp_path / "a.parquet")
    (batch,) = cloudml.stream(str(tmp_path / "a.parquet"), batch_size=4)
    assert batch["list"].tolist() == [[1, 2], [3, 4]]
    assert batch["tensor"].tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert batch["flag"].tolist() == [True, False]


def test_what_was_written_comes_back_and_a_shard_is_of_the_size_asked_for(tmp_path):
    samples = [
        {"image": np.full((3, 4, 4), n, np.float32), "label": n, "name": f"n{n}"} for n in range(50)
    ]
    written = streaming.write(tmp_path.as_uri() + "/d", samples, rows=4, shard_bytes=2000)
    assert len(written) == 5
    batches = list(cloudml.stream(tmp_path.as_uri() + "/d", batch_size=7))
    images = torch.cat([batch["image"] for batch in batches])
    assert images.shape == (50, 3, 4, 4)
    assert images.dtype == torch.float32
    assert images[:, 0, 0, 0].tolist() == list(range(50))
    assert [n for batch in batches for n in batch["label"].tolist()] == list(range(50))
    assert [n for batch in batches for n in batch["name"]] == [f"n{n}" for n in range(50)]


def test_samples_that_differ_are_not_written(tmp_path):
    with pytest.raises(BadInput, match="one type and shape"):
        streaming.write(tmp_path.as_uri(), [{"x": np.zeros(2)}, {"x": np.zeros(3)}])
    assert not list(tmp_path.iterdir())


def damaged_parquet(path):
    write_parquet(path, list(range(10)))
    path.write_bytes(path.read_bytes()[:-6])


def rotten_parquet(path):
    write_parquet(path, list(range(10)))
    data = path.read_bytes()
    path.write_bytes(b"PAR1" + bytes(len(data) // 4) + data[4 + len(data) // 4 :])


def cut_tar(path):
    write_tar(path, list(range(9)))
    path.write_bytes(path.read_bytes()[:5000])


def cut_in_a_member(path):
    with tarfile.open(path, "w") as archive:
        member(archive, "1.bin", bytes(5000))
    path.write_bytes(path.read_bytes()[:2048])


def gzipped_tar(path):
    write_tar(path, [1])
    path.write_bytes(gzip.compress(path.read_bytes()))


def uneven_tar(path):
    with tarfile.open(path, "w") as archive:
        member(archive, "1.cls", b"1")
        member(archive, "1.txt", b"one")
        member(archive, "2.cls", b"2")


def odd_cls(path):
    with tarfile.open(path, "w") as archive:
        member(archive, "1.cls", b"cat")


def null_parquet(path):
    pq.write_table(pa.table({"x": pa.array([1, None])}), path)


def object_npy(path):
    np.save(path, np.asarray([{}], dtype=object), allow_pickle=True)


def short_npy(path):
    np.save(path, np.zeros((100, 10)))
    path.write_bytes(path.read_bytes()[:-8])


def uneven_npz(path):
    np.savez(path, x=np.zeros(3), y=np.zeros(4))


def not_json(path):
    path.write_text('{"x": 1}\n{"x": \n')


def uneven_json(path):
    path.write_text('{"x": 1}\n{"y": 2}\n')


@pytest.mark.parametrize(
    ("write", "suffix", "why"),
    [
        (damaged_parquet, "parquet", "is not a Parquet file"),
        (rotten_parquet, "parquet", "row group 0 .* cannot be read"),
        (null_parquet, "parquet", "'x' .* has 1 nulls"),
        (cut_tar, "tar", "ends too early"),
        (cut_in_a_member, "tar", "ends within"),
        (gzipped_tar, "tar", "not a tar archive"),
        (uneven_tar, "tar", "'2' .* has no 'txt'"),
        (odd_cls, "tar", "'1.cls' .* cannot be read"),
        (object_npy, "npy", "is of objects"),
        (short_npy, "npy", "shorter than its header"),
        (uneven_npz, "npz", "differ in their first axis"),
        (not_json, "jsonl", "not JSON"),
        (uneven_json, "jsonl", "has no 'x'"),
    ],
)
def test_a_shard_that_cannot_be_streamed_is_named_with_the_reason(write, suffix, why, tmp_path):
    path = tmp_path / f"bad.{suffix}"
    write(path)
    with pytest.raises(CloudMLError, match=why) as caught:
        list(cloudml.stream(str(path), batch_size=2))
    assert "bad." in str(caught.value)
    assert isinstance(caught.value, BadInput | Corrupt)


def test_an_error_in_a_worker_is_the_same_error_here(tmp_path):
    rotten_parquet(tmp_path / "bad.parquet")
    with pytest.raises(Exception, match=r"row group 0 of .*bad\.parquet"):
        list(cloudml.stream(str(tmp_path / "bad.parquet"), batch_size=2).loader(1))


@pytest.mark.parametrize(
    ("names", "options", "why"),
    [
        (["a.csv"], {}, "'.*a.csv' is of no format that streams"),
        (["a.parquet", "a.jsonl"], {}, "several formats: jsonl, parquet"),
        (["a.parquet"], {"columns": ["nope"]}, "no column 'nope'.*x, y, name"),
        (["a.parquet"], {"format": "zip"}, "format='zip'"),
    ],
)
def test_what_cannot_be_a_data_set_is_refused(names, options, why, tmp_path):
    for name in names:
        kind = name.rpartition(".")[2]
        WRITERS.get(kind, (lambda path, _: path.write_text("1,2"),))[0](tmp_path / name, [1, 2])
    with pytest.raises(BadInput, match=why):
        len(cloudml.stream(tmp_path.as_uri(), batch_size=2, **options))


def test_shards_that_differ_in_a_column_are_named(tmp_path):
    write_parquet(tmp_path / "a.parquet", [1])
    pq.write_table(pa.table({"x": ["1"], "y": [1.0], "name": ["n"]}), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match=r"column 'x' is string in .*b\.parquet and int64 in"):
        len(cloudml.stream(tmp_path.as_uri(), batch_size=2))
    (batch,) = cloudml.stream(tmp_path.as_uri(), batch_size=2, columns=["y"])
    assert len(batch["y"]) == 2


def test_arrays_of_different_shapes_come_as_a_list(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for n in (1, 2):
            member(archive, f"{n}.npy", conftest.npy(np.zeros(n)))
            member(archive, f"{n}.json", json.dumps(n).encode())
    (batch,) = cloudml.stream(str(tmp_path / "a.tar"), batch_size=2)
    assert [len(array) for array in batch["npy"]] == [1, 2]
    assert batch["json"].tolist() == [1, 2]
