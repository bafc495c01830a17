"""A vendor in a box: ``FakeCluster`` really runs jobs, and misbehaves on request; ``FakeTarget`` is its target."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..core.errors import JobCancelled, Unavailable
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..targets.local.request import LocalRequest
from ..targets.local.target import LocalTarget
from ..targets.port import UNKNOWN, Status


@dataclass(slots=True)
class _FakeJob:
    request: LocalRequest
    token: str
    native: str = ""
    is_cancelled: bool = False
    answers: deque[Status] = field(default_factory=lambda: deque(maxlen=64))


class FakeCluster:
    """The vendor's side: it outlives the ``FakeTarget`` objects that talk to it, as a real one does.

    ==================== =================================================================================
    ``is_connected``     False: every call raises ``Unavailable``; jobs go on running
    ``answer_delay_s``   each call takes that long (a slow link)
    ``lost_answers``     that many calls do their work, and then raise ``Unavailable``
    ``late_polls``       a poll gives the answer of that many polls ago (late reports)
    ``is_queueing``      submitted jobs stay QUEUED until ``begin``
    ``calls``            the calls so far, by name, to count them
    ==================== =================================================================================
    """

    def __init__(self, home: DataHome) -> None:
        self.home = home
        self.is_connected = True
        self.answer_delay_s = 0.0
        self.lost_answers = 0
        self.late_polls = 0
        self.is_queueing = False
        self.calls: list[str] = []
        self._jobs: dict[str, _FakeJob] = {}
        self._local = LocalTarget(home)
        self._lock = threading.RLock()

    def begin(self) -> None:
        """Start every queued job that is not cancelled."""
        with self._lock:
            self.is_queueing = False
            for job in self._jobs.values():
                if not job.native and not job.is_cancelled:
                    job.native = self._local.submit(job.request, job.token)

    def accept(self, request: LocalRequest, token: str) -> str:
        with self._call("submit"):
            ref = f"fake:{request.job_id}:{token}"
            if ref not in self._jobs:
                if JobPaths(request.folder).cancel.exists():
                    raise JobCancelled(f"job {request.job_id} was cancelled before it started")
                native = "" if self.is_queueing else self._local.submit(request, token)
                self._jobs[ref] = _FakeJob(request, token, native)
            return ref

    def answer(self, refs: Iterable[str]) -> dict[str, Status]:
        with self._call("poll"):
            return {ref: self._late(ref) for ref in refs}

    def stop(self, ref: str, *, force: bool) -> None:
        with self._call("cancel"):
            job = self._jobs.get(ref)
            if job is not None and job.native:
                self._local.cancel(job.native, force=force)
            elif job is not None:
                job.is_cancelled = True
                JobPaths(job.request.folder).cancel.touch()

    def _late(self, ref: str) -> Status:
        job = self._jobs.get(ref)
        if job is None:
            return Status(state=None, raw=UNKNOWN, reason=f"nothing is known of {ref!r}")
        job.answers.append(self._now(job))
        return job.answers[max(0, len(job.answers) - 1 - self.late_polls)]

    def _now(self, job: _FakeJob) -> Status:
        if job.native:
            return self._local.poll([job.native])[job.native]
        if job.is_cancelled:
            return Status(state=JobState.CANCELLED, raw="CANCELLED", reason="cancelled")
        return Status(state=JobState.QUEUED, raw="PENDING", reason="waiting for a node")

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        """One call over the fake link: delay, connection, and perhaps a lost answer."""
        time.sleep(self.answer_delay_s)
        if not self.is_connected:
            raise Unavailable("the fake cluster does not answer")
        with self._lock:
            self.calls.append(name)
            yield
            if self.lost_answers > 0:
                self.lost_answers -= 1
                raise Unavailable("the fake cluster's answer was lost")


class FakeTarget:
    """The target of a ``FakeCluster``; see ``targets.port.Target`` for what it keeps."""

    kind: ClassVar[str] = "fake"
    shares_machine: ClassVar[bool] = True
    max_bundle_bytes = 0

    def __init__(self, cluster: FakeCluster, *, name: str = "default") -> None:
        self.name = name
        self._cluster = cluster

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any], *, home: DataHome) -> FakeTarget:
        del options
        return cls(FakeCluster(home), name=name)

    def plan(self, spec: JobSpec, paths: JobPaths) -> LocalRequest:
        return LocalTarget(self._cluster.home).plan(spec, paths)

    def submit(self, request: LocalRequest, token: str) -> str:
        return self._cluster.accept(request, token)

    def poll(self, refs: Iterable[str]) -> dict[str, Status]:
        return self._cluster.answer(refs)

    def cancel(self, ref: str, *, force: bool = False) -> None:
        self._cluster.stop(ref, force=force)
