"""The agent's side of one zygote process: start it, ask it for spares, hand a job to one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import Unavailable
from ..environment import Environment, site_stamp
from . import preload
from .spare import MAX_MESSAGE
from .zygote import BOOT

log = logging.getLogger(__name__)

PACKAGE_PARENT = str(Path(__file__).parents[3])


@dataclass(slots=True, eq=False)
class Spare:
    """A child of the zygote that waits for a job; its door is the agent's end of the pair."""

    door: socket.socket
    pid: int = 0  # 0 until it has said that it is ready

    def hand(self, message: bytes) -> None:
        """Give it its job. Raises ``Unavailable`` when it has died; then it ran nothing."""
        try:
            self.door.send(message)
        except OSError as exc:
            raise Unavailable(f"process {self.pid} ended before it could begin") from exc


class Zygote:
    """One zygote and its spares. Lives on the agent's event loop; nothing here blocks.

    ``on_change`` is called when it got ready, a spare got ready, or it is gone (``is_gone``). Exit codes of all its
    children, workers included, are told to ``on_exit``.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        level: str,
        spares: int,
        log_file: int,
        on_change: Callable[[], None],
        on_exit: Callable[[int, int], None],
    ) -> None:
        self.environment = environment
        self.is_ready = False
        self.was_ready = False
        self.is_gone = False
        self._is_awake = False
        self._gives_way = False
        self._gave_way = False
        self._on_change = on_change
        self._on_exit = on_exit
        self._wanted = spares
        self._spares: set[Spare] = set()
        self._sites: list[str] = []
        self._stamp: tuple[int, ...] = ()
        self._forked: list[asyncio.Future[int]] = []
        self._loop = asyncio.get_running_loop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = self._spawn(theirs.fileno(), level, log_file)
        self._control.setblocking(False)
        self._loop.add_reader(self._control, self._hear)

    def _spawn(self, control: int, level: str, log_file: int) -> subprocess.Popen[bytes]:
        python = self.environment.python
        parent = PACKAGE_PARENT if python == sys.executable else ""
        return subprocess.Popen(
            [python, "-c", BOOT, parent, str(control), str(os.getpid()), level],
            env={**self.environment.applied_to(os.environ), **preload.QUIET},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            pass_fds=[control],
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def spare_pids(self) -> list[int]:
        """The children that could take a job at once."""
        return sorted(spare.pid for spare in self._spares if spare.pid)

    @property
    def is_stale(self) -> bool:
        """Packages were installed or removed since it imported its own."""
        return self.is_ready and site_stamp(self._sites) != self._stamp

    def take(self) -> Spare | None:
        """A spare that is ready; it belongs to the caller. None: there is none yet."""
        spare = next((spare for spare in self._spares if spare.pid), None)
        if spare is not None:
            self._forget(spare)
        return spare

    def refill(self) -> None:
        """Ask for as many spares as are missing. Safe to repeat."""
        while self.is_ready and not self.is_gone and len(self._spares) < self._wanted:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            spare = Spare(ours)
            self._spares.add(spare)
            self._loop.add_reader(ours, self._hear_spare, spare)
            with theirs:
                self._order({"fork": "spare"}, theirs.fileno())

    def fork_forwarder(self, home: Path, stdin: int) -> asyncio.Future[int]:
        """A child that forwards to MLflow and reads nudges from ``stdin``: its pid, once it is born."""
        born: asyncio.Future[int] = self._loop.create_future()
        self._forked.append(born)
        self._order({"fork": "forwarder", "home": str(home)}, stdin)
        return born

    def give_way(self, at_most_s: float) -> None:
        """While it still imports: stand still, once, until ``go_on`` or for so long.

        The first job of a cold machine is a plain process that imports the same packages; it must not share the cores.
        It is stopped only when it has said that it dies with this process: a stopped orphan would stay for ever.
        """
        if self.is_ready or self.is_gone or self._gave_way:
            return
        self._gave_way = self._gives_way = True
        self._loop.call_later(at_most_s, self.go_on)
        if self._is_awake:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of ``give_way``. Safe to repeat."""
        if self._gives_way and not self.is_gone:
            self._gives_way = False
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and its spares; workers go on. Safe to repeat."""
        if self.is_gone:
            return
        self.is_gone = True
        self.is_ready = False
        self._loop.remove_reader(self._control)
        self._control.close()
        for spare in list(self._spares):
            self._forget(spare)
            spare.door.close()
        for born in self._forked:
            born.cancel()
        self._process.kill()
        self._process.wait()

    def _order(self, message: dict[str, Any], fd: int) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], [fd])
        except OSError:
            log.warning("zygote %s does not listen", self.pid)

    def _hear(self) -> None:
        try:
            data = self._control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            log.warning("zygote %s is gone", self.pid)
            self.stop()
            self._on_change()
            return
        self._take_news(json.loads(data))

    def _take_news(self, news: dict[str, Any]) -> None:
        if "awake" in news:
            self._is_awake = True
            if self._gives_way:
                self._process.send_signal(signal.SIGSTOP)
        elif "ready" in news:
            self._sites = news["ready"]["sites"]
            self._stamp = site_stamp(self._sites)
            self.is_ready = self.was_ready = True
            log.info(
                "zygote %s is ready; missing: %s", self.pid, news["ready"]["missing"] or "none"
            )
            self.refill()
            self._on_change()
        elif "exit" in news:
            self._on_exit(news["exit"], news["code"])
        elif news["role"] == "forwarder" and self._forked:
            born = self._forked.pop(0)
            if not born.done():
                born.set_result(news["forked"])

    def _hear_spare(self, spare: Spare) -> None:
        try:
            data = spare.door.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            spare.pid = json.loads(data)["ready"]
        else:
            self._forget(spare)
            spare.door.close()
            self._loop.call_later(
                1.0, self.refill
            )  # a spare that cannot be made must not be made in a tight loop
        self._on_change()

    def _forget(self, spare: Spare) -> None:
        self._spares.discard(spare)
        self._loop.remove_reader(spare.door)
