"""The warm pool: the local target's ``Launcher`` that hands a job to a spare, or spawns a worker where none fits."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from ...core.errors import FarSideError, Unavailable
from ...journal.home import DataHome
from ...journal.paths import JobPaths
from ...targets.local.request import LocalRequest
from .. import start
from ..environment import Environment
from ..ledger import Placement
from .zygotes import PACKAGE_PARENT, Spare, Zygote

log = logging.getLogger(__name__)

MAX_ZYGOTES = 2
_HOPELESS_S = 600.0
_REFILL_DELAY_S = 0.1
_GIVE_WAY_S = 10.0
_KEPT_EXIT_CODES = 4096


class Readiness(str, Enum):
    """Where the next worker of an environment would come from."""

    SPARE = "spare"
    SOON = "soon"
    """A spare is being made; that is faster than a spawn."""
    SPAWN = "spawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is told beyond its request. Its secrets stay in memory: they go through a pipe, never to a disk."""

    environment: Environment
    placement: Placement
    secrets: dict[str, str] = field(repr=False)
    environ: dict[str, str] = field(repr=False, default_factory=dict)
    """Variables of the submitter that are on no disk."""

    def message(self, request: LocalRequest, home: DataHome) -> bytes:
        """What ``start.begin`` reads."""
        paths = JobPaths(request.folder)
        return json.dumps(
            {
                "folder": str(paths.root),
                "log": str(paths.worker_log),
                "slots": [str(path) for path in self.placement.locks],
                "env": {**request.env, **self.placement.environ},
                "secrets": self.secrets,
                "environ": self.environ,
                "zipapp": str(home.worker_pyz),
            }
        ).encode()


class Pool:
    """Zygotes, at most two, the least recently used one stops; and plain spawns. On the agent's event loop only.

    ``assign`` says what ``hold`` gives to a job; ``on_change`` is called when a spare has got ready or a zygote is gone.
    """

    def __init__(
        self,
        home: DataHome,
        *,
        level: str,
        spares: int = 2,
        log_file: int = 2,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._home = home
        self._level = level
        self._spares = spares
        self._log_file = log_file
        self._on_change = on_change
        self._zygotes: OrderedDict[Environment, Zygote] = OrderedDict()
        self._hopeless: dict[Environment, float] = {}
        self._assigned: dict[str, Assignment] = {}
        self._exit_codes: OrderedDict[int, int] = OrderedDict()
        self._spawned: dict[int, subprocess.Popen[bytes]] = {}
        self._loop = asyncio.get_running_loop()

    # --- what the reconciler asks -------------------------------------------------------------------------------------

    def warm(self, environment: Environment) -> Readiness:
        """Make sure that a zygote for ``environment`` is there or on its way, and say what a job would get now."""
        zygote = self._zygotes.get(environment)
        if zygote is not None and zygote.is_stale:
            log.info("packages changed: zygote %s is renewed", zygote.pid)
            self._stop(environment)
            zygote = None
        if zygote is None:
            self._start(environment)
            return Readiness.SPAWN
        self._zygotes.move_to_end(environment)
        if not zygote.is_ready:
            return Readiness.SPAWN
        if zygote.spare_pids:
            return Readiness.SPARE
        zygote.refill()
        return Readiness.SOON

    def assign(self, job_id: str, assignment: Assignment) -> None:
        """Keep ``assignment`` for the ``hold`` of that job that follows."""
        self._assigned[job_id] = assignment

    def zygote_of(self, python: str) -> Zygote | None:
        """A zygote of that interpreter that is ready, whatever its variables."""
        for zygote in reversed(self._zygotes.values()):
            if zygote.environment.python == python and zygote.is_ready:
                return zygote
        return None

    def is_starting(self, python: str) -> bool:
        """Whether a zygote of that interpreter imports right now."""
        ours = (z for z in self._zygotes.values() if z.environment.python == python)
        return any(not zygote.is_ready for zygote in ours)

    def describe(self) -> list[dict[str, object]]:
        """What ``status`` shows: every zygote and its spares."""
        return [
            {
                "python": zygote.environment.python,
                "pid": zygote.pid,
                "ready": zygote.is_ready,
                "spares": zygote.spare_pids,
            }
            for zygote in self._zygotes.values()
        ]

    def stop(self) -> None:
        """End all zygotes and spares; workers go on."""
        for environment in list(self._zygotes):
            self._stop(environment)

    # --- targets.port.Launcher ----------------------------------------------------------------------------------------

    def hold(self, request: LocalRequest) -> HeldSpare | HeldSpawn:
        """See ``targets.port.Launcher``; the job must have been ``assign``ed."""
        assignment = self._assigned.pop(request.job_id)
        message = assignment.message(request, self._home)
        zygote = self._zygotes.get(assignment.environment)
        spare = zygote.take() if zygote is not None else None
        if zygote is not None and spare is not None:
            self._loop.call_later(_REFILL_DELAY_S, zygote.refill)
            return HeldSpare(spare, message)
        if zygote is not None:
            zygote.give_way(_GIVE_WAY_S)
        return HeldSpawn(self._spawn(request, assignment.environment), message)

    def exit_code(self, pid: int) -> int | None:
        process = self._spawned.get(pid)
        if process is not None and process.poll() is not None:
            self._note_exit(pid, process.returncode)
            del self._spawned[pid]
            for zygote in () if self._spawned else self._zygotes.values():
                zygote.go_on()
        return self._exit_codes.get(pid)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _start(self, environment: Environment) -> None:
        if self._level == "none" or self._is_hopeless(environment):
            return
        while len(self._zygotes) >= MAX_ZYGOTES:
            self._stop(next(iter(self._zygotes)))
        try:
            self._zygotes[environment] = Zygote(
                environment,
                level=self._level,
                spares=self._spares,
                log_file=self._log_file,
                on_change=self._look,
                on_exit=self._note_exit,
            )
        except OSError as exc:
            log.warning("no zygote for %s: %s", environment.python, exc)
            self._hopeless[environment] = self._loop.time()

    def _look(self) -> None:
        """Forget zygotes that are gone; one that never got ready is not tried again for a while."""
        for environment, zygote in list(self._zygotes.items()):
            if zygote.is_gone:
                del self._zygotes[environment]
                if not zygote.was_ready:
                    self._hopeless[environment] = self._loop.time()
        self._on_change()

    def _is_hopeless(self, environment: Environment) -> bool:
        since = self._hopeless.get(environment)
        return since is not None and self._loop.time() - since < _HOPELESS_S

    def _stop(self, environment: Environment) -> None:
        self._zygotes.pop(environment).stop()

    def _note_exit(self, pid: int, code: int) -> None:
        self._exit_codes[pid] = code
        while len(self._exit_codes) > _KEPT_EXIT_CODES:
            self._exit_codes.popitem(last=False)

    def _spawn(self, request: LocalRequest, environment: Environment) -> subprocess.Popen[bytes]:
        paths = JobPaths(request.folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(paths.worker_log, flags, 0o600), "ab") as worker_log:
            try:
                process = subprocess.Popen(
                    [request.argv[0], start.__file__],
                    env=_findable({**environment.applied_to(os.environ), **request.env}, request),
                    cwd=request.folder,
                    stdin=subprocess.PIPE,
                    stdout=worker_log,
                    stderr=worker_log,
                    start_new_session=True,
                )
            except (FileNotFoundError, PermissionError) as exc:
                raise FarSideError(
                    f"{request.argv[0]!r} cannot be started: {exc.strerror}",
                    hint="see whether that Python is still there",
                ) from exc
            except OSError as exc:
                raise Unavailable(f"no process can be started: {exc.strerror}") from exc
        self._spawned[process.pid] = process
        return process


def _findable(environ: dict[str, str], request: LocalRequest) -> dict[str, str]:
    """``environ``, in which an uninstalled checkout is found by the interpreter that runs it already."""
    if request.argv[0] == sys.executable and "-packages" not in PACKAGE_PARENT:
        old = environ.get("PYTHONPATH", "")
        return {**environ, "PYTHONPATH": f"{old}:{PACKAGE_PARENT}" if old else PACKAGE_PARENT}
    return environ


class HeldSpare:
    """A spare at its door; see ``targets.port.Held``."""

    def __init__(self, spare: Spare, message: bytes) -> None:
        self._spare = spare
        self._message = message

    @property
    def pid(self) -> int:
        return self._spare.pid

    def release(self) -> None:
        try:
            self._spare.hand(self._message)
        finally:
            self.drop()

    def drop(self) -> None:
        self._spare.door.close()


class HeldSpawn:
    """A fresh interpreter that reads its standard input; see ``targets.port.Held``."""

    def __init__(self, process: subprocess.Popen[bytes], message: bytes) -> None:
        self._process = process
        self._message = message

    @property
    def pid(self) -> int:
        return self._process.pid

    def release(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._message + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise Unavailable(f"process {self.pid} ended before it could begin") from exc
        finally:
            self.drop()

    def drop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
