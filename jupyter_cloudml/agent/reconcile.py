"""Makes what users want and what is agree: intents become starts and cancels, ends become states and retries.

Exactly once: a target starts one process per token, ``<job>-<attempt>``; the attempt is in the registry before its token
is used. So this process may die between any two lines, and the next agent goes on from the registry and the folders.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from ..core.errors import (
    CloudMLError,
    FarSideError,
    JobCancelled,
    NotFound,
    RuntimeExceeded,
    Unavailable,
)
from ..core.spec import JobSpec, TargetRef
from ..core.states import JobState
from ..journal.home import DataHome
from ..journal.registry import Registry
from ..journal.rows import JobRow
from ..targets.port import Status, Target
from .environment import Environment
from .folder import (
    Submitted,
    begun_ref,
    is_silent,
    read_spec,
    submitted_environ,
    token_of,
    was_handed_over,
    write_state,
)
from .following import Following
from .forwarding import Forwarding
from .ledger import Ledger, Placement, visible_gpus
from .live import Live, free_result, sweep
from .places import Places
from .settings import Settings
from .verdict import Attempt, Verdict, verdict_on
from .waiting import Waiting, reasons, startable
from .warm.pool import Assignment, Pool, Readiness

log = logging.getLogger(__name__)

_SAFETY_LOOK_S = 5.0
_REASONS_S = 2.0
_TRY_AGAIN_S = 1.0
_SPARE_PATIENCE_S = 3.0
_MAX_FALSE_STARTS = 3
_ITS_BUG = "the agent's log has the traceback; report it to who wrote the target"
_LEAVING_S = 5.0
_HANDOVER_S = 5.0
_BIG_JOURNAL = 1 << 20


class Reconciler:
    """The agent's mind. Lives on the event loop; only targets other than this machine are asked in threads."""

    def __init__(
        self,
        *,
        home: DataHome,
        registry: Registry,
        pool: Pool,
        ledger: Ledger,
        forwarding: Forwarding,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._registry = registry
        self._pool = pool
        self._ledger = ledger
        self._forwarding = forwarding
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._places = Places(home, pool)
        self._following = Following(
            home=home, registry=registry, grace_s=settings.grace_s, on_end=self._end, clock=clock
        )
        self._waiting: dict[str, Waiting] = {}
        self._secrets: dict[str, dict[str, str]] = {}
        self._environs: dict[str, dict[str, str]] = {}
        self._false_starts: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._safety: asyncio.TimerHandle | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._retrying: asyncio.TimerHandle | None = None
        self._busy_at = self._loop.time()

    # --- what the server asks -----------------------------------------------------------------------------------------

    def look(self, job_id: str | None = None) -> None:
        """Look at one job, or at all that have not ended, and do what there is to do. Never raises."""
        self.touch()
        try:
            rows = self._rows(job_id)
        except CloudMLError as exc:  # the registry: nothing is lost, it is all written down
            log.warning("cannot look: %s", exc)
            self._try_again()
            rows = []
        for row in rows:
            try:
                self._take_up(row)
            except CloudMLError as exc:  # this job only: its neighbours go on
                log.warning("cannot take up job %s: %s", row.id, exc)
                self._try_again()
        self.start_what_fits()
        self._look_again_later()

    def start_what_fits(self) -> None:
        """Start the jobs whose turn it is. Never raises."""
        try:
            self._start_what_fits()
        except CloudMLError as exc:
            log.warning("cannot start jobs: %s", exc)
            self._try_again()
        if self._waiting and self._telling is None:
            self._telling = self._loop.call_later(0.1, self._tell_reasons)

    def _try_again(self) -> None:
        """Look at everything once more, soon; many calls make one look."""
        if self._retrying is None:
            self._retrying = self._loop.call_later(_TRY_AGAIN_S, self._look_once_more)

    def _look_once_more(self) -> None:
        self._retrying = None
        self.look()

    def keep(
        self, job_id: str, *, secrets: dict[str, str] | None, environ: dict[str, str] | None
    ) -> None:
        """Hold what must lie on no disk in memory until the job has ended: values of secrets, and of variables."""
        if secrets:
            self._secrets[job_id] = secrets
        if environ:
            self._environs[job_id] = environ
        if (secrets or environ) and job_id in self._waiting:
            self._waiting[job_id].not_before = 0.0
            self._loop.call_soon(self.start_what_fits)

    def touch(self) -> None:
        """Somebody is there: the idle time starts afresh."""
        self._busy_at = self._loop.time()

    def is_idle_for(self, seconds: float) -> bool:
        """Whether there was no open job and no request for so long."""
        if self._following or self._waiting:
            self.touch()
        return self._loop.time() - self._busy_at >= seconds

    def owner_of(self, pid: int) -> str:
        """The job whose worker is ``pid``; empty when it is none of ours."""
        return self._following.owner_of(pid)

    def describe(self) -> dict[str, Any]:
        """What ``status`` shows."""
        return {"waiting": len(self._waiting), "live": sorted(self._following)}

    def close(self) -> None:
        """Stop watching; jobs go on by themselves."""
        self._following.close()
        for timer in (self._safety, self._telling, self._retrying):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()

    # --- taking up ----------------------------------------------------------------------------------------------------

    def _rows(self, job_id: str | None) -> list[JobRow]:
        if job_id is None:
            return self._registry.active()
        try:
            return [self._registry.get(job_id)]
        except NotFound:
            log.info("nudged for job %s, which is not there", job_id)
            return []

    def _take_up(self, row: JobRow) -> None:
        if row.state.is_final:
            return
        if row.id not in self._following and row.id not in self._waiting:
            self._adopt(row)
        if row.intent == "cancel":
            self._cancel(row.id)

    def _adopt(self, row: JobRow) -> None:
        """Go on where an earlier agent stopped; a job that nobody has begun joins the queue."""
        ref = row.ref or begun_ref(self._home.job(row.id), row.attempt)
        if not ref:
            self._queue(row)
            return
        try:
            spec = read_spec(self._home.job(row.id))
            target = self._places.open(TargetRef.parse(row.target), spec)
        except CloudMLError as exc:
            self._refuse(Waiting.of(row), exc)
            return
        live = self._following.add(row.id, row.attempt, target, spec)
        live.state = row.state
        self._following.follow(live, ref)
        self._following.note_runtime(live, row.started_at)

    def _queue(self, row: JobRow) -> None:
        job = Waiting.of(row)
        try:
            if job.is_local and job.needs.gpus:
                submitted = submitted_environ(self._home.job(row.id))
                job = Waiting.of(row, visible_gpus(submitted.known))
            if job.is_local:
                self._ledger.check(job.needs)
        except CloudMLError as exc:
            self._refuse(job, exc)
        else:
            self._waiting[row.id] = job

    # --- starting -----------------------------------------------------------------------------------------------------

    def _start_what_fits(self) -> None:
        now = self._loop.time()
        for job in startable(list(self._waiting.values()), self._ledger):
            if job.not_before > now:
                continue
            try:
                self._start(job)
            except (Unavailable, OSError) as exc:
                self._postpone(job, str(exc))
            except CloudMLError as exc:
                self._refuse(job, exc)

    def _start(self, job: Waiting) -> None:
        spec = read_spec(self._home.job(job.job_id))
        target = self._places.open(TargetRef.parse(job.target), spec)
        if not job.is_local:
            self._start_far(job, spec, target)
            return
        missing = [name for name in spec.secrets if name not in self._secrets.get(job.job_id, {})]
        if missing:
            self._postpone(job, f"waiting for the value of secret {missing[0]}", pause_s=3600.0)
            return
        request: Any = target.plan(spec, self._home.job(job.job_id))
        if job.environment is None:
            submitted = submitted_environ(self._home.job(job.job_id))
            if self._may_still_come(job, submitted):
                self._postpone(job, "waiting for its environment", pause_s=_HANDOVER_S)
                return
            job.environment = Environment.of(request.argv[0], {**submitted.known, **request.env})
        if self._is_spare_coming(job):
            return
        placement = self._ledger.place(job.job_id, job.needs)
        if placement is not None:
            self._start_here(job, spec, target, request, placement)

    def _may_still_come(self, job: Waiting, submitted: Submitted) -> bool:
        """Whether the nudge with the variables that are on no disk may be under way: the row is there just before it."""
        is_fresh = self._clock() - submitted.written_at < _HANDOVER_S
        return is_fresh and bool(submitted.by_hand) and job.job_id not in self._environs

    def _is_spare_coming(self, job: Waiting) -> bool:
        assert job.environment is not None
        if self._pool.warm(job.environment) is not Readiness.SOON:
            return False
        now = self._loop.time()
        if not job.waits_for_spare_since:
            job.waits_for_spare_since = now
            self._loop.call_later(_SPARE_PATIENCE_S + 0.1, self.start_what_fits)
        return now - job.waits_for_spare_since < _SPARE_PATIENCE_S

    def _start_here(
        self, job: Waiting, spec: JobSpec, target: Target, request: Any, placement: Placement
    ) -> None:
        assert job.environment is not None
        secrets = {name: self._secrets[job.job_id][name] for name in spec.secrets}
        self._pool.assign(
            job.job_id,
            Assignment(
                environment=job.environment,
                placement=placement,
                secrets=secrets,
                environ=self._environs.get(job.job_id, {}),
            ),
        )
        try:
            self._prepare(job)
            write_state(self._home.job(job.job_id), JobState.STARTING, self._clock())
            ref = target.submit(request, token_of(job.job_id, job.attempt))
        except BaseException:
            self._ledger.give_back(job.job_id)
            raise
        del self._waiting[job.job_id]
        self._forwarding.nudge("job", job.job_id)
        live = self._following.add(job.job_id, job.attempt, target, spec)
        self._following.follow(live, ref)
        self._registry.set_ref(job.job_id, ref)
        self._registry.move(job.job_id, JobState.STARTING, now=self._clock())

    def _start_far(self, job: Waiting, spec: JobSpec, target: Target) -> None:
        del self._waiting[job.job_id]
        self._prepare(job)
        write_state(self._home.job(job.job_id), JobState.STARTING, self._clock())
        self._registry.move(job.job_id, JobState.STARTING, now=self._clock())
        live = self._following.add(job.job_id, job.attempt, target, spec)
        task = self._loop.create_task(self._submit_far(job, spec, live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit_far(self, job: Waiting, spec: JobSpec, live: Live) -> None:
        try:
            request = live.target.plan(spec, self._home.job(job.job_id))
            token = token_of(job.job_id, job.attempt)
            ref = await self._following.remotes.call(
                live.target, live.target.submit, request, token
            )
        except CloudMLError as exc:
            self._drop(live)
            if isinstance(exc, Unavailable):
                self._waiting[job.job_id] = job
                self._postpone(job, str(exc), pause_s=10.0)
            else:
                self._refuse(job, exc)
            return
        except Exception as exc:  # a target's bug is the end of this job, not of the agent
            log.exception("job %s", job.job_id)
            self._drop(live)
            self._refuse(job, FarSideError(f"target {job.target} failed: {exc!r}", hint=_ITS_BUG))
            return
        self._registry.set_ref(job.job_id, ref)
        self._forwarding.nudge("job", job.job_id)
        self._following.follow(live, ref)

    def _prepare(self, job: Waiting) -> None:
        """Clear what an earlier attempt left: its result, and a cancel that was meant for it.

        Once only: where an agent died right after the hand-over, what lies there now is of this attempt.
        """
        paths = self._home.job(job.job_id)
        if job.attempt == 1 or was_handed_over(paths, job.attempt):
            return
        free_result(paths.result)
        paths.cancel.unlink(missing_ok=True)
        paths.overdue.unlink(missing_ok=True)
        if self._registry.get(job.job_id).intent == "cancel":
            paths.cancel.touch(mode=0o600)

    def _postpone(self, job: Waiting, reason: str, *, pause_s: float = _TRY_AGAIN_S) -> None:
        """Try again after a pause (or a nudge that brings what was missing)."""
        log.info("job %s waits: %s", job.job_id, reason)
        job.not_before = self._loop.time() + pause_s
        self._loop.call_later(pause_s + 0.01, self.start_what_fits)
        if reason != job.reason:
            job.reason = reason
            self._registry.set_reason(job.job_id, reason)

    def _refuse(self, job: Waiting, exc: CloudMLError) -> None:
        """It can never start."""
        self._waiting.pop(job.job_id, None)
        state = JobState.CANCELLED if isinstance(exc, JobCancelled) else JobState.FAILED
        error = {"type": type(exc).__name__, "message": exc.message, "hint": exc.hint}
        self._conclude(job.job_id, Verdict(state=state, reason=str(exc)), error=error)

    # --- ending -------------------------------------------------------------------------------------------------------

    def _end(self, live: Live, status: Status) -> None:
        assert status.state is not None
        if live.local is not None:
            sweep(live.local)
        row = self._registry.get(live.job_id)
        verdict = self._verdict(live, row, status)
        if verdict.state is JobState.QUEUED:
            self._queue_again(live, row, verdict.reason)
        else:
            error = _overdue(live) if verdict.state is JobState.FAILED else None
            is_told = status.raw == "ended"
            began = self._following.began(live)
            self._conclude(live.job_id, verdict, error=error, is_told=is_told, started_at=began)
        self._drop(live)
        self._forwarding.nudge("end", live.job_id)
        self.touch()
        if verdict.state is JobState.QUEUED:
            self._queue(self._registry.get(live.job_id))
        self.start_what_fits()

    def _verdict(self, live: Live, row: JobRow, status: Status) -> Verdict:
        attempt = Attempt(
            number=row.attempt,
            retries=live.retries,
            is_cancel_wanted=row.intent == "cancel",
            overdue_s=live.max_runtime_s if live.is_overdue else 0.0,
            never_began=status.state is JobState.LOST and self._never_began(live),
        )
        return verdict_on(attempt, status)

    def _never_began(self, live: Live) -> bool:
        """Whether a local worker died without a word; true only a few times for one job."""
        if live.local is None or not is_silent(self._home.job(live.job_id)):
            return False
        self._false_starts[live.job_id] = self._false_starts.get(live.job_id, 0) + 1
        return self._false_starts[live.job_id] <= _MAX_FALSE_STARTS

    def _queue_again(self, live: Live, row: JobRow, reason: str) -> None:
        now = self._clock()
        free_result(self._home.job(live.job_id).result)
        write_state(self._home.job(live.job_id), JobState.QUEUED, now, reason=reason)
        if row.state is not JobState.RUNNING:
            self._registry.move(live.job_id, JobState.RUNNING, now=now)
        self._registry.move(live.job_id, JobState.QUEUED, now=now, reason=reason)

    def _conclude(
        self,
        job_id: str,
        verdict: Verdict,
        *,
        error: dict[str, str] | None = None,
        is_told: bool = False,
        started_at: float | None = None,
    ) -> None:
        """The job has ended. ``is_told``: the worker wrote so itself, in these words."""
        now = self._clock()
        if not is_told:
            write_state(
                self._home.job(job_id), verdict.state, now, reason=verdict.reason, error=error
            )
        failure = verdict.reason if verdict.state in (JobState.FAILED, JobState.LOST) else ""
        self._registry.move(
            job_id,
            verdict.state,
            now=now,
            reason=verdict.reason,
            error=failure,
            started_at=started_at,
        )
        self._secrets.pop(job_id, None)
        self._environs.pop(job_id, None)
        self._false_starts.pop(job_id, None)

    def _drop(self, live: Live) -> None:
        self._following.drop(live)
        self._ledger.give_back(live.job_id)

    # --- cancelling ---------------------------------------------------------------------------------------------------

    def _cancel(self, job_id: str) -> None:
        live = self._following.get(job_id)
        if live is not None:
            self._following.cancel(live)
            return
        self._home.job(job_id).cancel.touch(mode=0o600)
        self._waiting.pop(job_id, None)
        self._conclude(job_id, Verdict(state=JobState.CANCELLED, reason="cancelled while queued"))

    # --- small things -------------------------------------------------------------------------------------------------

    def _look_again_later(self) -> None:
        """While jobs are open, look every few seconds: a nudge may have been lost with an agent that died."""
        if self._safety is not None:
            self._safety.cancel()
            self._safety = None
        if self._following or self._waiting:
            self._safety = self._loop.call_later(_SAFETY_LOOK_S, self.look)

    def _tell_reasons(self) -> None:
        self._telling = None
        try:
            for job_id, reason in reasons(self._waiting.values(), self._ledger).items():
                job = self._waiting[job_id]
                if reason != job.reason and job.not_before <= self._loop.time():
                    job.reason = reason
                    self._registry.set_reason(job_id, reason)
        except CloudMLError as exc:
            log.warning("cannot say why jobs wait: %s", exc)
        if self._waiting:
            self._telling = self._loop.call_later(_REASONS_S, self._tell_reasons)


def _overdue(live: Live) -> dict[str, str] | None:
    """The error of a job that was stopped because its time was over; None of any other."""
    if not live.is_overdue:
        return None
    over = RuntimeExceeded.after(live.max_runtime_s, live.job_id)
    return {"type": type(over).__name__, "message": over.message, "hint": over.hint}
