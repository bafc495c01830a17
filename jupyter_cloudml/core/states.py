"""The states of a job, and the one table of legal moves between them."""

from __future__ import annotations

from enum import Enum


class JobState(str, Enum):
    """Where a job stands. The value is what crosses every wire."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"

    __str__ = str.__str__

    @property
    def is_final(self) -> bool:
        """True when no later report can change the state (only an explicit retry queues the job again)."""
        return self in FINAL


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST})
ACTIVE = frozenset(JobState) - FINAL

_S = JobState
MOVES: dict[JobState, frozenset[JobState]] = {
    _S.QUEUED: frozenset({_S.STARTING, _S.RUNNING, _S.STOPPING, *FINAL}),
    _S.STARTING: frozenset({_S.QUEUED, _S.RUNNING, _S.STOPPING, *FINAL}),
    _S.RUNNING: frozenset({_S.QUEUED, _S.STOPPING, *FINAL}),
    _S.STOPPING: frozenset(FINAL),
    **{state: frozenset() for state in FINAL},
}
"""From each state, the states a report may move it to. ``RUNNING → QUEUED`` is a retry after preemption or loss."""


def is_legal(current: JobState, reported: JobState) -> bool:
    """Whether a report of ``reported`` may change a job that stands at ``current``.

    A late or repeated report (``RUNNING`` after ``SUCCEEDED``) is not legal: the caller drops and logs it.
    """
    return reported in MOVES[current]
