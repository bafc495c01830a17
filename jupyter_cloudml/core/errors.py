"""Every error that a user can meet.

::

    CloudMLError(code, retryable, hint)
    ├── BadInput            the user's words are wrong: a flag, a name, a size   (never retried)
    │   ├── UnknownTarget   no target of that kind or name
    │   ├── CannotTravel    a value that no codec can carry
    │   └── TooLarge        a value above the target's limit
    ├── NotInstalled        an extra is missing
    ├── NotFound            no such job, value, checkpoint, bucket, object
    ├── PermissionDenied    who asks may not do that
    │   └── Unauthorised    the credentials are missing, wrong or expired
    ├── Conflict            somebody else was first: a precondition does not hold
    ├── JobFailed           the job ended without a result; the exception of the cell is ``__cause__`` where known
    │   └── MemoryExceeded  it used more than its ``--memory``
    │   └── RuntimeExceeded it ran longer than its ``--max-runtime``
    ├── JobCancelled        somebody cancelled it
    ├── JobLost             the machine or process went away and left no result
    ├── FarSideError        the far end could not start the cell (missing module, other Python, damaged bundle)
    │   ├── CannotInstall   the packages of ``-r`` cannot be installed
    │   └── Corrupt         a blob, journal or registry fails its checksum
    └── Unavailable         agent, tracking server, disk or network does not answer   (retryable)
"""

from __future__ import annotations

from typing import ClassVar


class CloudMLError(Exception):
    """Base of all errors: one sentence that a user can act on, and a ``hint`` that says the way out.

    ``code`` is stable across releases and crosses the wire; ``retryable`` tells a caller whether the same call may
    succeed later without a change.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint), self.__dict__)


def _rebuild(kind: type[CloudMLError], message: str, hint: str) -> CloudMLError:
    return kind(message, hint=hint)


class BadInput(CloudMLError):
    """The user's words are wrong; nothing was started."""

    code = "bad-input"


class UnknownTarget(BadInput):
    """No target of that kind or name is configured."""

    code = "unknown-target"


class CannotTravel(BadInput):
    """A value that no codec can carry; the message names it and the path inside it."""

    code = "cannot-travel"


class TooLarge(BadInput):
    """A value is above the limit of the target; nothing was sent."""

    code = "too-large"


class NotInstalled(CloudMLError):
    """An optional dependency is missing; the hint is the pip line that installs it."""

    code = "not-installed"


class NotFound(CloudMLError):
    """No job, value, checkpoint, file, bucket or object of that name."""

    code = "not-found"


class PermissionDenied(CloudMLError):
    """Who asks is known and may not do that."""

    code = "permission-denied"


class Unauthorised(PermissionDenied):
    """The credentials are missing, wrong or expired."""

    code = "unauthorised"


class Conflict(CloudMLError):
    """A precondition does not hold: the object is there already, or is no longer what the caller saw."""

    code = "conflict"


class JobFailed(CloudMLError):
    """The job ended without a result."""

    code = "job-failed"


class MemoryExceeded(JobFailed):
    """The job used more memory than ``--memory`` gave it, and was ended."""

    code = "memory-exceeded"


class RuntimeExceeded(JobFailed):
    """The job ran longer than ``--max-runtime``, and was stopped."""

    code = "runtime-exceeded"

    @classmethod
    def after(cls, limit_s: float, job_id: str) -> RuntimeExceeded:
        return cls(
            f"stopped: --max-runtime {limit_s:g}s is over",
            hint=f"give it more time, or go on from its newest checkpoint: --resume {job_id}",
        )


class JobCancelled(CloudMLError):
    """The job was cancelled before it ended."""

    code = "job-cancelled"


class JobLost(CloudMLError):
    """The worker is gone and left no result."""

    code = "job-lost"


class FarSideError(CloudMLError):
    """The far end could not start the cell."""

    code = "far-side"


class CannotInstall(FarSideError):
    """The packages that ``-r`` names cannot be installed; the message ends with pip's last lines."""

    code = "cannot-install"


class Corrupt(FarSideError):
    """Stored bytes do not match their checksum, or cannot be parsed."""

    code = "corrupt"


class Unavailable(CloudMLError):
    """Something that should answer does not; the same call may succeed later."""

    code = "unavailable"
    retryable = True
