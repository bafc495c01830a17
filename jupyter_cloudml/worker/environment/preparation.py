"""Before the cell: where the job asks for packages (``-r``), this process becomes one of an environment that has them.

The process stays the same (``execve``): its pid, its lease, its slots. So whoever started it, on whatever target, need
not know of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ...core import events
from ...core.errors import CloudMLError
from ...core.spec import JobSpec
from ...core.states import JobState
from ...journal.atomic import read_json, write_atomic
from ...journal.disk import unavailable
from ...journal.lease import Lease
from ...journal.paths import JobPaths
from ...journal.writer import JournalWriter
from ..redact import Redactor

if TYPE_CHECKING:
    from . import packages

BOOT = """\
import sys
sys.path[:] = [p for p in sys.path if p]
own = sys.argv.pop(1)
if own not in sys.path: sys.path.append(own)
from jupyter_cloudml.worker.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
_CANCELLED = "cancelled while it started"
_TAKES_NO_PART = frozenset({"PYTHONHOME", "__PYVENV_LAUNCHER__"})


@dataclass(frozen=True, kw_only=True)
class Handover:
    """What a worker was told beyond its folder. Its values go on through a pipe, never over a disk or a command line.

    ``environ`` are variables of the submitter's environment that are on no disk; None: this process has them already.
    ``held`` are descriptors (of slots) that stay open for as long as the process lives. ``has_agent``: an agent on this
    machine sees to the journal when the process dies (`JournalWriter.keep_tail`).
    """

    rank: int = 0
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    env: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] | None = field(default=None, repr=False)
    held: tuple[int, ...] = ()
    has_agent: bool = False
    is_prepared: bool = False

    @classmethod
    def read(cls, fd: int) -> Handover:
        """What ``_become`` wrote."""
        with os.fdopen(fd, "rb") as pipe:
            said = json.loads(pipe.read())
        for descriptor in said["held"]:
            os.set_inheritable(descriptor, False)
        return cls(**{**said, "held": tuple(said["held"]), "is_prepared": True})

    def to_json(self) -> dict[str, Any]:
        return {
            "rank": self.rank,
            "secrets": self.secrets,
            "env": self.env,
            "environ": self.environ,
            "held": list(self.held),
            "has_agent": self.has_agent,
        }


def prepare(paths: JobPaths, told: Handover, lease: Lease) -> int | None:
    """Return None where the job can run in this process, as most can; else an exit code: it has ended already.

    Where it asks for packages, this call does not return: the same process begins anew in their environment. Meanwhile
    the journal says STARTING with a reason; a job that is cancelled, or whose packages cannot be installed, has its
    final state there when this returns.
    """
    data = None if told.is_prepared else read_json(paths.spec)
    if not isinstance(data, dict) or not data.get("requirements"):
        return None
    with JournalWriter(paths.journal(told.rank)) as writer:
        try:
            with _interruptible():
                spec = JobSpec.from_json(data)
                environ = _environ(paths, spec, told)
                environment = _environment(paths, spec, environ, told, writer)
            held = (*told.held, environment.held, lease.fileno())
            _become(environment.python, paths, environ, replace(told, held=held))
        except KeyboardInterrupt:
            writer.append(events.STATE, state=JobState.CANCELLED, reason=_CANCELLED)
            return 130
        except CloudMLError as exc:
            _say_failed(writer, paths, exc, _redactor(told))
            return 1


def _redactor(told: Handover) -> Redactor:
    """For all that is written before the cell: nothing that lies on no disk may come there by pip's words."""
    return Redactor({**(told.environ or {}), **told.secrets})


def settle_in() -> list[str]:
    """This process runs in an environment: its programs come first; the part of ``sys.path`` that is its own."""
    folder = Path(sys.prefix)
    path = os.environ.get("PATH", os.defpath)
    os.environ.update({"VIRTUAL_ENV": str(folder), "PATH": f"{folder / 'bin'}{os.pathsep}{path}"})
    own = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return list(dict.fromkeys(own))


def _environ(paths: JobPaths, spec: JobSpec, told: Handover) -> dict[str, str]:
    """The job's environment as far as it may be seen from outside (``/proc``): no secrets."""
    felt = read_json(paths.ambient)
    given = felt.get("environ") if isinstance(felt, dict) else None
    kept = dict(os.environ) if given is None else given
    whole = {**kept, **spec.env, **told.env}
    return {name: value for name, value in whole.items() if name not in _TAKES_NO_PART}


def _environment(
    paths: JobPaths,
    spec: JobSpec,
    environ: Mapping[str, str],
    told: Handover,
    writer: JournalWriter,
) -> packages.Environment:
    from . import packages  # loads subprocess and venv, which few jobs need

    begun = time.monotonic()
    redactor = _redactor(told)
    environment = packages.ensure(
        spec.requirements,
        packages.root_for(paths, environ),
        packages.Base.here(),
        {**environ, **(told.environ or {}), **told.secrets},
        lambda word: writer.append(
            events.STATE, state=JobState.STARTING, reason=redactor.text(word)
        ),
        redactor.text,
    )
    write_atomic(paths.interpreter, str(environment.python).encode())
    if environment.news:
        took_s = time.monotonic() - begun
        writer.append(
            events.NOTE,
            text=redactor.text(f"installed for this job: {environment.news} ({took_s:.1f} s)"),
        )
    return environment


def _become(python: Path, paths: JobPaths, environ: Mapping[str, str], told: Handover) -> NoReturn:
    """Begin anew as another interpreter."""
    for descriptor in told.held:
        os.set_inheritable(descriptor, True)
    argv = [str(python), "-c", BOOT, str(Path(__file__).parents[3]), str(paths.root)]
    argv += ["--handover-fd", str(_filled_pipe(json.dumps(told.to_json())))]
    try:
        os.execve(argv[0], argv, dict(environ))  # noqa: S606 - no shell is wanted
    except OSError as exc:
        raise unavailable(python, exc) from exc


def _filled_pipe(text: str) -> int:
    """A descriptor from which ``text`` can be read once; in memory only."""
    data = text.encode()
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("cloudml", 0)
        os.write(fd, data)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    os.set_inheritable(reader, True)
    return reader


def _say_failed(
    writer: JournalWriter, paths: JobPaths, exc: CloudMLError, redactor: Redactor
) -> None:
    if paths.cancel.exists():
        writer.append(events.STATE, state=JobState.CANCELLED, reason=_CANCELLED)
        return
    error = {"type": type(exc).__name__, "message": redactor.text(exc.message)}
    error["hint"] = redactor.text(exc.hint)
    writer.append(events.STATE, state=JobState.FAILED, error=error)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """A signal that would end this process raises ``KeyboardInterrupt``, so that pip is ended too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    saved = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
