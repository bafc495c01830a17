"""``--memory``: a job that uses more is ended in one sentence, whatever its interpreter is at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.worker import memory

LIMIT = Resources(memory_mib=200)
HOLD = "x = b'x' * (400 << 20)\nimport time; time.sleep(600)"


@pytest.mark.parametrize(
    "source",
    [
        HOLD,
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {HOLD!r}])",
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {HOLD!r}], start_new_session=True)",
    ],
    ids=["in the cell", "in a child", "in a child with a session of its own"],
)
def test_a_job_that_uses_more_than_its_memory_fails_with_the_figure(run, source):
    job = run(f"print('begun', flush=True)\n{source}", resources=LIMIT)
    assert job.state == "FAILED"
    error = job.kinds("state")[-1]["error"]
    assert error["type"] == "MemoryExceeded"
    assert error["message"].startswith("used ")
    assert error["message"].endswith("M, more than --memory 200M")
    assert job.text() == "begun\n"
    assert job.exit_code == -9


def test_a_job_within_its_memory_goes_on_and_its_watcher_ends_with_it(run):
    job = run(
        "import os, time\n"
        "x = b'x' * (50 << 20)\n"
        f"time.sleep({3 * memory.EVERY_S})\n"
        "try: os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError: print('no child')",
        resources=LIMIT,
    )
    assert job.state == "SUCCEEDED", job.log
    assert job.text() == "no child\n"


def test_pages_of_files_and_what_several_share_are_no_use_of_memory(tmp_path: Path):
    before = memory.used_by(os.getpid())
    (tmp_path / "big").write_bytes(b"x" * (64 << 20))
    import mmap

    with (tmp_path / "big").open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert pages.find(b"y") == -1
    assert memory.used_by(os.getpid()) - before < 32 << 20
    held = b"z" * (64 << 20)
    assert memory.used_by(os.getpid()) - before > 32 << 20
    pages.close()
    del held


@pytest.mark.parametrize(
    ("used", "limit", "says"),
    [
        (int(1.2 * 2**30), 1024, "used 1.2G, more than --memory 1G"),
        (700 << 20, 512, "used 700M, more than --memory 512M"),
    ],
)
def test_sizes_are_said_as_people_write_them(used, limit, says):
    assert memory.exceeded(used, limit).message == says
