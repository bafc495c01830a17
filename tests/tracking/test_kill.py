"""Forwarders killed at random instants, and servers that go away: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.tracking.ui import TrackingUI, free_port

from .conftest import Home, Job, kill

DEADLINE_S = 60


def nudge(home: Home, text: str) -> None:
    fd = os.open(home.root / "nudges", os.O_RDWR | os.O_NONBLOCK)
    os.write(fd, f"{text}\n".encode())
    os.close(fd)


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def all_ended(jobs: list[Job]) -> bool:
    return all(job.row.tracking_state == "ended" for job in jobs)


def live_through_kills(home: Home, forkserver, kills: int, longest_s: float) -> list[Job]:
    """Jobs that start, log and end while forwarders are born and killed; the last forwarder finishes the work."""
    dice = random.Random(7)
    jobs: list[Job] = []
    steps: dict[str, int] = {}
    for turn in range(kills):
        pid = forkserver.start(home.root)
        if turn % 4 == 0:
            jobs.append(home.job(params={"lr": turn}).start())
            steps[jobs[-1].id] = 0
        deadline = time.monotonic() + dice.uniform(0, longest_s)
        while time.monotonic() < deadline:
            job = dice.choice(jobs)
            if not job.row.state.is_final:
                job.metrics(steps[job.id], steps[job.id] + 20)
                steps[job.id] += 20
                nudge(home, f"job {job.id}")
            time.sleep(0.01)
        if turn % 4 == 3:
            jobs[-1].end()
        kill(pid)
    for job in jobs:
        if not job.row.state.is_final:
            job.end()
    forkserver.start(home.root)
    wait_for(lambda: all_ended(jobs), "the last forwarder ends every run")
    for job in jobs:
        assert [step for step, _, _ in home.points(job)] == list(range(steps[job.id]))
        assert home.run_of(job)[1::2] == ("FINISHED", job_end_ms(job))
        assert set(home.pairs(job, "params")) == {"lr"}
    return jobs


def job_end_ms(job: Job) -> int:
    return round((job.row.ended_at - 50) * 1000)


def test_kill_9_at_random_instants_loses_and_doubles_nothing_on_sqlite(home, forkserver):
    jobs = live_through_kills(home, forkserver, kills=24, longest_s=0.7)
    assert len(jobs) == 6
    assert home.sql("SELECT count(*) FROM runs") == [(6,)]


@pytest.mark.slow
def test_kill_9_at_random_instants_loses_and_doubles_nothing_on_a_server(
    home, forkserver, mlflow_server
):
    home.uri = mlflow_server.url
    live_through_kills(home, forkserver, kills=16, longest_s=0.7)


@pytest.mark.slow
def test_a_killed_server_is_waited_for_and_everything_arrives_when_it_is_back(home, forkserver):
    store, port = home.uri, free_port()
    home.uri = f"http://127.0.0.1:{port}"
    with TrackingUI(store, home.root, port=port) as server:
        running = home.job().start()
        pid = forkserver.start(home.root)
        running.metrics(0, 50)
        wait_for(lambda: running.run_json.get("run_id"), "the run exists")
        assert server._process is not None
        os.killpg(server._process.pid, signal.SIGKILL)
    running.metrics(50, 100)
    late = home.job().start()
    late.metrics(0, 30)
    nudge(home, f"job {late.id}")
    wait_for(lambda: "does not answer" in late.run_json.get("error", ""), "the worker can say so")
    assert "run_id" in running.run_json
    running.end(JobState.FAILED)
    nudge(home, f"end {running.id}")
    wait_for(lambda: running.row.tracking_error.startswith("waiting: "), "the registry says so")
    kill(pid)
    forkserver.start(home.root)
    late.end()
    with TrackingUI(store, home.root, port=port):
        wait_for(lambda: all_ended([running, late]), "both runs end")
    assert home.run_of(running)[1::2] == ("FAILED", job_end_ms(running))
    assert home.run_of(late)[1::2] == ("FINISHED", job_end_ms(late))
    assert [step for step, _, _ in home.points(running)] == list(range(100))
    assert [step for step, _, _ in home.points(late)] == list(range(30))
    assert running.row.tracking_error == late.row.tracking_error == ""


def test_a_newer_forwarder_takes_over_from_the_one_before(home, forkserver):
    lock = home.root / "tracking.lock"
    first = forkserver.start(home.root)
    wait_for(lambda: lease_holder(lock) == first, "the first one works")
    second = forkserver.start(home.root)
    wait_for(lambda: lease_holder(lock) == second, "the second one works")
    wait_for(lambda: not Path(f"/proc/{first}").exists(), "the first one is gone")


def test_without_open_jobs_it_ends_after_a_while(home, forkserver):
    pid = forkserver.start(home.root, idle_s=0.2)
    job = home.job().start()
    nudge(home, f"job {job.id}")
    wait_for(lambda: job.run_json, "the run exists")
    job.end()
    nudge(home, f"end {job.id}")
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "it ends")
    assert home.run_of(job)[1] == "FINISHED"
