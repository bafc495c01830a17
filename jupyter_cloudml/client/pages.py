"""Jobs as a front end asks for them: pages of the list, one job in full, what became of a request."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..core.ids import checked_job_id
from ..journal.atomic import read_json
from ..journal.job_filter import JobFilter
from ..journal.paths import JobPaths
from ..journal.rows import JobRow
from .history import outputs_from
from .job import Job
from .live import LiveViews
from .lookup import row_json
from .session import Session
from .snapshot import snapshot, state_now

MAX_ROWS = 1000


def job_page(
    session: Session,
    which: JobFilter,
    *,
    limit: int = 200,
    offset: int = 0,
    root: Path | None = None,
) -> dict[str, Any]:
    """A page of the list, newest first, how many jobs fit, and how many there are in each state."""
    registry = session.registry
    rows = registry.list_jobs(which, limit=min(limit, MAX_ROWS), offset=offset)
    now = time.time()
    return {
        "jobs": [row_to_show(row, now=now, root=root) for row in rows],
        "total": registry.count(which),
        "counts": registry.counts(),
    }


def row_to_show(row: JobRow, *, now: float, root: Path | None = None) -> dict[str, Any]:
    """A row of the list. ``notebook_path`` is the notebook's path below ``root``, as front ends name it; null when it
    lies elsewhere."""
    elapsed = None if row.started_at is None else max(0.0, (row.ended_at or now) - row.started_at)
    return {
        **row_json(row),
        "elapsed_s": elapsed,
        "notebook_path": below(row.notebook, root),
    }


def below(path: str, root: Path | None) -> str | None:
    """``path`` relative to ``root``, in POSIX form; None where it does not lie below it."""
    if not path or root is None:
        return None
    whole = Path(path) if Path(path).is_absolute() else root / path
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else None


def job_now(session: Session, views: LiveViews, job_id: str) -> dict[str, Any]:
    """The snapshot of one job now; reads only what its journals say newly.

    Raises:
        BadInput: that is no job id.
        NotFound: there is no such job.
    """
    row = session.registry.get(checked_job_id(job_id))
    paths = session.paths(row.id)
    live = views.of(paths)
    with live.lock:
        live.catch_up()
        return snapshot(row, live.view, now=time.time(), run=read_json(paths.run))


def outputs_page(session: Session, views: LiveViews, job_id: str, offset: int) -> dict[str, Any]:
    """The outputs from ``offset`` on; ``final`` when the job is over and this is all that will ever come (but for a
    retry). Raises as ``job_now``."""
    row = session.registry.get(checked_job_id(job_id))
    paths = session.paths(row.id)
    live = views.of(paths)
    with live.lock:
        live.catch_up()
        is_over = state_now(row, live.view).is_final
    outputs, after, is_end = outputs_from(paths, offset)
    return {"outputs": outputs, "next": after, "final": is_over and is_end}


def folder_of(session: Session, job_id: str) -> JobPaths:
    """The folder of a job that the registry knows. Raises as ``job_now``."""
    return session.paths(session.registry.get(checked_job_id(job_id)).id)


def cancelled(session: Session, job_id: str, *, root: Path | None = None) -> dict[str, Any]:
    """Ask a job to stop; its row afterwards. One that has ended stays as it is."""
    job = _job(session, job_id)
    job.cancel()
    return row_to_show(job.row, now=time.time(), root=root)


def retried(session: Session, job_id: str, *, root: Path | None = None) -> dict[str, Any]:
    """Start a job that has ended once more; its row afterwards. Raises as ``Job.retry`` does."""
    return row_to_show(_job(session, job_id).retry().row, now=time.time(), root=root)


def _job(session: Session, job_id: str) -> Job:
    return Job(session.registry.get(checked_job_id(job_id)).id, session)
