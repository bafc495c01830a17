"""Jobs that their targets have: watched, asked how they are, stopped when their time is over, until they have ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from ..core.errors import CloudMLError
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.home import DataHome
from ..journal.registry import Registry
from ..targets.local.client import is_running
from ..targets.port import Status, Target
from .folder import began_at, journal_size
from .live import Live, Watch
from .remote import Remotes
from .stopping import Stopper

log = logging.getLogger(__name__)

_TRY_AGAIN_S = 1.0
_LEAVING_S = 5.0
_BIG_JOURNAL = 1 << 20


class Following:
    """All live jobs. On the event loop; ``on_end`` gets a job with its final status, once its worker has let go.

    ``on_end`` must ``drop`` the job; when it raises a ``CloudMLError`` it is asked again.
    """

    def __init__(
        self,
        *,
        home: DataHome,
        registry: Registry,
        grace_s: float,
        on_end: Callable[[Live, Status], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.remotes = Remotes(self._take_status)
        self._home = home
        self._registry = registry
        self._on_end = on_end
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._stopper = Stopper(self.remotes, grace_s)
        self._live: dict[str, Live] = {}
        self._pids: dict[int, str] = {}
        self._polls: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._live)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._live

    def __len__(self) -> int:
        return len(self._live)

    def get(self, job_id: str) -> Live | None:
        return self._live.get(job_id)

    def owner_of(self, pid: int) -> str:
        """The job whose worker is ``pid``; empty when it is none of ours."""
        return self._pids.get(pid, "")

    def add(self, job_id: str, attempt: int, target: Target, spec: JobSpec) -> Live:
        """A job that is being given to ``target``; ``follow`` begins when it has a reference."""
        live = Live(
            job_id=job_id,
            attempt=attempt,
            target=target,
            retries=spec.retries,
            max_runtime_s=spec.max_runtime_s,
        )
        self._live[job_id] = live
        return live

    def follow(self, live: Live, ref: str) -> None:
        """Watch it from now on; one whose cancellation was asked for meanwhile is stopped."""
        live.ref = ref
        if live.local is None:
            self.remotes.follow(live)
            if live.is_stopping:
                self._stopper.cancel(live)
            return
        self._pids[live.local.pid] = live.job_id
        live.watch = Watch(live.local, partial(self._poll_here, live))

    def note_runtime(self, live: Live, started_at: float | None) -> None:
        """End it when it has run for ``--max-runtime`` since ``started_at``."""
        if not live.max_runtime_s or started_at is None:
            return
        left_s = started_at + live.max_runtime_s - self._clock()
        live.timers.append(self._loop.call_later(max(0.0, left_s), self._end_overdue, live))

    def began(self, live: Live) -> float | None:
        """When its attempt began to run, by its own journal."""
        return began_at(self._home.job(live.job_id), live.attempt)

    def cancel(self, live: Live) -> None:
        """Stop it, once. Safe to repeat."""
        if live.is_stopping:
            return
        live.is_stopping = True
        self._registry.move(live.job_id, JobState.STOPPING, now=self._clock())
        if live.ref:
            self._stopper.cancel(live)

    def drop(self, live: Live) -> None:
        """It has ended. Safe to repeat."""
        live.let_go()
        self.remotes.forget(live)
        self._live.pop(live.job_id, None)
        if live.local is not None:
            self._pids.pop(live.local.pid, None)

    def close(self) -> None:
        """Stop watching; jobs go on by themselves."""
        for live in self._live.values():
            live.let_go()
        for poll in self._polls:
            poll.cancel()
        self.remotes.close()

    def _poll_here(self, live: Live) -> None:
        """Ask this machine about one job; its journal is read in a thread when it is long."""
        if self._live.get(live.job_id) is not live:
            return
        if journal_size(self._home.job(live.job_id)) > _BIG_JOURNAL:
            poll = self._loop.create_task(self._poll_in_thread(live))
            self._polls.add(poll)
            poll.add_done_callback(self._polls.discard)
            return
        try:
            status = live.target.poll([live.ref])[live.ref]
        except (CloudMLError, OSError) as exc:
            self._poll_later(live, exc)
        else:
            self._take_status(live, status)

    async def _poll_in_thread(self, live: Live) -> None:
        try:
            status = await asyncio.to_thread(live.target.poll, [live.ref])
        except (CloudMLError, OSError) as exc:
            self._poll_later(live, exc)
            return
        if self._live.get(live.job_id) is live:
            self._take_status(live, status[live.ref])

    def _poll_later(self, live: Live, exc: Exception) -> None:
        log.warning("job %s cannot be looked at: %s", live.job_id, exc)
        live.timers.append(self._loop.call_later(_TRY_AGAIN_S, self._poll_here, live))

    def _take_status(self, live: Live, status: Status) -> None:
        try:
            self._apply(live, status)
        except CloudMLError as exc:
            log.warning("job %s: %s", live.job_id, exc)
            live.timers.append(
                self._loop.call_later(_TRY_AGAIN_S, partial(self._take_status, live, status))
            )

    def _apply(self, live: Live, status: Status) -> None:
        state = status.state
        if state is not None and state.is_final:
            if not self._is_leaving(live):
                self._on_end(live, status)
            return
        if state is not None and state is not live.state and not live.is_stopping:
            self._move(live, state, status.reason)
        elif state is live.state is JobState.STARTING and status.reason != live.reason:
            live.reason = status.reason  # packages are being installed, say
            self._registry.set_reason(live.job_id, status.reason)
        if live.watch is not None and (live.state is JobState.STARTING or live.is_stopping):
            live.watch.look_later()

    def _move(self, live: Live, state: JobState, reason: str) -> None:
        began = self.began(live) if state is JobState.RUNNING else None
        now = self._clock()
        if self._registry.move(live.job_id, state, now=now, reason=reason, started_at=began):
            live.state = state
        if state is JobState.RUNNING:
            self.note_runtime(live, now)

    def _is_leaving(self, live: Live) -> bool:
        """Whether its worker has said its last word but still lives, and holds its slots; not for long."""
        if live.local is None or live.watch is None:
            return False
        if not is_running(live.local.pid, live.local.starttime):
            return False
        live.leaving_since = live.leaving_since or self._loop.time()
        if self._loop.time() - live.leaving_since > _LEAVING_S:
            return False
        live.watch.look_later()
        return True

    def _end_overdue(self, live: Live) -> None:
        """Its time is over. The worker is told why, so that its own last word says so."""
        with suppress(OSError):  # a folder that is gone, a full disk: it is stopped all the same
            self._home.job(live.job_id).overdue.touch(mode=0o600)
        self._stopper.end_overdue(live)
