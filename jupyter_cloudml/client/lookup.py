"""Finding jobs: by id, by the beginning of one, by name; lists of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..core.errors import BadInput, NotFound
from ..core.states import JobState
from ..journal.job_filter import JobFilter
from ..journal.rows import JobRow
from ..tracking.config import without_userinfo
from .job import Job
from .options import suggestion
from .session import Session, current_session


def get(job: str, *, session: Session | None = None) -> Job:
    """The job of this id, of the one id that begins so, or the newest of this name. Works in any process, any day.

    Raises:
        NotFound: there is none.
        BadInput: the beginning fits several ids.
    """
    session = session or current_session()
    try:
        return Job(session.registry.get(job).id, session)
    except NotFound:
        named = session.registry.list_jobs(JobFilter(name=job), limit=1)
        if not named:
            raise
        return Job(named[0].id, session)


def jobs(
    *,
    state: str | Collection[str] | None = None,
    on: str | None = None,
    notebook: str | None = None,
    experiment: str | None = None,
    text: str | None = None,
    limit: int = 20,
    session: Session | None = None,
) -> list[JobRow]:
    """The jobs that fit every given condition, newest first.

    Raises:
        BadInput: ``state`` is no state.
    """
    session = session or current_session()
    which = JobFilter(
        states=None if state is None else states_of(state),
        target=on or "",
        notebook=notebook or "",
        experiment=experiment or "",
        text=text or "",
    )
    return session.registry.list_jobs(which, limit=limit)


def states_of(words: str | Collection[str]) -> list[JobState]:
    """The states that ``words`` name, in any case; BadInput for another word."""
    known = [state.value for state in JobState]
    found = []
    for word in [words] if isinstance(words, str) else words:
        if word.upper() not in known:
            raise BadInput(f"{word!r} is not a state", hint=suggestion(word.upper(), known))
        found.append(JobState(word.upper()))
    return found


def row_line(row: JobRow, *, now: float) -> list[str]:
    """One job as the cells of a table: id, name, state, target, age, duration, first line."""
    from .text import duration

    ran = "" if row.started_at is None else duration((row.ended_at or now) - row.started_at)
    why = row.reason or row.error
    head = _clipped(row.source_head, 48)
    is_good = row.state in (JobState.SUCCEEDED, JobState.CANCELLED)
    state = row.state.value if is_good or not why else f"{row.state.value} ({_clipped(why)})"
    return [row.id, row.name, state, row.target, duration(now - row.created_at) + " ago", ran, head]


def _clipped(text: str, length: int = 80) -> str:
    first = text.partition("\n")[0]
    return first if len(first) <= length else first[: length - 1] + "…"


HEADER = ["job", "name", "state", "target", "submitted", "ran", "first line"]


def row_json(row: JobRow) -> dict[str, Any]:
    """A job's record as strict JSON, without the password of its tracking server."""
    return {**row.to_json(), "tracking_uri": without_userinfo(row.tracking_uri)}
