"""What changed among all jobs since the last look: by the registry, and by the journals of those that run."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..agent.nudge import ensure_agent
from ..core.errors import CloudMLError, NotFound
from ..core.states import JobState
from ..journal.lease import lease_holder
from ..journal.rows import JobRow
from .follow import AGENT_EVERY_S
from .live import LiveView, LiveViews
from .session import Session
from .snapshot import progress_now, state_now

_OVERLAP_S = 30.0
"""A row can be seen this long after the time that it carries: its writer may have waited for another (ten seconds)."""

_Mark = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``changed``: ``id``, ``state``, ``updated_at``, ``elapsed_s``, ``progress``, ``run_id`` of each job that did; ``counts`` by
    state."""

    changed: list[dict[str, Any]]
    counts: dict[str, int]


class Changes:
    """Looks at a user's jobs. The first look is at construction; what happens later is told by ``step``, once.

    A look at quiet jobs costs a question to SQLite's own counter and a ``stat`` for every job that runs.
    """

    def __init__(self, session: Session, views: LiveViews) -> None:
        self._session = session
        self._views = views
        self._version = session.registry.version()
        self._looked_at = time.time()
        rows, self._number = session.registry.changed_since(self._looked_at - _OVERLAP_S, -1)
        self._active = {row.id: row for row in session.registry.active()}
        self._marks = {row.id: _mark(row) for row in [*rows, *self._active.values()]}
        self._counts = session.registry.counts()
        self._told_of: dict[str, tuple[LiveView, int]] = {}
        self._saw_agent_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether jobs are on their way."""
        return bool(self._active)

    def step(self) -> Found | None:
        """What changed since the last call; None when nothing did.

        Raises:
            Unavailable: the registry cannot be read; the next call tells what this one would have told.
        """
        registry = self._session.registry
        version = registry.version()
        changed, counts = {}, self._counts
        if version != self._version:
            changed, counts = self._rows_that_changed(), registry.counts()
        changed |= self._jobs_that_went_on()
        told = [self._told(row) for row in changed.values()]
        is_news = bool(told) or counts != self._counts
        self._version, self._counts = version, counts
        self._see_to_agent()
        return Found(changed=told, counts=counts) if is_news else None

    def _rows_that_changed(self) -> dict[str, JobRow]:
        registry, now = self._session.registry, time.time()
        since = min(self._looked_at, now) - _OVERLAP_S
        rows, number = registry.changed_since(since, self._number)
        active = registry.active()
        seen = {row.id: row for row in [*rows, *active]}
        for job_id in self._active.keys() - seen.keys():  # its end may carry an earlier time
            with suppress(NotFound):
                seen[job_id] = registry.get(job_id)
        marks = {job_id: _mark(row) for job_id, row in seen.items()}
        before, self._marks = self._marks, marks
        self._number, self._looked_at = number, now
        self._active = {row.id: row for row in active}
        self._told_of = {key: of for key, of in self._told_of.items() if key in self._active}
        return {key: row for key, row in seen.items() if marks[key] != before.get(key)}

    def _jobs_that_went_on(self) -> dict[str, JobRow]:
        """Those whose journal has grown."""
        found = {}
        for row in self._active.values():
            if row.state is JobState.QUEUED:
                continue
            live = self._views.of(self._session.paths(row.id))
            version = live.catch_up()
            if self._told_of.get(row.id, (live, 0))[1] != version:
                self._told_of[row.id] = live, version
                found[row.id] = row
        return found

    def _told(self, row: JobRow) -> dict[str, Any]:
        now = time.time()
        live = self._views.of(self._session.paths(row.id))
        with live.lock:
            live.catch_up()
            view = live.view
            state = state_now(row, view)
            started = view.started_at or row.started_at
            ended = (view.ended_at or row.ended_at) if state.is_final else None
            return {
                "id": row.id,
                "state": state.value,
                "updated_at": max(row.updated_at, view.last_event_at or 0.0),
                "elapsed_s": None if started is None else max(0.0, (ended or now) - started),
                "progress": progress_now(view),
                "run_id": row.run_id,
            }

    def _see_to_agent(self) -> None:
        """While jobs are on their way an agent must live; where none does, one is started, as notebooks do."""
        now = time.monotonic()
        if not self._active or now - self._saw_agent_at < AGENT_EVERY_S:
            return
        self._saw_agent_at = now
        if lease_holder(self._session.home.agent_lock) is None:
            with suppress(CloudMLError):
                ensure_agent(self._session.home, timeout_s=AGENT_EVERY_S)


def _mark(row: JobRow) -> _Mark:
    return row.state, row.updated_at, row.attempt, row.run_id, row.tracking_state
