"""One job as surfaces show it: what the registry and the journal know, under one stable, versioned schema.

``application/vnd.cloudml.job+json`` is this value. Keys are only ever added; ``version`` changes when one changes its
meaning. Times are Unix seconds, sizes bytes, ``points`` are ``[step, value]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.states import JobState
from ..journal.rows import JobRow
from ..journal.view import JobView
from ..tracking.config import without_userinfo

VERSION = 1
MAX_SERIES = 16


def snapshot(
    row: JobRow, view: JobView, *, now: float, run: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The snapshot at ``now``. Pure; strict JSON; bounded (`MAX_SERIES` curves of at most 200 points).

    Where row and journal differ, the one that is further wins: a final state in the row (a worker that died without a
    word), else what the journal says; but a job that was queued again after it had ended is not over.
    """
    seen = view.to_json()
    state = state_now(row, view)
    started = seen["started_at"] or row.started_at
    ended = (seen["ended_at"] or row.ended_at) if state.is_final else None
    run = run or {}
    run_id = run.get("run_id") or row.run_id
    return {
        "version": VERSION,
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "target": row.target,
        "state": state.value,
        "reason": row.reason if not state.is_final or not seen["reason"] else seen["reason"],
        "attempt": row.attempt,
        "notebook": row.notebook,
        "cell_id": row.cell_id,
        "created_at": row.created_at,
        "started_at": started,
        "ended_at": ended,
        "updated_at": now,
        "elapsed_s": None if started is None else max(0.0, (ended or now) - started),
        "progress": progress_now(view),
        "metrics": _metrics(seen["metrics"]),
        "requested": row.resources.to_json(),
        "resources": seen["resources"] or {},
        "checkpoint": seen["checkpoint"],
        "notes": seen["notes"],
        "error": _error(row, seen) if state.is_final else None,
        "run_id": run_id,
        "experiment": row.experiment,
        "experiment_id": run.get("experiment_id") or row.experiment_id,
        "tracking_uri": without_userinfo(str(run.get("tracking_uri") or row.tracking_uri)),
        "links": _links(run, row),
    }


def state_now(row: JobRow, view: JobView) -> JobState:
    """The state of a job that the registry and its journal know; see ``snapshot``."""
    if row.state.is_final or _is_again(row, view):
        return row.state
    return _later(row.state, view.state)


def progress_now(view: JobView) -> list[dict[str, Any]]:
    """The progress bars, in the order in which they began."""
    return [{"id": key, **bar.to_json()} for key, bar in view.progress.items()]


def _is_again(row: JobRow, view: JobView) -> bool:
    """Whether the end that the journal tells of is that of an earlier attempt."""
    waits = row.state in (JobState.QUEUED, JobState.STARTING)
    return waits and row.attempt > 1 and (view.ended_at or 0.0) <= row.updated_at


def _later(row: JobState, seen: JobState) -> JobState:
    order = list(JobState)
    return max(row, seen, key=order.index)


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: dict(series) if index < MAX_SERIES else {**series, "points": []}
        for index, (name, series) in enumerate(metrics.items())
    }


def _error(row: JobRow, seen: Mapping[str, Any]) -> dict[str, str] | None:
    error = seen["error"]
    if isinstance(error, dict):
        return {"type": str(error.get("type", "")), "message": str(error.get("message", ""))}
    return {"type": "", "message": row.error} if row.error else None


def _links(run: Mapping[str, Any], row: JobRow) -> dict[str, str]:
    """Where a browser finds the run, when a server keeps it."""
    uri = without_userinfo(str(run.get("tracking_uri") or row.tracking_uri))
    run_id = run.get("run_id") or row.run_id
    experiment = run.get("experiment_id") or row.experiment_id
    if not uri.startswith(("http://", "https://")) or not run_id or not experiment:
        return {}
    return {"run": f"{uri.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"}
