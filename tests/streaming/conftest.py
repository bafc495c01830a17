"""Shards of small samples whose number is their value, in every format."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDML_CACHE", str(tmp_path / "cache"))
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_parquet(path: Path, numbers: list[int], rows: int = 5) -> None:
    table = pa.table(
        {"x": numbers, "y": [n / 2 for n in numbers], "name": [f"n{n}" for n in numbers]}
    )
    pq.write_table(table, path, row_group_size=rows)


def write_tar(path: Path, numbers: list[int]) -> None:
    with tarfile.open(path, "w") as archive:
        for n in numbers:
            member(archive, f"folder/{n:06d}.x.npy", npy(np.full((2, 3), n, np.float32)))
            member(archive, f"folder/{n:06d}.cls", str(n).encode())
            member(archive, f"folder/{n:06d}.json", json.dumps({"n": n}).encode())


def write_npy(path: Path, numbers: list[int]) -> None:
    np.save(path, np.asarray([[n, n] for n in numbers], np.int32))


def write_npz(path: Path, numbers: list[int]) -> None:
    np.savez(path, x=np.asarray(numbers), y=np.asarray([[n, n] for n in numbers], np.float32))


def write_jsonl(path: Path, numbers: list[int]) -> None:
    lines = [json.dumps({"x": n, "v": [n, n + 0.5], "t": f"n{n}"}) for n in numbers]
    path.write_text("\n".join(lines) + "\n")


WRITERS = {
    "parquet": (write_parquet, "x"),
    "tar": (write_tar, "cls"),
    "npy": (write_npy, "data"),
    "npz": (write_npz, "x"),
    "jsonl": (write_jsonl, "x"),
}


def numbers_of(batch, column="x") -> list[int]:
    """The numbers of a batch's samples."""
    values = batch[column]
    return [int(value) for value in (values.reshape(len(values), -1)[:, 0])]


@pytest.fixture
def shards(tmp_path):
    """A folder of Parquet shards of uneven sizes: 103 samples."""
    folder = tmp_path / "shards"
    folder.mkdir()
    at = 0
    for i, size in enumerate([40, 1, 7, 30, 25]):
        write_parquet(folder / f"part-{i}.parquet", list(range(at, at + size)))
        at += size
    return folder.as_uri()
