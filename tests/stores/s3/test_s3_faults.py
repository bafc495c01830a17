"""A link that breaks, a server that is killed, a disk that is full, keys that run out: what moves again, and what is left."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest

from jupyter_cloudml.core.errors import Conflict, Unauthorised, Unavailable
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.s3 import store as s3_store
from jupyter_cloudml.stores.s3.store import S3Store
from jupyter_cloudml.stores.transfer import download, upload
from tests.engines.install import EngineMissing
from tests.engines.seaweedfs import SeaweedFS

pytestmark = pytest.mark.engine

PART = 5 << 20
SIZE = 16 * PART + 123


@pytest.fixture
def impatient(monkeypatch):
    """A broken link is tried again at once, and seldom; parts are as small as S3 allows."""
    monkeypatch.setattr(s3_store, "PART_BYTES", PART)
    for module in (download, upload):
        monkeypatch.setattr(module, "RETRIES", 1)
        monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def in_turn(monkeypatch):
    """Many small ranges, two at a time."""
    few = download.Pace(piece_bytes=1 << 20, threads=2)
    monkeypatch.setattr(download, "Pace", lambda: few)


@pytest.fixture
def store(bucket, chain, proxy, impatient):
    return S3Store(f"s3://{bucket}", StoreOptions(endpoint=proxy.endpoint))


@pytest.fixture(scope="module")
def data():
    return os.urandom(SIZE)


@pytest.fixture
def source(tmp_path, data):
    path = tmp_path / "source.bin"
    path.write_bytes(data)
    return path


@pytest.fixture
def key():
    return f"f/{uuid.uuid4().hex}"


def uploads(store, key):
    found = store._access.client.list_multipart_uploads(Bucket=store._bucket, Prefix=key)
    return found.get("Uploads", [])


def test_a_broken_download_goes_on_with_what_is_missing(store, proxy, key, source, tmp_path, data):
    store.put(key, source)
    target = tmp_path / "out" / "x"
    proxy.forget()
    proxy.cut_down_after = 12 * PART
    with pytest.raises(Unavailable, match="link"):
        store.get(key, target)
    assert not target.exists()
    assert sorted(path.name for path in target.parent.iterdir()) == [".x.part", ".x.part.journal"]
    lines = (target.parent / ".x.part.journal").read_text().splitlines()[1:]
    there = sum(json.loads(line)["n"] for line in lines)
    assert there > 4 * PART
    proxy.cut_down_after = None
    proxy.forget()
    told = []
    store.get(key, target, progress=told.append)
    assert target.read_bytes() == data
    assert sum(told) == SIZE
    assert proxy.down <= SIZE - there + 10_000
    assert [path.name for path in target.parent.iterdir()] == ["x"]


def test_resume_false_begins_anew_and_leaves_nothing(store, proxy, key, source, tmp_path):
    store.put(key, source)
    proxy.forget()
    proxy.cut_down_after = 6 * PART
    with pytest.raises(Unavailable):
        store.get(key, tmp_path / "out" / "x", resume=False)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_object_that_changed_is_fetched_from_the_beginning(
    store, proxy, key, source, tmp_path, data
):
    store.put(key, source)
    proxy.forget()
    proxy.cut_down_after = 12 * PART
    with pytest.raises(Unavailable):
        store.get(key, tmp_path / "x")
    proxy.cut_down_after = None
    source.write_bytes(data[::-1])
    store.put(key, source)
    store.get(key, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data[::-1]


def test_an_object_that_changes_meanwhile_is_a_conflict(store, key, source, tmp_path, in_turn):
    store.put(key, source)
    changed = []

    def meddle(count):
        if not changed:
            changed.append(True)
            store.put(key, b"another")

    with pytest.raises(Conflict):
        store.get(key, tmp_path / "out" / "x", progress=meddle)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_broken_upload_sends_only_the_missing_parts(store, proxy, key, source, own_home, data):
    proxy.cut_up_after = 14 * PART
    with pytest.raises(Unavailable):
        store.put(key, source)
    proxy.cut_up_after = None
    assert len(uploads(store, key)) == 1
    assert list(store.walk(key)) == []
    upload_id = uploads(store, key)[0]["UploadId"]
    sent = store._access.client.list_parts(Bucket=store._bucket, Key=key, UploadId=upload_id)
    noted = sum(
        '"part"' in line
        for path in (own_home / "uploads").iterdir()
        for line in path.read_text().splitlines()
    )
    assert 1 <= noted <= len(sent["Parts"])
    proxy.forget()
    told = []
    store.put(key, source, progress=told.append)
    assert sum(told) == SIZE
    assert proxy.up <= SIZE - noted * PART + 10_000
    assert store.read(key) == data
    assert uploads(store, key) == []
    assert list((own_home / "uploads").iterdir()) == []


def test_another_state_of_the_file_is_another_upload(store, proxy, key, source, data):
    proxy.cut_up_after = 6 * PART
    with pytest.raises(Unavailable):
        store.put(key, source)
    proxy.cut_up_after = None
    source.write_bytes(data[::-1])
    store.put(key, source)
    assert store.read(key) == data[::-1]
    assert uploads(store, key) == []


def test_a_file_that_changes_while_it_is_sent_never_shows(store, key, source):
    store.put(key, b"old")

    def meddle(count):
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(Conflict, match="changed while"):
        store.put(key, source, progress=meddle)
    assert store.read(key) == b"old"
    assert uploads(store, key) == []


def test_a_full_disk_is_said_before_and_while_bytes_move(
    store, proxy, key, source, tmp_path, monkeypatch, no_more_than
):
    store.put(key, source)
    target = tmp_path / "out" / "x"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1 << 20})())
        with pytest.raises(Unavailable, match="needs 80 MiB more and the disk has 1 MiB free"):
            store.get(key, target)
    with no_more_than(6 * PART), pytest.raises(Unavailable, match=r"out/x.*size limit"):
        store.get(key, target)
    assert not target.exists()
    store.get(key, target)
    assert target.stat().st_size == SIZE


def test_credentials_that_run_out_half_way_keep_what_arrived(
    store, proxy, key, source, tmp_path, in_turn
):
    store.put(key, source)
    proxy.forget()
    body = b"<Error><Code>ExpiredToken</Code><Message>old</Message></Error>"
    no = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    proxy.answer = lambda seen: no if proxy.down > 12 * PART and seen.method == "GET" else None
    with pytest.raises(Unauthorised, match="have expired"):
        store.get(key, tmp_path / "x")
    proxy.answer = None
    proxy.forget()
    store.get(key, tmp_path / "x")
    assert proxy.down < SIZE
    assert (tmp_path / "x").read_bytes() == source.read_bytes()


def test_two_downloads_to_one_path_do_not_disturb_each_other(store, key, source, tmp_path, data):
    store.put(key, source)
    threads = [
        threading.Thread(target=store.get, args=(key, tmp_path / "out" / "x")) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (tmp_path / "out" / "x").read_bytes() == data
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


KILLED = """
import os, sys
from pathlib import Path
from jupyter_cloudml.stores.s3 import store as s3_store
s3_store.PART_BYTES = 5 << 20
from jupyter_cloudml.stores.open import open_store
store, key = open_store(sys.argv[1])
moved = 0
def told(count):
    global moved
    moved += count
    if moved > {limit}:
        os.kill(os.getpid(), 9)
store.{verb}(key, Path(sys.argv[2]), progress=told)
"""


@pytest.mark.parametrize("verb", ["get", "put"])
def test_a_killed_client_goes_on_where_it_was(store, proxy, key, source, tmp_path, data, verb):
    path = source
    if verb == "get":
        store.put(key, source)
        path = tmp_path / "out"
    env = {**os.environ, "AWS_ENDPOINT_URL": proxy.endpoint}
    code = KILLED.format(verb=verb, limit=12 * PART)
    argv = [sys.executable, "-c", code, f"{store.root}/{key}", str(path)]
    assert subprocess.run(argv, env=env, timeout=120).returncode == -signal.SIGKILL
    assert verb == "put" or not path.exists()
    proxy.forget()
    getattr(store, verb)(key, path)
    assert path.read_bytes() == store.read(key) == data
    moved = proxy.up if verb == "put" else proxy.down - SIZE  # the read above came through, too
    assert moved <= SIZE - PART


@pytest.mark.slow
def test_a_server_killed_mid_transfer(tmp_path, monkeypatch, impatient, data, source):
    """kill -9 of SeaweedFS itself, both ways; once it is back the same call finishes."""
    try:
        server = SeaweedFS()
        server.start()
    except EngineMissing as exc:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no SeaweedFS here: {exc}")
    try:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        store = S3Store(f"s3://{server.new_bucket('killed')}", StoreOptions())
        store.put("there", source)
        for call in (
            lambda told: store.get("there", tmp_path / "x", progress=told),
            lambda told: store.put("new", source, progress=told),
        ):
            killed = []

            def kill(count, killed=killed):
                if not killed:
                    killed.append(True)
                    server.kill()

            with pytest.raises(Unavailable):
                call(kill)
            assert killed
            server.start()
            deadline = time.monotonic() + 60
            while True:  # volumes come back one after the other
                try:
                    call(lambda count: None)
                    break
                except Unavailable:
                    assert time.monotonic() < deadline
        assert (tmp_path / "x").read_bytes() == data
        assert store.read("new") == data
    finally:
        server.stop()
