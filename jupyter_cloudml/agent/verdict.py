"""What becomes of an attempt that is over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import RuntimeExceeded
from ..core.states import JobState
from ..targets.port import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The job's next state: final, or QUEUED for another attempt."""

    state: JobState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the agent knows of the attempt. ``overdue_s`` is the runtime for which it was stopped; 0: it was not."""

    number: int
    retries: int
    is_cancel_wanted: bool
    overdue_s: float = 0.0
    never_began: bool = False


def verdict_on(attempt: Attempt, status: Status) -> Verdict:
    """Success counts even when somebody wanted to stop it; nobody's cancel is retried; a worker that died before it ran
    a line is started again whatever ``--retries`` says.
    """
    state = status.state
    assert state is not None
    said = Verdict(state=state, reason=status.reason)
    if state is JobState.SUCCEEDED:
        return said
    if attempt.overdue_s:
        over = RuntimeExceeded.after(attempt.overdue_s, "")
        return Verdict(state=JobState.FAILED, reason=over.message)
    if attempt.is_cancel_wanted or state is JobState.CANCELLED:
        return said
    if state is JobState.LOST and attempt.never_began:
        return Verdict(state=JobState.QUEUED, reason="its process died before it began")
    if attempt.number <= attempt.retries:
        reason = f"attempt {attempt.number}: {status.reason or state}"
        return Verdict(state=JobState.QUEUED, reason=reason)
    return said
