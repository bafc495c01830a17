"""Leases end with their holder, however it dies, and tell who it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.lease import Lease, lease_holder

HOLD = """
import sys
from jupyter_cloudml.journal.lease import Lease
lease = Lease.acquire(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def _holder_process(path: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def test_the_holder_is_known_by_pid_and_the_lock_ends_with_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "lease" / "0.lock"
    assert lease_holder(path) is None
    child = _holder_process(path)
    try:
        assert lease_holder(path) == child.pid
        with pytest.raises(Unavailable, match=f"held by process {child.pid}"):
            Lease.acquire(path)
    finally:
        _end(child)
    assert lease_holder(path) is None
    Lease.acquire(path).release()


def test_asking_inside_the_holder_does_not_drop_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "0.lock"
    with Lease.acquire(path):
        assert lease_holder(path) == os.getpid()
        with pytest.raises(Unavailable, match=str(os.getpid())):
            Lease.acquire(path)
        assert _asked_elsewhere(path) == str(os.getpid())
    assert lease_holder(path) is None
    assert _asked_elsewhere(path) == "None"


def _asked_elsewhere(path: Path) -> str:
    ask = "import sys; from jupyter_cloudml.journal.lease import lease_holder; print(lease_holder(sys.argv[1]))"
    return subprocess.run(
        [sys.executable, "-c", ask, path], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_forked_child_holds_nothing_and_releases_nothing(tmp_path: Path) -> None:
    path = tmp_path / "0.lock"
    lease = Lease.acquire(path)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        seen = lease_holder(path)
        lease.release()
        os._exit(0 if seen == parent else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert _asked_elsewhere(path) == str(parent)
    lease.release()
    lease.release()


def test_a_lock_file_is_private(tmp_path: Path) -> None:
    with Lease.acquire(tmp_path / "lease" / "0.lock") as lease:
        assert lease.path.stat().st_mode & 0o777 == 0o600
        assert lease.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_lease_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        Lease.acquire(tmp_path / "file" / "0.lock")
    assert caught.value.hint
