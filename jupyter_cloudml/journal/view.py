"""What a job looks like now: its events folded into one small snapshot for the cell, the command line and REST."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..core import events
from ..core.states import JobState, is_legal
from .series import Series

_MAX_NOTES = 100
_BEGINNINGS = {JobState.QUEUED, JobState.STARTING, JobState.RUNNING}
_TOLD_AGAIN = (JobState.QUEUED, JobState.STARTING)  # with another reason
_KNOWN_STATES = {state.value: state for state in JobState}


class Progress:
    """One progress bar. ``rate`` is items per second since its first event."""

    __slots__ = ("_first_n", "desc", "done", "n", "started_at", "total", "updated_at")

    def __init__(self, started_at: float, n: float) -> None:
        self.started_at = self.updated_at = started_at
        self._first_n = self.n = n
        self.total: float | None = None
        self.desc = ""
        self.done = False

    def update(self, event: dict[str, Any]) -> None:
        self.updated_at = float(event["t"])
        self.n = event.get("n", self.n)
        self.total = event.get("total", self.total)
        self.desc = event.get("desc") or self.desc
        self.done = bool(event.get("done")) or (self.total is not None and self.n >= self.total)

    @property
    def rate(self) -> float:
        elapsed_s = self.updated_at - self.started_at
        return (self.n - self._first_n) / elapsed_s if elapsed_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to go, counted from ``updated_at``; None while it cannot be known."""
        if self.done:
            return 0.0
        if self.total is None or self.rate <= 0:
            return None
        return (self.total - self.n) / self.rate

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "total": self.total,
            "desc": self.desc,
            "done": self.done,
            "rate": self.rate,
            "eta_s": self.eta_s,
            "started_at": self.started_at,
            "updated_at": self.updated_at,
        }


class JobView:
    """A job as its events tell it. Feed it with ``apply``; it takes bounded space however long the job runs.

    A state report that is late or illegal is dropped. A report of a beginning that is newer than the end is a new
    attempt: error, end and progress start afresh, metrics go on. Unknown kinds and malformed fields are passed over.
    """

    def __init__(self) -> None:
        self.state = JobState.QUEUED
        self.reason = ""
        self.error: dict[str, Any] | None = None
        self.attempt = 1
        self.pid: int | None = None
        self.host = ""
        self.ref = ""
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.last_event_at: float | None = None
        self.progress: dict[str, Progress] = {}
        self.metrics: dict[str, Series] = {}
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.resources: dict[str, Any] | None = None
        self.peak_rss = 0
        self.checkpoint: dict[str, Any] | None = None
        self.notes: list[str] = []
        self.has_result = False

    def apply(self, event: dict[str, Any]) -> None:
        """Take in one event; events come as a reader gives them."""
        handler = _HANDLERS.get(event["k"])
        self.last_event_at = max(self.last_event_at or 0.0, float(event["t"]))
        if handler is not None:
            with suppress(TypeError, ValueError, AttributeError):  # the far side may write anything
                handler(self, event)

    def _state(self, event: dict[str, Any]) -> None:
        state = _KNOWN_STATES.get(str(event.get("state")))
        if state is None or not self._may_move(state, float(event["t"])):
            return
        if self.state.is_final:
            self._start_afresh()
        self.state = state
        self.reason = str(event.get("reason") or "")
        self.ref = event.get("ref") or self.ref
        if state is JobState.RUNNING:
            self.started_at = float(event["t"])
            self.pid = event.get("pid")
            self.host = str(event.get("host") or "")
        elif state.is_final:
            self.ended_at = float(event["t"])
            self.error = event.get("error")

    def _may_move(self, state: JobState, at: float) -> bool:
        if self.state.is_final:
            return state in _BEGINNINGS and self.ended_at is not None and at > self.ended_at
        return is_legal(self.state, state) or (state is self.state and state in _TOLD_AGAIN)

    def _start_afresh(self) -> None:
        self.attempt += 1
        self.started_at = self.ended_at = self.error = self.pid = None
        self.has_result = False
        self.progress = {}

    def _metric(self, event: dict[str, Any]) -> None:
        for name, value in (event.get("m") or {}).items():
            series = self.metrics.get(name)
            if series is None:
                series = self.metrics[name] = Series()
            step = event.get("s")
            series.add(series.count if step is None else step, value)

    def _param(self, event: dict[str, Any]) -> None:
        self.params.update(event.get("p") or {})

    def _tag(self, event: dict[str, Any]) -> None:
        self.tags.update(event.get("p") or {})

    def _progress(self, event: dict[str, Any]) -> None:
        key = str(event.get("id", ""))
        bar = self.progress.get(key)
        if bar is None:
            bar = self.progress[key] = Progress(float(event["t"]), event.get("n", 0))
        bar.update(event)

    def _checkpoint(self, event: dict[str, Any]) -> None:
        self.checkpoint = {"step": event.get("step"), "uri": event.get("uri"), "t": event["t"]}

    def _resource(self, event: dict[str, Any]) -> None:
        self.resources = {key: value for key, value in event.items() if key != "k"}
        self.peak_rss = max(self.peak_rss, event.get("rss") or 0)

    def _result(self, _event: dict[str, Any]) -> None:
        self.has_result = True

    def _note(self, event: dict[str, Any]) -> None:
        text = str(event.get("text", ""))
        if text not in self.notes:
            self.notes = [*self.notes[-_MAX_NOTES + 1 :], text]

    def to_json(self) -> dict[str, Any]:
        """The snapshot as strict JSON; times are Unix seconds, sizes bytes."""
        return {
            "state": self.state.value,
            "reason": self.reason,
            "error": self.error,
            "attempt": self.attempt,
            "pid": self.pid,
            "host": self.host,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "last_event_at": self.last_event_at,
            "progress": {key: bar.to_json() for key, bar in self.progress.items()},
            "metrics": {name: series.to_json() for name, series in self.metrics.items()},
            "params": self.params,
            "tags": self.tags,
            "resources": self.resources,
            "peak_rss": self.peak_rss,
            "checkpoint": self.checkpoint,
            "notes": self.notes,
            "has_result": self.has_result,
        }


_HANDLERS = {
    events.STATE: JobView._state,
    events.METRIC: JobView._metric,
    events.PARAM: JobView._param,
    events.TAG: JobView._tag,
    events.PROGRESS: JobView._progress,
    events.CHECKPOINT: JobView._checkpoint,
    events.RESOURCE: JobView._resource,
    events.RESULT: JobView._result,
    events.NOTE: JobView._note,
}


def fold(journal: Iterable[dict[str, Any]]) -> JobView:
    """The view after all events of ``journal``."""
    view = JobView()
    for event in journal:
        view.apply(event)
    return view
