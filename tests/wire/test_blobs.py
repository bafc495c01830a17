"""Blobs appear only whole, and damage is told, never used."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import Corrupt, Unavailable
from jupyter_cloudml.wire import BlobStore, digests, encode
from jupyter_cloudml.wire.digests import digest_of
from jupyter_cloudml.wire.pages import is_untouched

LARGE = 20 << 20


def test_blob_is_stored_once_and_read_back(tmp_path):
    store = BlobStore(tmp_path)
    first = store.put(b"hello")
    assert first.is_new
    assert not store.put(b"hello").is_new
    assert bytes(store.open(first.digest, first.size)) == b"hello"
    assert first.digest.startswith(("x3-", "b2-"))


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_chunks_make_the_same_blob_as_the_whole(tmp_path, size):
    data = os.urandom(size)
    store = BlobStore(tmp_path, fan_out=True)
    ref = store.put([data[: size // 3], data[size // 3 :]])
    assert ref.digest == store.put(bytearray(data)).digest == digest_of(data)
    assert bytes(store.open(ref.digest, size)) == data
    assert not list(tmp_path.rglob("*.part"))


def test_portable_blob_is_named_by_a_hash_of_the_standard_library(tmp_path):
    ref = BlobStore(tmp_path).put(b"hello", portable=True)
    assert ref.digest.startswith("b2-")
    assert bytes(BlobStore(tmp_path).open(ref.digest)) == b"hello"


def test_opened_blob_is_private_writable_memory(tmp_path):
    store = BlobStore(tmp_path)
    ref = store.put(b"hello")
    store.open(ref.digest)[0:1] = b"J"
    assert bytes(store.open(ref.digest)) == b"hello"


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_blob_is_corrupt(tmp_path, damage):
    store = BlobStore(tmp_path)
    ref = store.put(b"hello world")
    path = store.path(ref.digest)
    if damage == "flip":
        path.write_bytes(b"hellO world")
    elif damage == "cut":
        path.write_bytes(b"hello")
    else:
        path.unlink()
    with pytest.raises(Corrupt, match=ref.digest):
        store.open(ref.digest, ref.size)


def test_damage_of_a_large_blob_is_told_before_a_result_rests_on_it(tmp_path):
    store = BlobStore(tmp_path)
    ref = store.put(bytes(65 << 20))
    with store.path(ref.digest).open("r+b") as file:
        file.write(b"x")
    store.open(ref.digest, ref.size)
    with pytest.raises(Corrupt, match="checksum"):
        store.check()


@pytest.mark.parametrize("name", ["../../etc/passwd", "x3-zz", ""])
def test_digest_can_name_no_other_file(tmp_path, name):
    with pytest.raises(Corrupt, match="not the name of a blob"):
        BlobStore(tmp_path).open(name)


def test_blob_is_linked_into_a_job_folder(tmp_path):
    store = BlobStore(tmp_path / "shared", fan_out=True)
    ref = store.put(b"hello")
    linked = store.link_into(tmp_path / "job", ref.digest)
    assert linked.stat().st_ino == store.path(ref.digest).stat().st_ino
    assert store.link_into(tmp_path / "job", ref.digest) == linked
    assert bytes(BlobStore(tmp_path / "job").open(ref.digest, ref.size)) == b"hello"


def test_put_that_was_killed_midway_leaves_no_blob(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from jupyter_cloudml.wire import blobs\n"
        "real = os.write\n"
        "def dying(fd, data):\n"
        "    real(fd, data[:1000]); os.kill(os.getpid(), signal.SIGKILL)\n"
        "blobs.os.write = dying\n"
        f"blobs.BlobStore(Path(sys.argv[1])).put(bytes({LARGE}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == -signal.SIGKILL
    store = BlobStore(tmp_path)
    digest = digest_of(bytes(LARGE))
    assert not store.has(digest, LARGE)
    with pytest.raises(Corrupt):
        store.open(digest, LARGE)
    assert store.put(bytes(LARGE)).is_new


def _put(folder: str, number: int) -> str:
    return BlobStore(Path(folder)).put(bytes([number % 2]) * LARGE).digest


def test_many_processes_may_put_the_same_blob(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        digests = pool.starmap(_put, [(str(tmp_path), n) for n in range(8)])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(digests))
    for digest in set(digests):
        assert len(BlobStore(tmp_path).open(digest, LARGE)) == LARGE


def test_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be stored"):
        BlobStore(tmp_path / "file" / "blobs").put(b"hello")


def test_unchanged_value_is_not_written_again(tmp_path):
    import numpy as np

    a = np.arange(2_000_000)
    first = encode({"a": a}, namespace={}, blobs=BlobStore(tmp_path))
    again = encode({"a": a}, namespace={}, blobs=BlobStore(tmp_path))
    assert first.report[0].sent_bytes == a.nbytes
    assert again.report[0].sent_bytes == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_blob_that_is_stored_already_becomes_young_so_that_a_prune_keeps_it(tmp_path):
    store = BlobStore(tmp_path)
    for data in (b"small", bytearray(9 << 20)):
        path = store.path(store.put(data).digest)
        os.utime(path, (1, 1))
        again = store.put(data)
        assert not again.is_new
        assert path.stat().st_mtime > 1


def test_large_content_has_a_tree_digest_that_depends_on_content_alone(tmp_path, monkeypatch):
    data = bytearray(random.Random(1).randbytes(1 << 20) * 65)
    store = BlobStore(tmp_path)
    ref = store.put(data)
    assert ref.digest.startswith("t3-")
    monkeypatch.setattr(digests, "_cores", lambda: 1)
    assert digest_of(data) == ref.digest
    assert store.open(ref.digest) == data
    store.check()
    data[40 << 20] ^= 1
    assert digest_of(data) != ref.digest


def test_mapping_that_nobody_wrote_to_is_known_without_reading_it(tmp_path):
    store = BlobStore(tmp_path)
    ref = store.put(os.urandom(1 << 20))
    view = store.open(ref.digest)
    assert view[:10]
    assert is_untouched(view)
    view[500_000] = view[500_000]
    assert not is_untouched(view)
    assert not is_untouched(memoryview(bytearray(10)))
