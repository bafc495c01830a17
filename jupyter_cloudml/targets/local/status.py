"""From facts to states: parsers of ``/proc`` and of refs, and the one rule that says where a local job stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import BadInput
from ...core.ids import checked_job_id
from ...core.states import JobState
from ..port import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRef:
    """``local:<pid>:<starttime>:<job id>``: the process, proof against a pid used again, and its folder."""

    pid: int
    starttime: int
    job_id: str

    def __str__(self) -> str:
        return f"local:{self.pid}:{self.starttime}:{self.job_id}"

    @classmethod
    def parse(cls, text: str) -> LocalRef:
        kind, *rest = text.split(":")
        if kind != "local" or len(rest) != 3 or not (rest[0] + rest[1]).isdecimal():
            raise BadInput(f"{text!r} is not the ref of a local job")
        return cls(pid=int(rest[0]), starttime=int(rest[1]), job_id=checked_job_id(rest[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStat:
    """Field 3 (one letter) and field 22 (ticks since boot) of ``/proc/<pid>/stat``; see proc(5)."""

    state: str
    starttime: int

    @property
    def is_running(self) -> bool:
        """A zombie has ended; only its parent has not looked yet."""
        return self.state not in "ZXx"


def stat_from(text: str) -> ProcessStat:
    """Parse ``/proc/<pid>/stat``. The command (field 2) may hold spaces and parentheses: count from the last ``)``."""
    rest = text[text.rindex(")") + 1 :].split()
    return ProcessStat(state=rest[0], starttime=int(rest[19]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one start of a job. ``is_alive`` must have been looked up before the journal was read."""

    is_alive: bool
    reported: JobState | None = None
    reason: str = ""
    is_cancel_wanted: bool = False
    exit_code: int | None = None
    is_superseded: bool = False


def status_from(evidence: Evidence) -> Status:
    """Where the job stands: its own final word first, then life, then the wish to cancel; else it is lost."""
    if evidence.reported is not None and evidence.reported.is_final:
        code = evidence.exit_code
        if code is None and evidence.reported is JobState.SUCCEEDED:
            code = 0
        return _status(evidence.reported, "ended", code, evidence.reason)
    if evidence.is_alive:
        return _status(_living(evidence), "alive", None, evidence.reason)
    if evidence.is_cancel_wanted:
        return _status(JobState.CANCELLED, "gone", evidence.exit_code, "cancelled")
    return _status(JobState.LOST, "gone", evidence.exit_code, _loss(evidence))


def _living(evidence: Evidence) -> JobState:
    if evidence.is_cancel_wanted:
        return JobState.STOPPING
    return evidence.reported or JobState.STARTING


def _loss(evidence: Evidence) -> str:
    if evidence.is_superseded:
        return "a later attempt took its place"
    code = evidence.exit_code
    if code is None:
        return "the worker process is gone and left no result"
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"the worker process {how} and left no result"


def _status(state: JobState, raw: str, exit_code: int | None, reason: str) -> Status:
    return Status(state=state, raw=raw, exit_code=exit_code, reason=reason)
