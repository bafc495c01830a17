"""What a job folder tells when the registry is gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path
from typing import Any

from ..core import events
from ..core.errors import CloudMLError
from ..core.ids import JOB_ID
from ..core.spec import JobSpec
from .atomic import read_json
from .paths import JobPaths
from .reader import Event, JournalReader
from .rows import values_of
from .view import JobView, fold


def recovered(jobs: Path) -> Iterator[dict[str, Any]]:
    """Column values of every job whose folder is whole; one without a readable spec, or of another user, is passed over.

    Submitters write ``spec.json`` last: a folder that has one is complete. Nothing is changed on the disk.
    """
    try:
        folders = sorted(jobs.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder in folders:
        is_ours = JOB_ID.fullmatch(folder.name) and folder.stat().st_uid == os.geteuid()
        spec = _spec(JobPaths(folder)) if is_ours else None
        if spec is not None and spec.id == folder.name:
            yield _values(spec, JobPaths(folder))


def _spec(paths: JobPaths) -> JobSpec | None:
    data = read_json(paths.spec)
    try:
        return JobSpec.from_json(data) if isinstance(data, dict) else None
    except CloudMLError:
        return None


def _values(spec: JobSpec, paths: JobPaths) -> dict[str, Any]:
    created_at = spec.created_at or paths.spec.stat().st_mtime
    view = fold(merge(*map(_state_events, paths.all_journals()), key=lambda event: event["t"]))
    return {
        **values_of(spec, created_at),
        "state": view.state.value,
        "reason": view.reason,
        "intent": "cancel" if paths.cancel.exists() else "run",
        "ref": view.ref,
        "attempt": view.attempt,
        "started_at": view.started_at,
        "ended_at": view.ended_at,
        "updated_at": view.last_event_at or created_at,
        "error": error_text(view),
        **_tracking(spec, paths),
    }


def _state_events(journal: Path) -> Iterable[Event]:
    reader = JournalReader(journal)
    while batch := reader.read():
        yield from (event for event in batch if event["k"] == events.STATE)


def error_text(view: JobView) -> str:
    """The error of a failed job in one line, as the registry keeps it."""
    if not view.error:
        return ""
    return f"{view.error.get('type', 'Error')}: {view.error.get('message', '')}"


def _tracking(spec: JobSpec, paths: JobPaths) -> dict[str, str]:
    """Cursors are gone, so the forwarder has to look at each run again: MLflow takes a repeated point once."""
    run = read_json(paths.run)
    run = run if isinstance(run, dict) else {}
    return {
        "run_id": str(run.get("run_id", "")),
        "experiment_id": str(run.get("experiment_id", "")),
        "tracking_uri": str(run.get("tracking_uri") or spec.tracking_uri),
        "tracking_state": "open" if run.get("run_id") else "pending",
        "tracking_error": str(run.get("error", "")),
    }
