"""A disk that fills up: a submission leaves nothing behind, a running job ends with a state, and all goes on afterwards."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.rebuild import recovered

from . import processes
from .arena import Arena, wait_until
from .kernels import Plan

SIZE = "24m"


class Disk:
    """A small file system of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def fill(self) -> None:
        """Take every byte that is left."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(root)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        assert not os.environ.get("CI"), f"no disk can be mounted: {done.stderr}"
        pytest.skip(f"no disk can be mounted: {done.stderr}")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def small(disk: Disk, make_arena) -> Arena:
    """An arena whose home lies on the small disk, with an agent that has run a job already."""
    arena = make_arena(disk.root)
    assert arena.submit(short("first")).result(timeout=60)["total"] == 1001
    return arena


def short(label: str) -> Plan:
    return Plan(label=label, steps=2, pause_s=0.0, retries=0)


def test_a_submission_that_does_not_fit_leaves_nothing_and_the_next_one_succeeds(
    disk: Disk, small: Arena
) -> None:
    plans = {label: short(label) for label in ("first", "next")}
    wait_until(lambda: not small.session.registry.tracking_open(), "the first run's end")
    before = {path.name for path in small.home.jobs.iterdir()}
    big = Plan(label="big", steps=1, pause_s=0.0, retries=0, bulk=64 << 20)
    with pytest.raises(Unavailable, match=r"(?i)space|full"):
        small.submit(big)
    assert {path.name for path in small.home.jobs.iterdir()} == before
    disk.fill()
    with pytest.raises(Unavailable):
        small.submit(short("none"))
    assert {path.name for path in small.home.jobs.iterdir()} == before
    disk.free()
    assert small.submit(plans["next"]).result(timeout=60)["total"] == 1001
    small.settle()
    small.stop()
    assert [row.name for row in small.session.registry.list_jobs()] == ["next", "first"]
    small.check(plans)
    small.check_nothing_is_left()


def test_a_disk_that_fills_up_under_a_running_job_costs_that_job_at_most(
    disk: Disk, small: Arena
) -> None:
    plans = {label: short(label) for label in ("first", "next")}
    job = small.submit(Plan(label="long", steps=40, pause_s=0.05, retries=0))
    wait_until(lambda: "step 2" in job.text(), "its first lines")
    disk.fill()
    [worker] = processes.workers(small.home, small.session.registry)
    wait_until(lambda: not processes.victim("", worker.pid), "the worker's end")
    disk.free()
    state = job.wait(timeout=60)
    assert state in (JobState.FAILED, JobState.LOST)
    assert "step 2" in job.text()
    assert small.submit(plans["next"]).result(timeout=60)["total"] == 1001
    small.settle()
    row = job.row
    assert (row.state, bool(row.error or row.reason)) == (state, True)
    small.stop()
    states = {row["id"]: row["state"] for row in recovered(small.home.jobs)}
    assert states[job.id] == state
    small.check_nothing_is_left()


def test_many_jobs_on_a_disk_that_is_full_again_and_again_all_end(disk: Disk, small: Arena) -> None:
    dice = random.Random(5)
    jobs = []
    for round_number in range(6):
        disk.fill() if round_number % 2 else None
        for number in range(3):
            try:
                jobs.append(small.submit(short(f"{round_number}-{number}")))
            except Unavailable:
                continue
        wait_until(lambda: dice.random() < 0.02, "a moment")
        disk.free() if round_number % 2 else None
    small.settle()
    assert len(jobs) >= 9
    for job in jobs:
        assert job.state is JobState.SUCCEEDED or job.row.error, job.row
    small.stop()
    small.check_nothing_is_left()
