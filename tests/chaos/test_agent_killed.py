"""An agent that dies while it starts a job: the job runs once, and nobody who waits for it waits for ever."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from jupyter_cloudml.agent.environment import sensitive
from jupyter_cloudml.agent.nudge import nudge, request
from jupyter_cloudml.core.errors import JobLost, Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.lease import Lease, lease_holder
from jupyter_cloudml.targets.local.target import LocalTarget

from . import processes
from .arena import Arena, lines, wait_until
from .kernels import Plan

HAND_OVER = {"none": "after fork_exec", "light": "after send"}
RIGHT_AFTER, OTHERS = 10, 6


class DyingAgent:
    """An agent that kills itself at one instant after it has begun to start a job; 0: never."""

    def __init__(self, arena: Arena, instant: int) -> None:
        self._arena = arena
        root = arena.home.root
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.dying", str(instant), "agent", str(root)],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self.process.poll() is not None or self._answers(), "an agent")

    def has_spare(self) -> bool:
        """Whether a process waits for a job (or this one has died, over a job of its predecessor)."""
        try:
            zygotes = request(self._arena.home, {"op": "status"})["zygotes"]
        except Unavailable:
            return self.process.poll() is not None
        return any(zygote["spares"] for zygote in zygotes)

    def warm(self) -> None:
        """Have it make spares, and wait for one."""
        variables = sensitive(os.environ)
        message = {"op": "warm", "python": sys.executable, "environ": variables}
        with suppress(Unavailable):
            request(self._arena.home, message)
        wait_until(self.has_spare, "a spare")

    def _answers(self) -> bool:
        try:
            return bool(request(self._arena.home, {"op": "ping"}))
        except Unavailable:
            return False

    def start(self, wanted: Plan) -> None:
        """Have it start a job, and wait for the job's end or its own."""
        job = self._arena.queue(wanted)
        with suppress(Unavailable):
            request(self._arena.home, {"op": "nudge", "job": job.id})
        registry = self._arena.session.registry
        wait_until(
            lambda: self.process.poll() is not None or registry.get(job.id).state.is_final,
            "the job's end or the agent's",
        )

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        home = self._arena.home
        wait_until(lambda: lease_holder(home.agent_lock) is None, "the agent's death")


def short(label: str) -> Plan:
    return Plan(label=label, steps=2, pause_s=0.0, retries=0)


@pytest.mark.parametrize("level", ["none", "light"])
def test_an_agent_killed_between_hand_over_and_registry_starts_no_job_twice(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("CLOUDML_FORWARDER", "0")
    monkeypatch.setenv("CLOUDML_PRELOAD", level)
    plans: dict[str, Plan] = {}

    def start_and_die(label: str, instant: int) -> None:
        plans[label] = short(label)
        agent = DyingAgent(arena, instant)
        if level != "none":
            agent.warm()
        agent.start(plans[label])
        agent.end()

    start_and_die("rehearsal", 0)
    instants = lines(arena.home.root.parent / "instants")
    handed_over = instants.index(HAND_OVER[level]) + 1
    others = random.Random(level).sample(range(1, len(instants)), OTHERS)
    for instant in sorted({*range(handed_over, handed_over + RIGHT_AFTER), *others}):
        start_and_die(f"at-{instant}", instant)
    monkeypatch.setenv("CLOUDML_FORWARDER", "1")
    arena.settle()
    arena.stop()
    seen = arena.check(plans)
    assert seen[JobState.SUCCEEDED.value] == len(plans)
    arena.check_nothing_is_left()


def test_a_second_attempt_that_ended_without_its_agent_keeps_its_result(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent died right after the hand-over, and its heir had no free slot when it looked: the worker came later."""
    monkeypatch.setenv("CLOUDML_CPUS", "1")
    job = arena.submit(short("twice"))
    assert job.wait(timeout=60) is JobState.SUCCEEDED
    arena.settle()
    killed = processes.agent(arena.home)
    assert killed is not None
    arena.kill(killed)
    wait_until(lambda: processes.agent(arena.home) is None, "the agent's death")
    arena.session.registry.retry(job.id)
    paths = arena.home.job(job.id)
    with Lease.acquire(arena.home.slot_lock("cpu", "0")):
        target = LocalTarget(arena.home)
        target.submit(target.plan(job.spec, paths), f"{job.id}-2")
        [worker] = processes.workers(arena.home, arena.session.registry)
        os.kill(worker.pid, signal.SIGSTOP)
        book = paths.control / "start.jsonl"
        book.write_text("".join(f"{line}\n" for line in lines(book)[:-1]))  # not said: released
        nudge(arena.home)
        wait_until(lambda: job.row.reason, "a reason to wait")
        os.kill(worker.pid, signal.SIGCONT)
        wait_until(lambda: processes.victim("", worker.pid) is None, "the worker's end")
    wait_until(lambda: job.row.state.is_final, "the end")
    assert job.row.attempt == 2
    assert job.result(timeout=60)["total"] == 1001
    assert len(lines(arena.trace)) == 2


def test_who_waits_for_a_queued_job_whose_agent_was_killed_gets_its_result(arena: Arena) -> None:
    arena.submit(short("first")).result(timeout=60)
    killed = processes.agent(arena.home)
    assert killed is not None
    arena.kill(killed)
    wait_until(lambda: processes.agent(arena.home) is None, "the agent's death")
    assert arena.queue(short("second")).result(timeout=60)["total"] == 1001


def test_who_waits_for_a_job_whose_worker_was_killed_with_its_agent_is_told(arena: Arena) -> None:
    job = arena.submit(Plan(label="long", steps=600, pause_s=0.1, retries=0))
    wait_until(lambda: job.text(), "its first line")
    [worker] = processes.workers(arena.home, arena.session.registry)
    killed = processes.agent(arena.home)
    assert killed is not None
    arena.kill(killed)
    arena.kill(worker)
    with pytest.raises(JobLost):
        job.result(timeout=60)
    assert "step 0 of long" in job.text()
