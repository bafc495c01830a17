"""A job that has been given to its target, and how this machine's processes are watched without polling."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..core.states import JobState
from ..targets.local.client import process_stat
from ..targets.local.status import LocalRef
from ..targets.port import Target

_LOOKS_S = (0.02, 0.1, 0.3)
SLOW_LOOK_S = 1.0


@dataclass(slots=True, eq=False)
class Live:
    """One attempt of a job that is with its target. ``ref`` is empty while ``submit`` is under way."""

    job_id: str
    attempt: int
    target: Target
    ref: str = ""
    state: JobState = JobState.STARTING
    reason: str = ""
    retries: int = 0
    max_runtime_s: float = 0.0
    is_stopping: bool = False
    is_overdue: bool = False
    leaving_since: float = 0.0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    watch: Watch | None = None

    @property
    def local(self) -> LocalRef | None:
        """The process on this machine; None when it runs elsewhere or is not started yet."""
        return LocalRef.parse(self.ref) if self.ref.startswith("local:") else None

    def let_go(self) -> None:
        """Stop every timer and watch. Safe to repeat."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        if self.watch is not None:
            self.watch.close()
            self.watch = None


class Watch:
    """Calls ``look`` when a local worker's process ends, and a few times before it runs; costs nothing in between."""

    def __init__(self, ref: LocalRef, look: Callable[[], None]) -> None:
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._looks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pidfd: int | None = None
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(ref.pid)
            self._pidfd = pidfd
            self._loop.add_reader(pidfd, self._on_end)
        self.look_later()

    def look_later(self) -> None:
        """Look again soon, later and later: the journal has no bell."""
        delay = _LOOKS_S[self._looks] if self._looks < len(_LOOKS_S) else SLOW_LOOK_S
        self._looks += 1
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._close_pidfd()

    def _on_end(self) -> None:
        self._close_pidfd()
        self._look()

    def _close_pidfd(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None


def sweep(ref: LocalRef) -> None:
    """Kill what a worker that has ended left running in its session's group; a group of a later process is left alone.

    While a group has members, the kernel gives its number to no new process; so a process of that number with another
    start time means that the group was empty.
    """
    stat = process_stat(ref.pid)
    if stat is not None and stat.starttime != ref.starttime:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(ref.pid, signal.SIGKILL)


def free_result(folder: Path) -> None:
    """Remove what an earlier attempt published, the manifest first: never a manifest without its blobs."""
    with suppress(FileNotFoundError):
        (folder / "manifest.json").unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        with suppress(OSError):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.mkdir(mode=0o700, exist_ok=True)
