"""What every carrier must do, as tests. Subclass, give the fixture ``carrier`` and the hooks, and run pytest."""

# ruff: noqa: ARG002 - hooks have arguments for those who override them

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..core.errors import NotFound, Unavailable
from ..core.ids import new_job_id
from ..journal.atomic import write_atomic
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..journal.reader import read_events
from ..targets.port import Carrier
from .links import FlakyCarrier, SlowCarrier

BIG = bytes(range(256)) * 12_288  # 3 MiB
RUNNING = b'{"t":1,"k":"state","state":"RUNNING"}\n'
ENDED = b'{"t":2,"k":"state","state":"SUCCEEDED"}\n'
CUTS = [0, 1, 700, 1 << 20, (3 << 20) + 20]


def _cut() -> None:
    raise ConnectionResetError("the test cut the line")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class CarrierSuite:
    """Conformance of a carrier; every test is a promise of ``targets.port.Carrier``."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> DataHome:
        return DataHome(tmp_path / "home")

    @pytest.fixture
    def carrier(self) -> Carrier:
        """Backend authors: override this."""
        raise LookupError("override the fixture 'carrier'")

    @pytest.fixture
    def job(self, home: DataHome) -> JobPaths:
        """A folder with all that a push sends: a big and a small blob, ambient state, manifest, spec."""
        return _new_job(home)

    def read_far(self, carrier: Carrier, job_id: str, name: str) -> bytes | None:
        """Backend authors: the far file ``name`` (relative to the job folder), by other means; None when missing."""
        raise LookupError("override the method 'read_far'")

    def write_far(self, carrier: Carrier, job_id: str, name: str, data: bytes) -> None:
        """Backend authors: put a whole file there, as the worker does."""
        raise LookupError("override the method 'write_far'")

    def traffic(self, carrier: Carrier) -> int:
        """Backend authors: the bytes of file content that went over the line so far, both ways."""
        raise LookupError("override the method 'traffic'")

    def at_bytes(self, carrier: Carrier, size: int, action: Callable[[], None]) -> None:
        """Backend authors: call ``action`` once, when ``size`` more bytes have gone over the line.

        It raises ``ConnectionResetError``, or kills the process that it runs in.
        """
        raise LookupError("override the method 'at_bytes'")

    # push

    def test_push_sends_all_that_the_worker_needs(self, carrier: Carrier, job: JobPaths) -> None:
        assert carrier.push(job)
        for name, data in _sent(job).items():
            assert self.read_far(carrier, job.job_id, name) == data

    def test_push_again_sends_nothing(self, carrier: Carrier, job: JobPaths) -> None:
        carrier.push(job)
        before = self.traffic(carrier)
        carrier.push(job)
        assert self.traffic(carrier) == before

    def test_push_sends_only_what_is_new(self, carrier: Carrier, job: JobPaths) -> None:
        carrier.push(job)
        before = self.traffic(carrier)
        write_atomic(job.bundle_blobs / "x3-new", b"new")
        write_atomic(job.bundle_manifest, b'{"changed": true}')
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "bundle/blobs/x3-new") == b"new"
        assert self.read_far(carrier, job.job_id, "bundle/manifest.json") == b'{"changed": true}'
        assert self.traffic(carrier) - before < 100

    def test_push_carries_the_wish_to_cancel_and_takes_it_back(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "control/cancel") is None
        job.cancel.touch()
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "control/cancel") == b""
        job.cancel.unlink()
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "control/cancel") is None

    def test_push_leaves_the_far_side_s_own_files_alone(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        carrier.push(job)
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING)
        write_atomic(job.journal(), b"something older")
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "journal/0.jsonl") == RUNNING

    @pytest.mark.parametrize("size", CUTS)
    def test_a_cut_push_has_no_spec_and_can_be_repeated(
        self, carrier: Carrier, job: JobPaths, size: int
    ) -> None:
        self.at_bytes(carrier, size, _cut)
        with pytest.raises(Unavailable):
            carrier.push(job)
        assert self.read_far(carrier, job.job_id, "spec.json") is None
        carrier.push(job)
        for name, data in _sent(job).items():
            assert self.read_far(carrier, job.job_id, name) == data

    def test_a_killed_push_leaves_no_part_under_a_final_name(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        self.at_bytes(carrier, 2 << 20, _die)
        assert _exit_code_of(carrier, job) == -signal.SIGKILL
        self.at_bytes(carrier, 1 << 40, _cut)
        for name, data in _sent(job).items():
            assert self.read_far(carrier, job.job_id, name) in (None, data)
        assert self.read_far(carrier, job.job_id, "spec.json") is None
        carrier.push(job)
        assert self.read_far(carrier, job.job_id, "bundle/blobs/x3-big") == BIG

    def test_pushing_no_job_is_not_found(self, carrier: Carrier, home: DataHome) -> None:
        with pytest.raises(NotFound):
            carrier.push(home.job(new_job_id()))

    # pull

    def test_pull_follows_a_growing_journal(self, carrier: Carrier, job: JobPaths) -> None:
        carrier.push(job)
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING)
        cursor = carrier.pull(job, {})
        before = self.traffic(carrier)
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING + ENDED)
        cursor = carrier.pull(job, cursor)
        assert job.journal().read_bytes() == RUNNING + ENDED
        assert self.traffic(carrier) - before == len(ENDED)
        assert carrier.pull(job, cursor) == cursor
        assert self.traffic(carrier) - before == len(ENDED)

    def test_pull_with_an_old_cursor_doubles_nothing(self, carrier: Carrier, job: JobPaths) -> None:
        carrier.push(job)
        self._finish(carrier, job)
        for cursor in ({}, {"journal/0.jsonl": 5}, carrier.pull(job, {})):
            carrier.pull(job, cursor)
            assert job.journal().read_bytes() == RUNNING + ENDED

    def test_pull_brings_ranks_log_checkpoints_and_result(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        carrier.push(job)
        far = {
            "journal/1.jsonl": RUNNING,
            "worker.log": b"a warning\n",
            "checkpoints/step-2/state.pt": b"weights",
            "result/cell.ipynb": b"{}",
        }
        for name, data in far.items():
            self.write_far(carrier, job.job_id, name, data)
        self._finish(carrier, job)
        carrier.pull(job, {})
        for name, data in far.items():
            assert (job.root / name).read_bytes() == data
        assert (job.result_blobs / "x3-value").read_bytes() == BIG

    def test_pull_of_a_job_without_news_is_fine(self, carrier: Carrier, job: JobPaths) -> None:
        carrier.push(job)
        cursor = carrier.pull(job, {})
        assert carrier.pull(job, cursor) == cursor

    def test_a_line_torn_on_the_far_side_is_completed(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        carrier.push(job)
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING + ENDED[:9])
        cursor = carrier.pull(job, {})
        assert [e["state"] for e in read_events(job.journal())[0]] == ["RUNNING"]
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING + ENDED)
        carrier.pull(job, cursor)
        assert [e["state"] for e in read_events(job.journal())[0]] == ["RUNNING", "SUCCEEDED"]

    def test_the_result_of_the_next_attempt_replaces_the_last(
        self, carrier: Carrier, job: JobPaths
    ) -> None:
        carrier.push(job)
        self._finish(carrier, job)
        cursor = carrier.pull(job, {})
        self.write_far(carrier, job.job_id, "result/manifest.json", b'{"attempt":2}')
        carrier.pull(job, cursor)
        assert job.result_manifest.read_bytes() == b'{"attempt":2}'

    @pytest.mark.parametrize("size", CUTS)
    def test_a_cut_pull_never_shows_an_end_without_its_result(
        self, carrier: Carrier, job: JobPaths, size: int
    ) -> None:
        carrier.push(job)
        self._finish(carrier, job)
        self.at_bytes(carrier, size, _cut)
        with pytest.raises(Unavailable):
            carrier.pull(job, {})
        if job.result_manifest.exists():
            assert (job.result_blobs / "x3-value").read_bytes() == BIG
        ended = [e for e in read_events(job.journal())[0] if e["state"] == "SUCCEEDED"]
        assert not ended or job.result_manifest.exists()
        carrier.pull(job, {})
        assert job.journal().read_bytes() == RUNNING + ENDED
        assert job.result_manifest.read_bytes() == b'{"attempt":1}'

    def test_pulling_an_unknown_job_is_not_found(self, carrier: Carrier, home: DataHome) -> None:
        with pytest.raises(NotFound):
            carrier.pull(home.job(new_job_id()), {})

    # lines and lives

    def test_a_slow_and_flaky_line_changes_nothing(self, carrier: Carrier, job: JobPaths) -> None:
        waits: list[float] = []
        flaky = FlakyCarrier(carrier, ["refused", "answer lost", "ok", "refused", "answer lost"])
        line = SlowCarrier(flaky, 0.5, sleep=waits.append)
        for _ in range(2):
            with pytest.raises(Unavailable):
                line.push(job)
        line.push(job)
        self._finish(carrier, job)
        for _ in range(2):
            with pytest.raises(Unavailable):
                line.pull(job, {})
        line.pull(job, {})
        assert job.journal().read_bytes() == RUNNING + ENDED
        assert waits == [0.5] * 6

    def test_many_jobs_travel_at_once(self, carrier: Carrier, home: DataHome) -> None:
        jobs = [_new_job(home, big=b"b" * size) for size in range(1000, 1008)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(carrier.push, jobs))
        for job in jobs:
            for name, data in _sent(job).items():
                assert self.read_far(carrier, job.job_id, name) == data

    def test_remove_takes_one_job_and_can_be_repeated(
        self, carrier: Carrier, home: DataHome
    ) -> None:
        gone, kept = _new_job(home), _new_job(home)
        for job in (gone, kept):
            carrier.push(job)
        for _ in range(2):
            carrier.remove(gone.job_id)
        assert self.read_far(carrier, gone.job_id, "spec.json") is None
        assert self.read_far(carrier, kept.job_id, "spec.json") is not None

    def _finish(self, carrier: Carrier, job: JobPaths) -> None:
        """What a worker leaves, in its order."""
        self.write_far(carrier, job.job_id, "result/blobs/x3-value", BIG)
        self.write_far(carrier, job.job_id, "result/manifest.json", b'{"attempt":1}')
        self.write_far(carrier, job.job_id, "journal/0.jsonl", RUNNING + ENDED)


def _new_job(home: DataHome, big: bytes = BIG) -> JobPaths:
    job = home.job(new_job_id()).create()
    write_atomic(job.bundle_blobs / "x3-big", big)
    write_atomic(job.bundle_blobs / "x3-small", b"small")
    write_atomic(job.ambient, b"{}")
    write_atomic(job.bundle_manifest, b'{"names":{}}')
    write_atomic(job.spec, b'{"id":"' + job.job_id.encode() + b'"}')
    return job


def _sent(job: JobPaths) -> dict[str, bytes]:
    files = [job.spec, *(path for path in job.bundle.rglob("*") if path.is_file())]
    return {path.relative_to(job.root).as_posix(): path.read_bytes() for path in files}


def _exit_code_of(carrier: Carrier, job: JobPaths) -> int | None:
    """Push in a forked process, and say how it ended."""
    process = multiprocessing.get_context("fork").Process(target=carrier.push, args=(job,))
    process.start()
    process.join()
    return process.exitcode
