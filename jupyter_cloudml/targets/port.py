"""What a target and a carrier promise. All data moves through the job folder, never through the target.

Backend authors: write ``request.py`` (the pure plan), ``status.py`` (parsers of the vendor's words), ``client.py`` (the
only file that talks) and ``target.py`` (glue), then subclass ``jupyter_cloudml.testing.TargetSuite``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ..core.resources import Resources
    from ..core.spec import JobSpec
    from ..core.states import JobState
    from ..journal.home import DataHome
    from ..journal.paths import JobPaths

UNKNOWN = "unknown"
"""``Status.raw`` of a ref that the target knows nothing of. It proves no loss: the caller's grace time decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a target says of one ref.

    ``state`` None means no news: the caller keeps the state that it has (an unknown vendor word, an unknown ref).
    ``raw`` is the vendor's own word. ``exit_code`` is None while running and where nobody can know it; a process that
    a signal ended has minus the signal's number. ``reason`` is one sentence for people.
    """

    state: JobState | None
    raw: str = ""
    exit_code: int | None = None
    reason: str = ""


@runtime_checkable
class Request(Protocol):
    """What a target is about to do, before it does it: a frozen value that can be printed and pinned in golden files.

    Backend authors: ``to_json`` holds no secret's value, and differs for nothing but the spec, the paths and the
    target's options: no clock, no random number. ``str()`` is what ``--dry-run`` shows.
    """

    @property
    def job_id(self) -> str: ...

    def to_json(self) -> dict[str, Any]: ...

    def __str__(self) -> str: ...


class Target(Protocol):
    """A named place where jobs run.

    Backend authors:

    - An object holds options and perhaps a connection pool, never a job: every ref works in a fresh object, in another
      process, after a restart. A ref starts with ``kind:`` and holds all that ``poll`` and ``cancel`` need.
    - All methods are synchronous, safe to call from several threads, and bounded in time (say 60 s): the agent calls them
      through ``asyncio.to_thread`` with one limiter per target.
    - Errors are those of ``core.errors``. ``Unavailable`` means that the same call may succeed later and that nothing
      is known to have happened.
    """

    kind: ClassVar[str]
    shares_machine: ClassVar[bool]
    """Jobs run on this machine: blobs are linked, not sent, and ``sys.path`` and ``os.environ`` travel."""

    @property
    def name(self) -> str:
        """The part after the colon of ``kind:name``; ``default`` when the user gave none."""
        ...

    @property
    def max_bundle_bytes(self) -> int:
        """Above it a bundle is refused before anything is sent; 0 means no limit."""
        ...

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any], *, home: DataHome) -> Target:
        """The target that ``[targets.<kind>.<name>]`` describes. Talks to nobody.

        Raises:
            BadInput: an option is unknown or of the wrong type; the message names it.
            NotInstalled: the SDK is missing; the hint is the pip line.
        """
        ...

    def plan(self, spec: JobSpec, paths: JobPaths) -> Request:
        """Pure: the same spec, paths and options give an equal request; reads and writes nothing, talks to nobody.

        Raises:
            BadInput: this target can never run that spec (GPUs that it has not, several nodes).
        """
        ...

    def submit(self, request: Any, token: str) -> str:
        """Start the job and return its ref as soon as the native id is known; or raise, and nothing was started.

        Safe to repeat with the same ``token``, even after the caller was killed half way: a job that has started is
        never started again, and the same ref comes back. A new token (the next attempt) starts anew, and only once
        the worker of the former attempt is gone.

        Raises:
            JobCancelled: ``control/cancel`` is in the folder; nothing was started.
            Unavailable: the target does not answer, or the former attempt still runs.
        """
        ...

    def poll(self, refs: Iterable[str]) -> dict[str, Status]:
        """One answer for every ref asked for, in as few calls to the vendor as its interface allows.

        Never raises for a ref that it does not know: that is ``Status(state=None, raw=UNKNOWN)``. Says LOST only with
        proof that the worker is gone and left no final state. A final state is said again at every later poll, for
        as long as the folder (or the vendor) keeps it.
        """
        ...

    def cancel(self, ref: str, *, force: bool = False) -> None:
        """Ask the job to stop: user code sees KeyboardInterrupt and has a grace time. ``force`` kills it now.

        Returns when the wish is delivered, not when the job has ended. Safe to repeat; a job that has ended, or a ref
        that nobody knows, is left alone without an error. A job that has not yet begun never runs a line.
        """
        ...


@runtime_checkable
class Priced(Protocol):
    """What a target may be besides: one that knows what a job costs. Others leave it out, and no cost is shown."""

    def price_per_hour(self, resources: Resources) -> float | None:
        """US dollars for an hour of a job with these resources; None where it is not known. Talks to nobody."""
        ...


class Held(Protocol):
    """A process that exists, and waits for leave to begin."""

    @property
    def pid(self) -> int: ...

    def release(self) -> None:
        """Let it begin. Raises ``Unavailable`` when it has died; then it ran nothing."""
        ...

    def drop(self) -> None:
        """It shall never begin: end it (or put it back). Safe to repeat, and after ``release`` without effect."""
        ...


class Launcher(Protocol):
    """How the local target gets a process: a plain spawn by default, a spare of the warm pool in the agent.

    Backend authors: the two steps make starting proof against death in between. The target writes down the pid first and
    releases then; a held process whose holder dies must end without having run a line (its pipe closes).
    """

    def hold(self, request: Any) -> Held:
        """A process, leader of its own session, that will run the ``LocalRequest`` once released.

        Raises:
            Unavailable: no process can be had now; nothing was started.
        """
        ...

    def exit_code(self, pid: int) -> int | None:
        """What ``pid`` ended with (minus the signal's number), and reap it; None when it runs or is not our child."""
        ...


Cursor = Mapping[str, int]
"""How much of a far job folder is here: file name relative to the folder → bytes of a growing file, version of a whole
one. ``{}`` is nothing yet."""


class Carrier(Protocol):
    """Moves one job folder between here and the place where the job runs.

    Backend authors: directories are created as needed, names inside a folder are those of ``JobPaths``, and a file that
    ``write_atomic`` wrote here appears there whole or not at all. Safe to call from several threads for different jobs.
    """

    def push(self, paths: JobPaths) -> str:
        """Send what the far side needs (spec, bundle, control) and return the far folder's address.

        Only what is missing there or has changed is sent; ``spec.json`` goes last, so a folder that has one has all of
        its bundle. Safe to repeat after a cut at any byte. Never touches what the far side writes.

        Raises:
            Unavailable: the connection failed; what had arrived stays and is not sent again.
            NotFound: there is no job folder here.
        """
        ...

    def pull(self, paths: JobPaths, since: Cursor) -> dict[str, int]:
        """Bring what the far side wrote after ``since`` (journals, result, checkpoints, log) and return the new cursor.

        Journals grow by their new bytes only; ``result/manifest.json`` arrives after every blob that it names. With the
        returned cursor nothing is brought twice; with an older one nothing is doubled here either.

        Raises:
            Unavailable: the connection failed; the same call with the same cursor goes on from there.
            NotFound: there is no far folder for this job.
        """
        ...

    def remove(self, job_id: str) -> None:
        """Delete the far folder. Safe to repeat; never touches another job's folder."""
        ...
