"""The local target: plan, hold, write down, release; then lease, journal and process tell the rest."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ...core.config_files import parse_options
from ...core.errors import BadInput, JobCancelled, NotFound, Unavailable
from ...core.events import STATE
from ...core.resources import parse_memory_mib
from ...core.spec import JobSpec
from ...core.states import JobState
from ...journal.disk import unavailable
from ...journal.home import DataHome
from ...journal.lease import lease_holder
from ...journal.metric_tail import settle_dead, tail_of
from ...journal.paths import JobPaths
from ...journal.reader import MAX_BYTES, JournalReader
from ..port import UNKNOWN, Launcher, Status
from .client import SpawnLauncher, is_running, process_stat, send_signal
from .request import LocalOptions, LocalRequest, plan_local
from .starts import Start, all_starts, start_lock, write_start
from .status import Evidence, LocalRef, status_from

_SETTLE_S = 5.0
_MAX_WATCHED = 4096


class LocalTarget:
    """Jobs as processes of this machine; keeps every promise of ``port.Target`` without a daemon of its own.

    It never waits for a job and queues none: slots are the agent's and the workers' business. ``launcher`` decides where
    a process comes from; without one, it is spawned.
    """

    kind: ClassVar[str] = "local"
    shares_machine: ClassVar[bool] = True

    def __init__(
        self,
        home: DataHome,
        *,
        name: str = "default",
        options: LocalOptions | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        self.name = name
        self._home = home
        self._options = options or LocalOptions()
        self._launcher = launcher or SpawnLauncher(os.environ)
        self._watched: dict[str, _JournalWatch] = {}
        self._lock = threading.Lock()

    @property
    def max_bundle_bytes(self) -> int:
        wish = self._options.max_bundle
        return max(1, parse_memory_mib(wish)) << 20 if wish else 0

    @classmethod
    def from_config(
        cls,
        name: str,
        options: Mapping[str, Any],
        *,
        home: DataHome,
        launcher: Launcher | None = None,
    ) -> LocalTarget:
        parsed = parse_options(LocalOptions, options)
        if parsed.max_bundle and not re.fullmatch(r"[\d.]+\s*[KMGT]?(i?B)?", parsed.max_bundle):
            raise BadInput(f"max_bundle = {parsed.max_bundle!r} is not a size", hint="write '2G'")
        return cls(home, name=name, options=parsed, launcher=launcher)

    def plan(self, spec: JobSpec, paths: JobPaths) -> LocalRequest:
        return plan_local(spec, paths.root, self._options, python=sys.executable)

    def submit(self, request: LocalRequest, token: str) -> str:
        """See ``port.Target.submit``. Takes about a millisecond; NotFound when the folder has no ``spec.json``."""
        paths = JobPaths(request.folder)
        if not paths.spec.is_file():
            raise NotFound(f"{str(paths.root)!r} holds no job to start")
        with start_lock(paths):
            former = next(reversed(all_starts(paths)), None)
            if former and former.token == token and _has_begun(former, paths):
                return str(former.ref)
            if paths.cancel.exists():
                raise JobCancelled(f"job {request.job_id} was cancelled before it started")
            _refuse_second_worker(former, paths)
            return self._start(request, token, paths)

    def poll(self, refs: Iterable[str]) -> dict[str, Status]:
        with self._lock:
            return {ref: self._status(ref) for ref in refs}

    def cancel(self, ref: str, *, force: bool = False) -> None:
        parsed = self._known(ref)
        if parsed is None or not is_running(parsed.pid, parsed.starttime):
            return
        self._home.job(parsed.job_id).cancel.touch(mode=0o600)
        number = signal.SIGKILL if force else signal.SIGTERM
        send_signal(parsed.pid, parsed.starttime, number, to_group=force)

    def _start(self, request: LocalRequest, token: str, paths: JobPaths) -> str:
        held = self._launcher.hold(request)
        try:
            stat = process_stat(held.pid)
            if stat is None:
                raise Unavailable(f"process {held.pid} ended before it could begin")
            ref = LocalRef(pid=held.pid, starttime=stat.starttime, job_id=request.job_id)
            _settle(paths)
            offset = _size(paths)
            write_start(paths, Start(token=token, ref=ref, offset=offset))
            held.release()
        except BaseException:
            held.drop()
            raise
        write_start(paths, Start(token=token, ref=ref, offset=offset, is_released=True))
        return str(ref)

    def _status(self, ref: str) -> Status:
        parsed = self._known(ref)
        if parsed is None:
            return Status(state=None, raw=UNKNOWN, reason=f"nothing is known of {ref!r}")
        paths = self._home.job(parsed.job_id)
        begin, end = _part_of(ref, all_starts(paths))
        is_alive = end is None and (
            is_running(parsed.pid, parsed.starttime) or lease_holder(paths.lease()) is not None
        )
        exit_code = None if is_alive else self._launcher.exit_code(parsed.pid)
        if not is_alive and end is None:
            _settle_last(ref, paths)
        watch = self._watch(ref, paths, begin)
        watch.read(end)
        return status_from(
            Evidence(
                is_alive=is_alive,
                reported=watch.state,
                reason=watch.reason,
                is_cancel_wanted=end is None and paths.cancel.exists(),
                exit_code=exit_code,
                is_superseded=end is not None,
            )
        )

    def _known(self, ref: str) -> LocalRef | None:
        try:
            parsed = LocalRef.parse(ref)
        except BadInput:
            return None
        return parsed if self._home.job(parsed.job_id).root.is_dir() else None

    def _watch(self, ref: str, paths: JobPaths, begin: int) -> _JournalWatch:
        if ref not in self._watched:
            while len(self._watched) >= _MAX_WATCHED:
                self._watched.pop(next(iter(self._watched)))
            self._watched[ref] = _JournalWatch(paths, begin)
        return self._watched[ref]


class _JournalWatch:
    """The last state that one start's worker wrote; reads only what is new. A cache, and no more."""

    def __init__(self, paths: JobPaths, begin: int) -> None:
        self._reader = JournalReader(paths.journal(), begin)
        self.state: JobState | None = None
        self.reason = ""

    def read(self, end: int | None) -> None:
        while end is None or self._reader.offset < end:
            size = MAX_BYTES if end is None else min(MAX_BYTES, end - self._reader.offset)
            events = self._reader.read(size)
            if not events:
                return
            for event in events:
                if event.get("k") == STATE and event.get("state") in JobState.__members__:
                    self.state = JobState(event["state"])
                    self.reason = event.get("reason") or _one_line(event.get("error"))


def _part_of(ref: str, starts: list[Start]) -> tuple[int, int | None]:
    """Where in the main journal the events of ``ref`` begin, and where those of the next attempt do."""
    refs = [str(start.ref) for start in starts]
    if ref not in refs:
        return 0, None
    at = refs.index(ref)
    return starts[at].offset, starts[at + 1].offset if at + 1 < len(starts) else None


def _one_line(error: Mapping[str, str] | None) -> str:
    if not error:
        return ""
    return f"{error.get('type', 'Error')}: {error.get('message', '')}".splitlines()[0]


def _settle_last(ref: str, paths: JobPaths) -> None:
    """``_settle``, unless another attempt has begun since ``ref`` was found dead: what lies there is its own."""
    if not any(tail_of(journal).exists() for journal in paths.all_journals()):
        return
    with start_lock(paths):
        former = next(reversed(all_starts(paths)), None)
        if former is None or str(former.ref) == ref:
            _settle(paths)


def _settle(paths: JobPaths) -> None:
    """The metrics of a worker that died come into its journal.

    Raises:
        Unavailable: the disk is full: look again when there is room. Another error of the disk hides them for good.
    """
    for journal in paths.all_journals():
        try:
            settle_dead(journal)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise unavailable(journal, exc) from exc


def _size(paths: JobPaths) -> int:
    journal = paths.journal()
    return journal.stat().st_size if journal.exists() else 0


def _has_begun(start: Start, paths: JobPaths) -> bool:
    """Whether the process of ``start`` got leave to begin.

    Where the submitter died between hold and release, its pipe closed, and the process ends by itself within
    milliseconds; one that was released instead journals RUNNING first. So this settles; at the limit it counts as begun.
    """
    if start.is_released:
        return True
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        is_gone = not is_running(start.ref.pid, start.ref.starttime)
        if _size(paths) > start.offset:
            return True
        if is_gone:
            return False
        time.sleep(0.005)
    return True


def _refuse_second_worker(former: Start | None, paths: JobPaths) -> None:
    holder = lease_holder(paths.lease())
    if holder is None and former is not None and former.is_released:
        holder = former.ref.pid if is_running(former.ref.pid, former.ref.starttime) else None
    if holder is not None:
        raise Unavailable(
            f"the former attempt of job {paths.job_id} still runs as process {holder}",
            hint="cancel it, or wait until it ends",
        )
