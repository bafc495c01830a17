"""The local target passes the shipped suite; and what only a process on this machine can show."""

import multiprocessing
import os
import signal

import pytest

from jupyter_cloudml.core.errors import BadInput, NotFound, Unavailable
from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.targets.local.client import SpawnLauncher, process_stat
from jupyter_cloudml.targets.local.request import LocalOptions, LocalRequest
from jupyter_cloudml.targets.local.status import LocalRef
from jupyter_cloudml.targets.local.target import LocalTarget
from jupyter_cloudml.testing import TargetSuite, make_job
from jupyter_cloudml.testing.jobs import outcome_of, wait_until
from jupyter_cloudml.testing.target_suite import TRY_TO_STOP_ME, spec_of


class TestLocal(TargetSuite):
    @pytest.fixture
    def target(self, home):
        return LocalTarget(home)

    @pytest.fixture
    def reopened(self, home):
        return LocalTarget(home)

    def test_a_submitter_killed_before_release_started_nothing(self, home, target):
        paths = make_job(home, "print('ran')")
        request = target.plan(spec_of(paths), paths)
        dead = multiprocessing.get_context("fork").Process(
            target=_submit_and_die, args=(home, request)
        )
        dead.start()
        dead.join()
        assert dead.exitcode == -signal.SIGKILL
        ref = target.submit(request, "a token")
        wait_until(lambda: target.poll([ref])[ref].state is JobState.SUCCEEDED)
        assert outcome_of(paths).states.count("RUNNING") == 1

    def test_a_lost_worker_names_its_signal_to_its_parent(self, run):
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        self.kill_worker(job)
        assert job.wait(JobState.LOST).exit_code == -signal.SIGKILL

    def test_the_worker_leads_a_session_of_its_own(self, run):
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        pid = LocalRef.parse(job.ref).pid
        assert os.getsid(pid) == pid

    def test_a_used_pid_is_not_taken_for_the_worker(self, run):
        job = run(TRY_TO_STOP_ME)
        job.wait_for_output("begun")
        ref = LocalRef.parse(job.ref)
        other = str(LocalRef(pid=ref.pid, starttime=ref.starttime + 1, job_id=ref.job_id))
        job.target.cancel(other, force=True)
        assert job.status().state is JobState.RUNNING

    def test_the_first_attempt_keeps_its_word_after_the_second(self, run, tmp_path):
        mark = str(tmp_path / "mark")
        job = run(
            f"import pathlib\np = pathlib.Path({mark!r})\nok = p.exists()\np.touch()\nassert ok"
        )
        job.wait(JobState.FAILED)
        first = job.ref
        wait_until(lambda: _second(job))
        job.wait(JobState.SUCCEEDED)
        assert job.target.poll([first])[first].state is JobState.FAILED

    def test_a_folder_without_a_spec_is_not_found(self, home, target):
        paths = make_job(home, "x = 1")
        request = target.plan(spec_of(paths), paths)
        paths.spec.unlink()
        with pytest.raises(NotFound):
            target.submit(request, "a token")

    def test_a_python_that_is_missing_is_lost_with_its_reason_in_the_log(self, home, run):
        job = run("x = 1")
        job.wait()
        target = LocalTarget(home, options=LocalOptions(python="/nowhere/python"))
        paths = make_job(home, "x = 1")
        ref = target.submit(target.plan(spec_of(paths), paths), "a token")
        wait_until(lambda: target.poll([ref])[ref].state is JobState.LOST)
        assert target.poll([ref])[ref].exit_code == 127
        assert "/nowhere/python" in paths.worker_log.read_text()

    def test_a_secret_reaches_the_cell_and_lies_nowhere(self, home):
        target = LocalTarget(home, launcher=SpawnLauncher({**os.environ, "TOKEN": "s3cr3t-value"}))
        paths = make_job(
            home,
            "import os\nn = len(os.environ['TOKEN'])\nprint(os.environ['TOKEN'])",
            secrets=("TOKEN",),
        )
        ref = target.submit(target.plan(spec_of(paths), paths), "a token")
        wait_until(lambda: target.poll([ref])[ref].state is JobState.SUCCEEDED)
        assert outcome_of(paths).values["n"] == len("s3cr3t-value")
        assert outcome_of(paths).stdout == "***TOKEN***\n"
        files = [path for path in home.root.rglob("*") if path.is_file()]
        assert not [path for path in files if b"s3cr3t-value" in path.read_bytes()]

    def test_a_secret_that_is_not_set_starts_nothing(self, home, target):
        paths = make_job(home, "x = 1", secrets=("NO_SUCH_TOKEN",))
        with pytest.raises(BadInput, match="NO_SUCH_TOKEN"):
            target.submit(target.plan(spec_of(paths), paths), "a token")
        assert outcome_of(paths).states == ()

    def test_several_nodes_are_refused(self, home, target):
        paths = make_job(home, "x = 1", resources=Resources(num_nodes=2))
        with pytest.raises(BadInput, match="--num-nodes 2"):
            target.plan(spec_of(paths), paths)


def test_a_held_process_that_is_dropped_runs_nothing(tmp_path):
    held, launcher = _held(tmp_path)
    held.drop()
    wait_until(lambda: launcher.exit_code(held.pid) is not None)
    assert launcher.exit_code(held.pid) == 1
    assert not (tmp_path / "ran").exists()


def test_a_held_process_runs_under_the_same_pid_once_released(tmp_path):
    held, launcher = _held(tmp_path)
    before = process_stat(held.pid)
    held.release()
    wait_until(lambda: launcher.exit_code(held.pid) == 0)
    assert before is not None
    assert (tmp_path / "ran").read_text().strip() == str(held.pid)


def test_releasing_a_dead_process_is_unavailable(tmp_path):
    held, launcher = _held(tmp_path)
    os.kill(held.pid, signal.SIGKILL)
    wait_until(lambda: launcher.exit_code(held.pid) is not None)
    with pytest.raises(Unavailable):
        held.release()


def _held(folder):
    launcher = SpawnLauncher(os.environ)
    argv = ("sh", "-c", "echo $$ > ran")
    request = LocalRequest(
        job_id="0123456789ab", argv=argv, cwd=str(folder), env={}, cpus=1, gpus=0
    )
    return launcher.hold(request), launcher


def _submit_and_die(home, request):
    class DiesHolding(SpawnLauncher):
        def hold(self, request):
            held = super().hold(request)
            held.release = lambda: os.kill(os.getpid(), signal.SIGKILL)
            return held

    LocalTarget(home, launcher=DiesHolding(os.environ)).submit(request, "a token")


def _second(job):
    try:
        job.ref = job.target.submit(job.request, f"{job.paths.job_id}:2")
    except Unavailable:
        return False
    return True
