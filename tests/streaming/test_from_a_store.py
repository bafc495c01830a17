"""Streams from a real S3 server: workers open the store themselves, also after this process has talked to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jupyter_cloudml as cloudml
from jupyter_cloudml import streaming
from jupyter_cloudml.core.errors import CloudMLError, NotFound
from tests.streaming.conftest import numbers_of, write_npy, write_tar

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def one_bucket(s3_server):
    return s3_server.new_bucket("stream")


@pytest.fixture
def bucket(s3_server, one_bucket, monkeypatch):
    """A bucket; every test keeps to names of its own in it."""
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)
    return one_bucket


def test_what_was_written_to_a_store_streams_from_it_in_workers_and_without(bucket):
    uri = f"s3://{bucket}/train"
    samples = ({"image": np.full((3, 8), n, np.uint8), "label": n} for n in range(100))
    written = streaming.write(uri, samples, rows=10, shard_bytes=1000)
    assert len(written) > 2
    for num_workers in (0, 2, 0, 2):
        loader = cloudml.stream(uri, batch_size=8, shuffle=True).loader(num_workers)
        batches = list(loader)
        assert sorted(n for batch in batches for n in numbers_of(batch, "label")) == list(
            range(100)
        )
        assert all((batch["image"][:, 0, 0] == batch["label"]).all() for batch in batches)


@pytest.mark.parametrize(
    ("kind", "write", "column"), [("tar", write_tar, "cls"), ("npy", write_npy, "data")]
)
def test_shards_of_a_store_are_read_by_their_ranges(
    kind, write, column, bucket, s3_server, tmp_path
):
    for i in range(3):
        path = tmp_path / f"{i}.{kind}"
        write(path, list(range(i * 10, i * 10 + 10)))
        s3_server.client().put_object(
            Bucket=bucket, Key=f"{kind}/{path.name}", Body=path.read_bytes()
        )
    loader = cloudml.stream(f"s3://{bucket}/{kind}/", batch_size=4).loader(2)
    first = [numbers_of(batch, column) for batch in loader]
    assert sorted(n for part in first for n in part) == list(range(30))
    state = loader.state_dict()
    assert state["epoch"] == 1


def test_nothing_there_and_no_bucket_are_said(bucket):
    with pytest.raises(NotFound, match="there is nothing"):
        len(cloudml.stream(f"s3://{bucket}/none/", batch_size=2))
    with pytest.raises(NotFound, match="no-such-bucket-of-ours"):
        len(cloudml.stream("s3://no-such-bucket-of-ours/x", batch_size=2))


def test_a_stream_in_a_shut_store_says_why_and_not_the_key(bucket, s3_server, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(CloudMLError) as caught:
        len(cloudml.stream(f"s3://{bucket}/d/", batch_size=2))
    assert bucket in str(caught.value)
    assert s3_server.secret_key not in str(caught.value)


def test_a_process_that_streams_leaves_no_helper_behind(bucket, s3_server):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, jupyter_cloudml as c\nfrom jupyter_cloudml import streaming\n"
            f"streaming.write('s3://{bucket}/helper', [{{'x': 1}}])\n"
            f"assert len(list(c.stream('s3://{bucket}/helper', batch_size=1).loader(1))) == 1\n"
            "from jupyter_cloudml.stores import aside\n"
            "print(aside._helper._process.pid)\n"
            "import signal; os.kill(os.getpid(), signal.SIGKILL)",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -9, done.stderr
    pid = int(done.stdout)
    while Path(f"/proc/{pid}").exists():  # it ends by itself, once it sees that its parent is gone
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
