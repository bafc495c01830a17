"""A data directory that is in the way, foreign, stale or damaged; an agent that hangs; a tracking server that is down."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder

from .kernels import answer, cli, processes_of, stop_agent, traces

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and give files away")


@pytest.fixture
def place(tmp_path):
    """A data directory that does not exist yet; nothing of it runs afterwards."""
    home = tmp_path / "data" / "home"
    home.parent.mkdir()
    yield home
    if home.is_dir():
        stop_agent(DataHome(home))
    deadline = time.monotonic() + 20
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_of(home) == {}


def refused(done, code=3):
    """The one line that a refused command says."""
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@ROOT_ONLY
def test_a_read_only_file_system_is_said_with_the_way_out(place):
    place.mkdir()
    folder = str(place.parent)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        for home in (place, place.parent / "new"):
            line = refused(cli(home, "run", "-c", "1", cwd=place.parent))
            assert "Read-only file system" in line
            assert "set CLOUDML_HOME to a directory that you may write" in line
    finally:
        subprocess.run(["umount", folder], check=True)
    assert list(place.iterdir()) == []


@ROOT_ONLY
def test_another_users_directory_is_refused(place):
    place.mkdir(mode=0o755)
    os.chown(place, 65534, 65534)
    assert "belongs to another user (set CLOUDML_HOME" in refused(cli(place, "run", "-c", "1"))
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["", "jobs", "slots", "agent.sock", "agent.lock", "registry.db"])
def test_something_in_the_way_is_said_in_seconds_and_leaves_no_job(place, name):
    """A file where a directory should be, or a directory where a file should be."""
    place.parent.mkdir(exist_ok=True)
    if not name:
        place.write_text("")
    else:
        place.mkdir()
        (place / name).mkdir() if "." in name else (place / name).write_text("")
    began = time.monotonic()
    assert str(place) in refused(cli(place, "run", "-c", "1"))
    assert time.monotonic() - began < 10
    jobs = place / "jobs"
    assert not jobs.is_dir() or list(jobs.iterdir()) == []


@ROOT_ONLY
def test_another_users_socket_is_not_spoken_to(place):
    place.mkdir(mode=0o700)
    script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(1, flush=True); sys.stdin.read()"
    door = place.parent / "door.sock"
    place.parent.chmod(0o777)
    for folder in place.parents:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    stranger = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script, str(door)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert stranger.stdout.readline() == b"1\n"
        door.rename(place / "agent.sock")
        line = refused(cli(place, "run", "-c", "1"))
        assert "is another user's agent (remove that file" in line
        assert list((place / "jobs").iterdir()) == []
    finally:
        stranger.communicate(b"")


def test_a_stale_socket_is_replaced(place):
    place.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "agent.sock"))
    assert cli(place, "run", "-c", "print(1)").stdout == "1\n"


def test_an_agent_that_hangs_is_said_within_seconds_and_nothing_is_half_done(place):
    assert cli(place, "run", "-c", "1", "--name", "first").returncode == 0
    home = DataHome(place)
    first = answer(place, "jobs")[0]["id"]
    deadline = time.monotonic() + 20
    while answer(place, "jobs")[0]["state"] != "SUCCEEDED" and time.monotonic() < deadline:
        time.sleep(0.05)
    before = traces(home)
    pid = lease_holder(home.agent_lock)
    os.kill(pid, signal.SIGSTOP)
    try:
        for words in (("run", "-c", "1"), ("retry", first), ("agent", "stop")):
            line = refused(cli(place, *words))
            assert f"the agent (process {pid}) does not answer (kill -9 {pid}:" in line
        assert traces(home) == before
        assert answer(place, "jobs")[0]["state"] == "SUCCEEDED"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert cli(place, "run", "-c", "print(2)").stdout == "2\n"


def test_a_damaged_registry_is_rebuilt_and_said(place):
    assert cli(place, "run", "-c", "1", "--name", "kept").returncode == 0
    stop_agent(DataHome(place))
    for name in ("registry.db", "registry.db-wal"):
        (place / name).write_bytes(b"garbage" * 1000)
    done = cli(place, "jobs")
    assert "kept" in done.stdout
    assert "was damaged; it was moved to" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert cli(place, "run", "-c", "print(3)").stdout == "3\n"


def _hurt(folder):
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.unlink()
        path.write_bytes(data)


def test_damaged_blobs_and_folders_are_named_and_the_way_out_works(notebook):
    notebook.run("import numpy as np\narray = np.arange(300_000.)")
    job = notebook.run("%%cloudtrain\ndouble = array * 2").job
    paths = notebook.home.job(job)
    _hurt(paths.result_blobs)
    for ran in (notebook.run(f"%cloudpull {job}"), notebook.run(f"%cloudattach {job}")):
        assert "does not match its checksum" in ran.error
        assert len(ran.traceback) == 1
    assert refused(cli(notebook.home.root, "pull", job), code=1)
    paths.result_manifest.write_text("{torn")
    assert f"the result of job {job} is damaged" in notebook.run(f"%cloudpull {job}").error

    for store in {notebook.home.blobs / path.name[3:5] for path in paths.bundle_blobs.iterdir()}:
        _hurt(store)
    broken = notebook.run("%%cloudtrain\ntotal = array.sum()")
    assert broken.error.startswith("Corrupt: blob")
    assert "submit the job again" in broken.error
    assert len(broken.traceback) == 1
    assert notebook.run("%%cloudtrain\ntotal = array.sum()").status == "ok"
    assert notebook.value("bool(total == array.sum())") == "True"

    shutil.rmtree(paths.root)
    for verb in ("%cloudattach", "%cloudpull", "%cloudretry", "%cloudlogs"):
        ran = notebook.run(f"{verb} {job}")
        assert ran.error == f"NotFound: the folder of job {job} is gone (submit it again)", verb
        assert len(ran.traceback) == 1


def test_a_tracking_server_that_is_down_stops_no_cell(another_kernel):
    kernel = another_kernel(
        MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
    )
    ran = kernel.run(
        "%%cloudtrain\nimport mlflow\nmlflow.log_metric('loss', 1.0)\nprint('ran')\nx = 1"
    )
    assert ran.status == "ok", ran.error
    assert ran.text() == "ran\n"
    assert kernel.value("x") == "1"
    shown = ran.text("stderr") + str(ran.cards[-1])
    assert "HTTPConnectionPool" not in shown
    assert "127.0.0.1:9" in shown
