"""Keeps the MLflow forwarder alive while there is work for it, and nudges it."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys

from ..core.errors import CloudMLError
from ..journal.home import DataHome
from ..journal.registry import Registry
from .warm.pool import Pool
from .warm.zygote import FORWARDER
from .warm.zygotes import PACKAGE_PARENT, Zygote

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Forwarding:
    """One pipe for the agent's life, and at most one forwarder that reads it.

    Nudges written while there is none wait in the pipe for the next one. It is forked from a zygote (mlflow imported
    already) where there is or soon will be one, else spawned.
    """

    def __init__(self, home: DataHome, registry: Registry, pool: Pool, *, is_on: bool) -> None:
        self._home = home
        self._registry = registry
        self._pool = pool
        self._is_on = is_on
        self._is_wanted = False
        self._pause_s = _FIRST_PAUSE_S
        self._born_at = 0.0
        self._pidfd: int | None = None
        self._spawned: subprocess.Popen[bytes] | None = None
        self._birth: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self.pid: int | None = None

    def nudge(self, verb: str, job_id: str) -> None:
        """Tell it ``job`` (a job starts) or ``end`` (it has ended), and see that it lives. Never blocks."""
        if not self._is_on:
            return
        try:
            os.write(self._writer, f"{verb} {job_id}\n".encode())
        except BlockingIOError:
            log.info("the forwarder is behind; it finds job %s by itself", job_id)
        self.want()

    def want(self) -> None:
        """Have one running, now or as soon as a zygote is ready. Safe to repeat."""
        self._is_wanted = True
        self.look()

    def look(self) -> None:
        """Start one if it is wanted and there is none; called again when the pool changes."""
        if not (self._is_on and self._is_wanted) or self._pidfd is not None or self._birth:
            return
        zygote = self._pool.zygote_of(sys.executable)
        if zygote is not None:
            self._birth = self._loop.create_task(self._fork(zygote))
        elif not self._pool.is_starting(sys.executable):
            self._spawn()

    def close(self) -> None:
        """Let it go on alone: it brings open runs to their end and leaves."""
        self._is_on = False
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        os.close(self._reader)
        os.close(self._writer)

    async def _fork(self, zygote: Zygote) -> None:
        try:
            pid = await zygote.fork_forwarder(self._home.root, self._reader)
        except asyncio.CancelledError:
            return  # the zygote died; the pool's change calls ``look`` again
        finally:
            self._birth = None
        self._watch(pid)

    def _spawn(self) -> None:
        try:
            self._spawned = subprocess.Popen(
                [sys.executable, "-m", FORWARDER, str(self._home.root)],
                cwd=PACKAGE_PARENT,
                stdin=self._reader,
                start_new_session=True,
            )
        except OSError as exc:
            log.warning("no forwarder can be started: %s", exc)
            self._again_later()
            return
        self._watch(self._spawned.pid)

    def _watch(self, pid: int) -> None:
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._again_later()
            return
        self.pid = pid
        self._born_at = self._loop.time()
        self._loop.add_reader(self._pidfd, self._on_death)

    def _on_death(self) -> None:
        assert self._pidfd is not None
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = self.pid = None
        if self._spawned is not None:
            self._spawned.wait()
            self._spawned = None
        self._is_wanted = False
        if self._loop.time() - self._born_at > _LONGEST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S  # it did live: this death is no part of a series
        try:
            is_work_open = bool(self._registry.tracking_open())
        except CloudMLError as exc:
            log.warning("%s", exc)
            is_work_open = True
        if is_work_open:
            log.warning("the forwarder died with runs open: starting another")
            self._again_later()

    def _again_later(self) -> None:
        self._loop.call_later(self._pause_s, self.want)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
