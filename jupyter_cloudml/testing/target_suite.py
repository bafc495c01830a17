"""What every target must do, as tests. Subclass, give the fixtures, and run pytest.

Backend authors: jobs run your real worker in your real engine; the folder is the one that ``make_job`` makes. If folders
travel, override ``push`` and ``pull``. If pids of the far side mean nothing here, override ``kill_worker``.
"""

# ruff: noqa: ARG002 - hooks have arguments for those who override them

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..core.errors import JobCancelled, Unavailable
from ..core.events import STATE
from ..core.spec import JobSpec
from ..core.states import ACTIVE, JobState
from ..journal.atomic import read_json
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..journal.reader import read_events
from ..targets.port import UNKNOWN, Request, Status, Target
from .jobs import Outcome, make_job, outcome_of, wait_until

WAIT_FOR = """
import pathlib, time
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
"""
TRY_TO_STOP_ME = """
print("begun", flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


@dataclass
class Running:
    """A job that a test has submitted."""

    paths: JobPaths
    request: Request
    ref: str
    suite: TargetSuite = field(repr=False)
    target: Target = field(repr=False)

    def status(self) -> Status:
        """One poll of this job alone."""
        return self.target.poll([self.ref])[self.ref]

    def wait(self, *states: JobState) -> Status:
        """Poll until the job stands at one of ``states`` (none: at a final one); then fetch its folder."""

        def look() -> Status | None:
            status = self.status()
            is_there = status.state in states if states else status.state not in {None, *ACTIVE}
            return status if is_there else None

        what = f"{self.ref} to be {', '.join(states) or 'final'}; log: {_tail(self.paths)}"
        status = wait_until(look, timeout_s=self.suite.timeout_s, what=what)
        self.suite.pull(self.target, self.paths)
        return status

    def wait_for_output(self, text: str) -> None:
        """Until the cell has printed ``text``."""

        def look() -> bool:
            self.suite.pull(self.target, self.paths)
            return text in self.outcome().stdout

        wait_until(look, timeout_s=self.suite.timeout_s, what=f"output {text!r}")

    def outcome(self) -> Outcome:
        return outcome_of(self.paths)


class TargetSuite:
    """Conformance of a target; every test is a promise of ``targets.port.Target``."""

    timeout_s = 120.0

    @pytest.fixture
    def home(self, tmp_path: Path) -> DataHome:
        (tmp_path / "home").mkdir(mode=0o700)
        return DataHome(tmp_path / "home")

    @pytest.fixture
    def target(self, home: DataHome) -> Target:
        """Backend authors: override this."""
        raise LookupError("override the fixture 'target'")

    @pytest.fixture
    def reopened(self, target: Target) -> Target:
        """Backend authors: a new object for the same place, as after a restart. Override this."""
        raise LookupError("override the fixture 'reopened'")

    @pytest.fixture
    def gate(self, tmp_path: Path) -> Path:
        """A file that both sides see: jobs of some tests wait until it exists."""
        return tmp_path / "gate"

    @pytest.fixture
    def run(self, home: DataHome, target: Target) -> Iterator[Callable[..., Running]]:
        """``run(source, values, **spec)`` submits a job; whatever still runs after the test is killed."""
        started: list[Running] = []

        def submit(source: str, values: dict[str, Any] | None = None, **spec: Any) -> Running:
            paths = make_job(home, source, values, **spec)
            self.push(target, paths)
            request = target.plan(spec_of(paths), paths)
            ref = target.submit(request, f"{paths.job_id}:1")
            started.append(Running(paths, request, ref, self, target))
            return started[-1]

        yield submit
        for job in started:
            self._end(job)

    def push(self, target: Target, paths: JobPaths) -> None:
        """Backend authors: send the folder, where the target does not read it in place."""

    def pull(self, target: Target, paths: JobPaths) -> None:
        """Backend authors: fetch the folder, where the target does not write it in place."""

    def kill_worker(self, job: Running) -> None:
        """Backend authors: end the worker as a crash does, without a chance to say anything."""
        events, _ = read_events(job.paths.journal())
        pid = next(e["pid"] for e in events if e["k"] == STATE and e["state"] == "RUNNING")
        os.kill(pid, signal.SIGKILL)

    # plan

    def test_plan_is_pure_and_printable(self, home: DataHome, target: Target) -> None:
        paths = make_job(home, "x = 1")
        before = {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")}
        first, second = (target.plan(spec_of(paths), paths) for _ in range(2))
        assert first == second
        assert first.job_id == paths.job_id
        assert str(first)
        assert json.loads(json.dumps(first.to_json()))
        assert {path: path.stat().st_mtime_ns for path in paths.root.rglob("*")} == before

    # results

    def test_a_cell_brings_its_values_home(self, run: Callable[..., Running]) -> None:
        job = run("y = [x, x + 1]\nx += 10", {"x": 1})
        status = job.wait()
        assert (status.state, status.exit_code) == (JobState.SUCCEEDED, 0)
        assert job.outcome().values["y"] == [1, 2]
        assert job.outcome().values["x"] == 11

    def test_a_cell_prints_in_order(self, run: Callable[..., Running]) -> None:
        job = run("for i in range(5):\n    print('line', i)")
        job.wait(JobState.SUCCEEDED)
        assert job.outcome().stdout == "".join(f"line {i}\n" for i in range(5))

    def test_an_exception_fails_the_job_and_comes_home(self, run: Callable[..., Running]) -> None:
        job = run("before = 1\n{}['missing']")
        status = job.wait()
        assert status.state is JobState.FAILED
        assert status.exit_code != 0
        assert "KeyError" in status.reason
        outcome = job.outcome()
        assert isinstance(outcome.exception, KeyError)
        assert outcome.values["before"] == 1
        assert [o["ename"] for o in outcome.outputs if o["output_type"] == "error"] == ["KeyError"]

    def test_big_output_arrives_whole(self, run: Callable[..., Running]) -> None:
        job = run("for i in range(20_000):\n    print(f'{i:08d}' + 'x' * 91)")
        job.wait(JobState.SUCCEEDED)
        text = job.outcome().stdout
        assert len(text) == 20_000 * 100
        assert text.splitlines()[-1].startswith("00019999")

    def test_the_environment_of_the_spec_reaches_the_cell(
        self, run: Callable[..., Running]
    ) -> None:
        job = run("import os\nseen = os.environ['WORD']", env={"WORD": "a'; \"b\n$c"})
        job.wait(JobState.SUCCEEDED)
        assert job.outcome().values["seen"] == "a'; \"b\n$c"

    def test_a_final_state_is_said_again(self, run: Callable[..., Running]) -> None:
        job = run("x = 1")
        first = job.wait()
        assert [job.status().state for _ in range(3)] == [first.state] * 3

    def test_a_reopened_target_knows_the_ref(
        self, run: Callable[..., Running], reopened: Target
    ) -> None:
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        assert reopened.poll([job.ref])[job.ref].state is JobState.RUNNING
        reopened.cancel(job.ref, force=True)
        assert job.wait().state is JobState.CANCELLED

    # starting once

    def test_the_same_token_starts_once(self, run: Callable[..., Running], gate: Path) -> None:
        job = run(WAIT_FOR.format(gate=str(gate)) + "print('ran')")
        token = f"{job.paths.job_id}:1"
        assert job.target.submit(job.request, token) == job.ref
        gate.touch()
        job.wait(JobState.SUCCEEDED)
        assert job.target.submit(job.request, token) == job.ref
        assert job.wait().state is JobState.SUCCEEDED
        assert job.outcome().stdout == "ran\n"
        assert job.outcome().states.count("RUNNING") == 1

    def test_the_same_token_at_the_same_time_starts_once(
        self, home: DataHome, target: Target, run: Callable[..., Running]
    ) -> None:
        job = run("x = 1")
        paths = make_job(home, "print('ran')")
        self.push(target, paths)
        request = target.plan(spec_of(paths), paths)
        refs: list[str] = []
        threads = [
            threading.Thread(target=lambda: refs.append(target.submit(request, "one token")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refs) == 4
        assert len(set(refs)) == 1
        other = Running(paths, request, refs[0], self, target)
        other.wait(JobState.SUCCEEDED)
        assert other.outcome().states.count("RUNNING") == 1
        job.wait()

    def test_a_new_token_starts_again_after_the_end(
        self, run: Callable[..., Running], tmp_path: Path
    ) -> None:
        mark = str(tmp_path / "mark")
        job = run(
            f"import pathlib\np = pathlib.Path({mark!r})\nok = p.exists()\np.touch()\nassert ok"
        )
        assert job.wait().state is JobState.FAILED
        wait_until(lambda: _resubmitted(job), timeout_s=self.timeout_s, what="a second start")
        assert job.wait().state is JobState.SUCCEEDED

    def test_a_new_token_waits_for_the_end_of_the_former(self, run: Callable[..., Running]) -> None:
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        with pytest.raises(Unavailable):
            job.target.submit(job.request, f"{job.paths.job_id}:2")
        assert job.status().state is JobState.RUNNING

    # polling

    def test_one_poll_answers_for_many(self, run: Callable[..., Running]) -> None:
        jobs = [run(f"x = {i}\nassert x != 1") for i in range(3)]
        unknown = jobs[0].ref + "0"
        for job in jobs:
            job.wait()
        answers = jobs[0].target.poll([*(job.ref for job in jobs), unknown])
        ended = [JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED]
        assert [answers[job.ref].state for job in jobs] == ended
        assert answers[unknown].state is None

    @pytest.mark.parametrize("ref", ["", "nonsense", "local:1:2:../../etc", "slurm:4242"])
    def test_an_unknown_ref_is_no_news_and_no_error(self, target: Target, ref: str) -> None:
        status = target.poll([ref])[ref]
        assert (status.state, status.raw) == (None, UNKNOWN)
        target.cancel(ref)
        target.cancel(ref, force=True)

    def test_polling_nothing_is_fine(self, target: Target) -> None:
        assert target.poll([]) == {}

    # ends that nobody wished

    def test_a_killed_worker_is_lost(self, run: Callable[..., Running]) -> None:
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        self.kill_worker(job)
        status = job.wait()
        assert status.state is JobState.LOST
        assert status.reason
        assert status.exit_code != 0

    def test_a_killed_worker_leaves_what_it_had_printed(self, run: Callable[..., Running]) -> None:
        job = run("print('first')" + TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        self.kill_worker(job)
        job.wait(JobState.LOST)
        assert job.outcome().stdout == "first\nbegun\n"

    # cancelling

    def test_a_job_cancelled_before_submit_never_starts(
        self, home: DataHome, target: Target
    ) -> None:
        paths = make_job(home, "print('ran')")
        paths.cancel.touch()
        self.push(target, paths)
        with pytest.raises(JobCancelled):
            target.submit(target.plan(spec_of(paths), paths), "a token")
        self.pull(target, paths)
        assert outcome_of(paths).states == ()

    def test_a_job_cancelled_at_once_never_finishes(
        self, run: Callable[..., Running], gate: Path
    ) -> None:
        job = run(WAIT_FOR.format(gate=str(gate)) + "print('ran')")
        job.target.cancel(job.ref)
        assert job.wait().state is JobState.CANCELLED
        gate.touch()
        assert job.outcome().stdout == ""

    def test_cancel_interrupts_the_cell_which_may_tidy_up(
        self, run: Callable[..., Running]
    ) -> None:
        job = run(
            "import time\nprint('begun')\ntry:\n    time.sleep(600)\nfinally:\n    print('tidy')"
        )
        job.wait_for_output("begun")
        job.target.cancel(job.ref)
        assert job.wait().state is JobState.CANCELLED
        assert job.outcome().stdout == "begun\ntidy\n"

    def test_force_ends_a_job_that_will_not_stop(self, run: Callable[..., Running]) -> None:
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        job.target.cancel(job.ref)
        job.target.cancel(job.ref, force=True)
        assert job.wait().state is JobState.CANCELLED

    def test_cancel_after_the_end_changes_nothing(self, run: Callable[..., Running]) -> None:
        job = run("x = 1")
        job.wait(JobState.SUCCEEDED)
        for force in (False, True):
            job.target.cancel(job.ref, force=force)
        assert job.wait().state is JobState.SUCCEEDED

    def _end(self, job: Running) -> None:
        def is_over() -> bool:
            status = job.status()
            if status.state in ACTIVE:
                job.target.cancel(job.ref, force=True)
            return status.state not in ACTIVE

        wait_until(is_over, timeout_s=self.timeout_s, what=f"the end of {job.ref}")


class RemoteTargetSuite(TargetSuite):
    """More promises, of targets behind a link that can be cut and slowed.

    Backend authors: override ``cut``, ``heal`` and ``slow`` with what your test bed has (iptables, a proxy, a killed daemon).
    """

    def cut(self, target: Target) -> None:
        """No call gets through from here on; jobs go on."""
        raise LookupError("override the method 'cut'")

    def heal(self, target: Target) -> None:
        """Calls get through again, at full speed."""
        raise LookupError("override the method 'heal'")

    def slow(self, target: Target, delay_s: float) -> None:
        """Each answer takes ``delay_s`` longer."""
        raise LookupError("override the method 'slow'")

    def test_a_cut_link_is_unavailable_and_loses_no_job(
        self, run: Callable[..., Running], gate: Path
    ) -> None:
        job = run(WAIT_FOR.format(gate=str(gate)) + "y = 1")
        self.cut(job.target)
        for call in (job.status, lambda: job.target.cancel(job.ref)):
            with pytest.raises(Unavailable):
                call()
        gate.touch()
        self.heal(job.target)
        assert job.wait().state is JobState.SUCCEEDED
        assert job.outcome().values["y"] == 1

    def test_a_submit_over_a_cut_link_can_be_repeated(self, home: DataHome, target: Target) -> None:
        paths = make_job(home, "print('ran')")
        self.push(target, paths)
        request = target.plan(spec_of(paths), paths)
        self.cut(target)
        with pytest.raises(Unavailable):
            target.submit(request, "a token")
        self.heal(target)
        job = Running(paths, request, target.submit(request, "a token"), self, target)
        assert target.submit(request, "a token") == job.ref
        job.wait(JobState.SUCCEEDED)
        assert job.outcome().stdout == "ran\n"

    def test_a_slow_link_changes_no_answer(self, run: Callable[..., Running]) -> None:
        job = run("y = 1")
        self.slow(job.target, 0.3)
        assert job.wait().state is JobState.SUCCEEDED
        self.heal(job.target)
        assert job.outcome().values["y"] == 1


def spec_of(paths: JobPaths) -> JobSpec:
    """The spec in a job folder."""
    return JobSpec.from_json(read_json(paths.spec) or {})


def _resubmitted(job: Running) -> bool:
    """Whether the second attempt is on its way; the first one's process may take a moment to go."""
    try:
        job.ref = job.target.submit(job.request, f"{job.paths.job_id}:2")
    except Unavailable:
        return False
    return True


def _tail(paths: JobPaths) -> str:
    if not paths.worker_log.exists():
        return ""
    return paths.worker_log.read_text("utf-8", "replace")[-2000:]
