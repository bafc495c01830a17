"""What went wrong at the far end: the exception with its own type, its traceback as it was there, its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import CloudMLError, FarSideError, JobCancelled, JobFailed, JobLost
from ..core.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed job's last words. ``frames`` are innermost last: ``file``, ``line``, ``function``, ``locals``."""

    ename: str
    evalue: str
    traceback: tuple[str, ...] = ()
    frames: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def locals(self) -> Mapping[str, Any]:
        """The local names of the innermost frame, as far as they could come home."""
        return self.frames[-1].get("locals", {}) if self.frames else {}


def dressed(exception: BaseException, traceback: Sequence[str]) -> BaseException:
    """``exception``, which from now on renders as the far end saw it (`IPython` asks ``_render_traceback_``)."""
    lines = list(traceback)
    if lines:
        _set(exception, lambda: lines)
    return exception


def plainly(error: CloudMLError) -> CloudMLError:
    """``error``, which from now on renders as its one sentence instead of a wall of frames."""
    _set(error, lambda: [f"{type(error).__name__}: {error}"])
    return error


def _set(exception: BaseException, render: Any) -> None:
    try:
        exception._render_traceback_ = render  # type: ignore[attr-defined]
    except (
        AttributeError
    ):  # an exception class with __slots__ only: it renders with the frames of this side
        return


def ended_without_exception(
    state: JobState, error: Mapping[str, Any] | None, *, job_id: str, reason: str = ""
) -> BaseException:
    """The error of a job that ended badly and left no exception object.

    An exception that could not travel keeps its name: the class is made here, below `JobFailed`.
    """
    kind = str((error or {}).get("type") or "")
    message = str((error or {}).get("message") or reason)
    hint = f"%cloudlogs {job_id} shows its output"
    if state is JobState.CANCELLED:
        return JobCancelled(f"job {job_id} was cancelled")
    if state is JobState.LOST:
        return JobLost(
            f"job {job_id} was lost: {message or 'its worker is gone'}",
            hint=f"%cloudretry {job_id}",
        )
    if not kind:
        return JobFailed(f"job {job_id} failed{': ' + message if message else ''}", hint=hint)
    known: dict[str, type[CloudMLError]] = {FarSideError.__name__: FarSideError}
    known.update({cls.__name__: cls for cls in _below(CloudMLError)})
    if kind in known:
        return known[kind](message, hint=str((error or {}).get("hint") or ""))
    made: BaseException = type(kind, (JobFailed,), {"__module__": __name__})(message)
    return made


def _below(kind: type[CloudMLError]) -> list[type[CloudMLError]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *_below(sub))]
