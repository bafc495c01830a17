"""The forwarder: a process that makes MLflow show what the journals of all jobs say, exactly once.

Start it as ``python -m jupyter_cloudml.tracking.forwarder HOME``, or in a fork of a process that called `preload`, with
``run_forwarder(home, stdin_fd)``. One works per home: a new one ends its predecessor, which may be killed at any instant.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..core.errors import CloudMLError, NotFound, Unavailable
from ..core.states import JobState
from ..journal.home import DataHome
from ..journal.lease import Lease, lease_holder
from ..journal.registry import Registry
from ..journal.rows import JobRow
from .config import quiet_environment, tracking_uri
from .environment import EnvironmentLocks
from .job import Progress, TrackedJob, journalled_end
from .links import Link, Links
from .nudges import Nudge, Nudges
from .store import preload

__all__ = ["Forwarder", "main", "preload", "run_forwarder"]

log = logging.getLogger(__name__)

MIN_PAUSE_S = 0.2
MAX_PAUSE_S = 2.0
LOOK_ROUND_S = 30.0  # with no job open: a lost nudge costs this at most
ORPHAN_S = 60.0
LAST_ROUNDS = 16
BEHIND_TRAINING = 5  # niceness: what a cell logs costs the forwarder much more time than the cell
OUTAGE_S = 3600.0  # a store may be away this long before a forwarder with nothing else to do ends
SETTLED_S = 5.0  # an orphan takes a worker's last word for the end after this
TAKEOVER_S = 3.0
HTTP_TIMEOUT_S = 15


class Forwarder:
    """The runs of all jobs of one home. ``cycle`` does all there is to do; ``take`` answers nudges first.

    Blocking and single-threaded: one batch of MLflow (some 70 ms on SQLite) is the longest a nudge waits while the store
    answers, one HTTP timeout while it hangs.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        pending: Callable[[], list[Nudge]] = list,
    ) -> None:
        self.home = DataHome(home)
        self.registry = Registry(self.home.registry_db)
        self.is_orphan = False
        self._clock = clock
        self._pending = pending
        self._links = Links(home)
        self._jobs: dict[str, TrackedJob] = {}
        self._locks = EnvironmentLocks()
        self._launched: set[str] = set()
        self._foretold: dict[str, tuple[JobState, float]] = {}  # ends that an orphan told MLflow
        self.open_jobs = 0
        self.live_jobs = 0

    def warm(self) -> None:
        """Open the store that the next job will most likely use. An outage is no error here."""
        latest = self.registry.list_jobs(limit=1)
        uri = (latest[0].tracking_uri if latest else "") or self._default_uri()
        link = self._links[uri]
        try:
            link.store().warm(latest[0].experiment if latest else "Default")
        except Unavailable as exc:
            link.failed(exc)
        except CloudMLError as exc:
            log.info("%s", exc)

    def take(self, nudges: list[Nudge]) -> None:
        """Make the run of every job that starts, before anything else is done."""
        for nudge in nudges:
            if nudge.verb == "job":
                self._launched.add(nudge.job_id)
                self._guarded(nudge.job_id, self._launch)

    def _launch(self, row: JobRow) -> Progress:
        if row.tracking_state in ("pending", "open"):
            _, link = self._ensure(row)
            link.worked()
        return Progress.MOVED

    def cycle(self) -> Progress:
        """Bring every open job forward by some chunks."""
        progress = Progress.NOTHING
        rows = self.registry.tracking_open()
        self.open_jobs = len(rows)
        self.live_jobs = sum(not row.state.is_final for row in rows)
        for row in rows:
            if row.state is JobState.QUEUED and row.id not in self._launched and not row.run_id:
                continue
            progress = max(progress, self._guarded(row.id, self._advance, row))
            self._take_pending()
        for job_id in self._jobs.keys() - {row.id for row in rows} - self._launched:
            self._drop(job_id)
        return progress

    def _advance(self, row: JobRow) -> Progress:
        job = self._jobs.get(row.id)
        outcome = self._outcome(row)
        is_done = outcome is None or (outcome == self._foretold.get(row.id) and self.is_orphan)
        if job is not None and job.run is not None and is_done and not job.has_news():
            return Progress.NOTHING
        job, link = self._ensure(row)
        store = link.store()
        job.dress(store, wait=outcome is not None)
        progress = job.forward(store, self._take_pending)
        if outcome is not None:
            rounds = iter(range(LAST_ROUNDS))
            while progress and next(rounds, None) is not None:
                progress = job.forward(store, self._take_pending)
            if not progress:
                job.end(store, *outcome)
        link.worked()
        job.recovered()
        if outcome is None or progress:
            return progress
        if not row.state.is_final:
            self._foretold[row.id] = outcome
            return Progress.NOTHING
        job.finish("ended")
        self._drop(row.id)
        self.open_jobs -= 1
        return Progress.MOVED

    def _ensure(self, row: JobRow) -> tuple[TrackedJob, Link]:
        if row.id not in self._jobs:
            self._jobs[row.id] = TrackedJob(row, self.home.job(row.id), self.registry, self._locks)
        job = self._jobs[row.id]
        link = self._link(row)
        job.ensure_run(link.store(), row, round(self._clock() * 1000))
        return job, link

    def _outcome(self, row: JobRow) -> tuple[JobState, float] | None:
        """How and when the job ended, where that is settled. The journal's time wins over the agent's."""
        said = None
        if row.state.is_final or self.is_orphan:
            said = journalled_end(self.home.job(row.id))
        if row.state.is_final:
            if said is not None and said[0] is row.state:
                return said
            return row.state, row.ended_at or row.updated_at
        if said is not None and self._clock() - said[1] > SETTLED_S:
            return said
        return None

    def _guarded(
        self, job_id: str, step: Callable[[JobRow], Progress], row: JobRow | None = None
    ) -> Progress:
        """``step`` for one job; whatever fails there stays with that job, and is told in its record."""
        try:
            row = row or self.registry.get(job_id)
            try:
                return step(row)
            except Unavailable as exc:
                self._outage(row, exc)
            except CloudMLError as exc:
                self._give_up(row, exc.message)
            except (
                Exception
            ) as exc:  # MLflow and its HTTP stack raise anything; the other jobs go on
                log.exception("job %s", job_id)
                self._outage(row, Unavailable(f"tracking failed: {type(exc).__name__}: {exc}"))
        except NotFound:
            self._drop(job_id)
        except CloudMLError as exc:  # registry or job folder: said when they answer again
            log.warning("job %s: %s", job_id, exc)
        return Progress.NOTHING

    def _outage(self, row: JobRow, exc: Unavailable) -> None:
        link = self._link(row)
        if link.wait_s() <= 0:
            link.failed(exc)
        if row.id in self._jobs:
            self._jobs[row.id].wait(exc.message)

    def _give_up(self, row: JobRow, error: str) -> None:
        log.warning("job %s is not tracked any more: %s", row.id, error)
        job = self._jobs.get(row.id)
        if job is not None:
            job.finish("failed", error)
        else:
            self.registry.set_tracking_state(row.id, "failed", error=error)
        self._drop(row.id)

    def _drop(self, job_id: str) -> None:
        self._jobs.pop(job_id, None)
        self._launched.discard(job_id)

    def _take_pending(self) -> None:
        self.take(self._pending())

    def _link(self, row: JobRow) -> Link:
        return self._links[row.tracking_uri or self._default_uri()]

    def _default_uri(self) -> str:
        return tracking_uri(os.environ, self.home.root)

    def close(self) -> None:
        """Let go of everything; what was not forwarded stands in the journals, before the cursors."""
        self._locks.close()
        self._links.close()
        self.registry.close()

    @property
    def has_told_all(self) -> bool:
        """Whether MLflow knows of every open job's end already; the registry learns it from the next agent."""
        return self.live_jobs == self.open_jobs == len(self._foretold.keys() & self._jobs.keys())

    def next_try_s(self) -> float | None:
        """Seconds until a store that is down may be tried again."""
        return self._links.next_try_s()


def run_forwarder(home: Path | str, stdin_fd: int, *, idle_s: float = 300.0) -> None:
    """Serve until there has been nothing to do for ``idle_s``, or a newer forwarder takes over. Never raises for an outage.

    When the other end of ``stdin_fd`` closes, the runs of living jobs are still brought to their end. Changes
    this process for good (environment, signals, logging): call it in a process of its own.
    """
    _settle_process()
    root = Path(home).absolute()
    lease = _take_over(root / "tracking.lock")
    nudges = Nudges(stdin_fd)
    forwarder = Forwarder(root, pending=lambda: nudges.wait(0) if nudges.is_open else [])
    forwarder.warm()
    gc.collect()
    gc.freeze()
    try:
        _serve(forwarder, nudges, idle_s)
    finally:
        forwarder.close()
        lease.release()


def _serve(forwarder: Forwarder, nudges: Nudges, idle_s: float) -> None:
    pause_s = 0.0
    busy_at = time.monotonic()
    while True:
        came = nudges.wait(pause_s)
        forwarder.is_orphan = not nudges.is_open
        progress = Progress.NOTHING
        try:
            forwarder.take(came)
            progress = forwarder.cycle()
        except CloudMLError as exc:  # the registry does not answer
            log.warning("%s", exc)
        if (
            nudges.is_open is forwarder.is_orphan
        ):  # the agent left meanwhile: look again as an orphan
            pause_s = 0.0
            continue
        now = time.monotonic()
        if came or progress or (forwarder.live_jobs and not forwarder.is_orphan):
            busy_at = now
        left_s = _patience_s(forwarder, idle_s) - (now - busy_at)
        if left_s <= 0:
            return
        pause_s = _pause_s(forwarder, 0.0 if came else pause_s, progress, left_s)


def _patience_s(forwarder: Forwarder, idle_s: float) -> float:
    """How long nothing may happen before this process has no more use."""
    if forwarder.is_orphan:
        return 0.0 if forwarder.has_told_all else ORPHAN_S
    return max(OUTAGE_S, idle_s) if forwarder.open_jobs else idle_s


def _pause_s(forwarder: Forwarder, last_s: float, progress: Progress, left_s: float) -> float:
    """How long to sleep, at most: short after a nudge, longer and longer while nobody calls, for ever near an idle end."""
    if progress is Progress.BEHIND:
        return 0.0
    if not forwarder.open_jobs:
        return max(MIN_PAUSE_S, min(LOOK_ROUND_S, left_s))
    pause_s = min(max(last_s * 1.5, MIN_PAUSE_S), MAX_PAUSE_S)
    retry_s = forwarder.next_try_s()
    return pause_s if retry_s is None else min(pause_s, max(retry_s, 0.05))


def _settle_process() -> None:
    quiet_environment()
    os.nice(BEHIND_TRAINING)
    # A request that MLflow repeats by itself could make a run twice; our own back-off asks first.
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(HTTP_TIMEOUT_S)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(
            logging.CRITICAL
        )  # what goes wrong is told in the registry
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _take_over(path: Path) -> Lease:
    """The home's one tracking lock; who holds it is ended, which is safe at any instant."""
    deadline = time.monotonic() + TAKEOVER_S
    signalled = 0
    while True:
        try:
            return Lease.acquire(path)
        except Unavailable:
            holder = lease_holder(path)
            is_late = time.monotonic() > deadline
            if holder and (holder != signalled or is_late):
                signalled = holder
                _end(holder, signal.SIGKILL if is_late else signal.SIGTERM)
            if time.monotonic() > deadline + TAKEOVER_S:
                raise
            time.sleep(0.01)


def _end(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main(argv: list[str] | None = None) -> int:
    """``python -m jupyter_cloudml.tracking.forwarder HOME [IDLE_S]``; nudges come on stdin."""
    arguments = sys.argv[1:] if argv is None else argv
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m jupyter_cloudml.tracking.forwarder HOME [IDLE_S]", file=sys.stderr)
        return 2
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s tracking: %(message)s", stream=sys.stderr
    )
    idle_s = float(arguments[1]) if len(arguments) == 2 else 300.0
    run_forwarder(arguments[0], sys.stdin.fileno(), idle_s=idle_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
