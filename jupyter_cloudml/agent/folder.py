"""What the agent reads and writes in a job's folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from ..core.errors import NotFound
from ..core.events import NOTE, STATE
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.atomic import read_json
from ..journal.paths import JobPaths
from ..journal.reader import read_events
from ..journal.writer import JournalWriter
from ..targets.local.starts import Start, all_starts

_FIRST_LINES = 1 << 16


def token_of(job_id: str, attempt: int) -> str:
    """What a target starts at most one process for."""
    return f"{job_id}-{attempt}"


def read_spec(paths: JobPaths) -> JobSpec:
    """The job's spec.

    Raises:
        NotFound: the folder or the spec is gone.
        Corrupt: it is damaged.
    """
    data = read_json(paths.spec)
    if not isinstance(data, dict):
        raise NotFound(f"the folder of job {paths.job_id} is gone", hint="submit it again")
    return JobSpec.from_json(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The environment that a job was submitted in: what lies in its folder, and the names of what came by hand."""

    known: dict[str, str]
    by_hand: tuple[str, ...] = ()
    written_at: float = 0.0


def submitted_environ(paths: JobPaths) -> Submitted:
    """The environment that the job was submitted in; the agent's own where it did not travel."""
    try:
        felt = json.loads(paths.ambient.read_bytes())
        return Submitted(
            known=dict(felt["environ"]),
            by_hand=tuple(felt.get("environ_by_hand", ())),
            written_at=paths.ambient.stat().st_mtime,
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Submitted(known=dict(os.environ))


def write_state(
    paths: JobPaths, state: JobState, at: float, *, reason: str = "", error: Any = None
) -> None:
    """Journal a state that the agent decided.

    A live state is only written while no worker can have written a later one: before a start, or after an end. Of a
    job whose folder is gone the registry alone keeps the state.
    """
    if not paths.root.is_dir():
        return
    fields: dict[str, Any] = {"state": state}
    if reason:
        fields["reason"] = reason
    if error:
        fields["error"] = error
    with JournalWriter(paths.agent_journal, lambda: at) as journal:
        journal.append(STATE, **fields)


def journal_size(paths: JobPaths) -> int:
    """Bytes in the main journal; 0 when there is none."""
    try:
        return paths.journal().stat().st_size
    except OSError:
        return 0


def began_at(paths: JobPaths, attempt: int) -> float | None:
    """When an attempt began to run, by its own journal; None when that cannot be told. Reads a few lines."""
    start = _last_start(paths)
    if attempt > 1 and (start is None or start.token != token_of(paths.job_id, attempt)):
        return None
    offset = start.offset if start is not None else 0
    first, _ = read_events(paths.journal(), offset, _FIRST_LINES)
    return next((e["t"] for e in first if e["k"] == STATE and e["state"] == JobState.RUNNING), None)


def begun_ref(paths: JobPaths, attempt: int) -> str:
    """The ref of a local worker of this attempt that was let go; empty when there is none.

    An agent may have died before it could put that into the registry.
    """
    start = _last_start(paths)
    if start is None or start.token != token_of(paths.job_id, attempt):
        return ""
    return str(start.ref) if start.is_released or journal_size(paths) > start.offset else ""


def was_handed_over(paths: JobPaths, attempt: int) -> bool:
    """Whether a local worker was made for this attempt, begun or not: what lies in the folder then may be its own."""
    start = _last_start(paths)
    return start is not None and start.token == token_of(paths.job_id, attempt)


def is_silent(paths: JobPaths) -> bool:
    """Whether the last local worker never said more than that it starts, so that it ran nothing of the user's."""
    start = _last_start(paths)
    if start is None:
        return False
    first, _ = read_events(paths.journal(), start.offset, _FIRST_LINES)
    return all(e["k"] == NOTE or e.get("state") == JobState.STARTING for e in first)


def _last_start(paths: JobPaths) -> Start | None:
    return next(reversed(all_starts(paths)), None)
