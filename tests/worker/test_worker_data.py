"""Channels and checkpoints of a job that lie in a real S3 server."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

from jupyter_cloudml.worker.build import build_zipapp
from tests.worker.conftest import make_job

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def far(s3_server, tmp_path_factory):
    """A bucket with a table in two shards and a text."""
    bucket, client = s3_server.new_bucket("jobs"), s3_server.client()
    for i in range(2):
        path = tmp_path_factory.mktemp("far") / f"{i}.parquet"
        pyarrow.parquet.write_table(pyarrow.table({"x": [i * 2, i * 2 + 1]}), path)
        client.put_object(Bucket=bucket, Key=f"d/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket=bucket, Key="note.txt", Body=b"hello")
    return f"s3://{bucket}"


@pytest.fixture
def env(s3_server, tmp_path):
    return {**s3_server.environ, "CLOUDML_CACHE": str(tmp_path / "cache")}


USE = """
import jupyter_cloudml as c, narwhals as nw, os
text = c.data['note'].read_text()
names = sorted(os.listdir(c.data['train']))
total = c.data['train'].lazy().select(nw.col('x').sum()).collect().item()
seen = [batch['x'].tolist() for batch in c.data['train'].stream(batch_size=3).loader(2)]
where = str(c.data['note'].path)
"""


def test_data_of_a_store_is_a_path_a_table_and_a_stream(run, far, env, tmp_path):
    data = {"note": f"{far}/note.txt", "train": f"{far}/d"}
    for number in range(2):
        job = run(USE, data=data, env=env, id=str(number) * 12)
        assert job.state == "SUCCEEDED", job.error
        there = job.namespace
        assert there["text"] == "hello"
        assert there["names"] == ["0.parquet", "1.parquet"]
        assert there["total"] == 6
        assert there["seen"] == [[0, 1, 2], [3]]
        assert there["where"].startswith(str(tmp_path / "cache"))
        assert job.kinds("progress")[-1]["desc"].startswith("fetching ")


def test_data_that_is_not_there_fails_with_its_name(run, far, env):
    job = run("import jupyter_cloudml as c\nc.data['x'].path", data={"x": f"{far}/none"}, env=env)
    assert job.state == "FAILED"
    assert job.error["ename"] == "NotFound"
    assert f"{far}/none" in job.error["evalue"]


def test_a_bare_zipapp_reads_data_of_a_store(far, env, tmp_path):
    pyz = build_zipapp(tmp_path / "worker.pyz")
    source = "from jupyter_cloudml.worker import sdk\ntext = sdk.data()['note'].read_text()"
    job = make_job(
        tmp_path / "0123456789ab", source, portable=True, data={"note": f"{far}/note.txt"}
    )
    shutil.copy(pyz, tmp_path / "alone.pyz")
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "alone.pyz"), str(job.paths.root)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, (done.stderr, job.events)
    job.come_home()
    assert job.namespace["text"] == "hello"


SAVE = """
import jupyter_cloudml as c
found = c.checkpoint.latest()
at = c.checkpoint.latest_step() + 1
c.checkpoint.save({'at': at}, step=at, keep=2)
"""


def keys(s3_server, far):
    listed = s3_server.client().list_objects_v2(Bucket=far[5:], Prefix="runs/one/")
    return [item["Key"] for item in listed.get("Contents", [])]


def test_checkpoints_in_a_store_are_found_by_the_next_job_anywhere(run, far, env, s3_server):
    uri = f"{far}/runs/one"
    for number in range(4):
        job = run(SAVE, checkpoint_uri=uri, env=env, id=str(number) * 12)
        assert job.state == "SUCCEEDED", job.error
        assert job.namespace["found"] == ({"at": number - 1} if number else None)
        assert job.kinds("checkpoint")[-1]["uri"].startswith(f"{uri}/step-")
        shutil.rmtree(job.paths.root)
    kept = [key for key in keys(s3_server, far) if "/step-" in key]
    assert [key.rpartition("/")[2][:17] for key in kept] == [
        "step-000000000002",
        "step-000000000003",
    ]


def test_the_newest_checkpoint_is_the_last_saved_not_the_highest_step(run, far, env):
    source = "import jupyter_cloudml as c\nfor n in (7, 8, 0):\n    c.checkpoint.save(n, step=n)"
    run(source, checkpoint_uri=f"{far}/runs/two", env=env, id="0" * 12)
    job = run(SAVE, checkpoint_uri=f"{far}/runs/two", env=env, id="1" * 12)
    assert job.namespace["found"] == 0


def test_a_job_resumes_one_whose_checkpoints_lie_in_a_store(run, far, env):
    run(SAVE, checkpoint_uri=f"{far}/runs/three", env=env, id="0" * 12)
    second = run(SAVE, resume_from="0" * 12, env=env, id="1" * 12)
    assert second.namespace["found"] == {"at": 0}
    third = run(SAVE, resume_from="1" * 12, checkpoint_uri=f"{far}/runs/four", env=env, id="2" * 12)
    assert third.namespace["found"] == {"at": 1}
    fourth = run(SAVE, checkpoint_uri=f"{far}/runs/four", env=env, id="3" * 12)
    assert fourth.namespace["found"] == {"at": 2}
