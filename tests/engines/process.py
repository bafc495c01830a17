"""An engine as a context manager: started on free loopback ports, ready when it answers, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .install import EngineMissing

START_S = 120
STOP_S = 20
TRIES = 3
PORTS = range(20_000, 31_000)


class Engine:
    """Subclasses say ``name``, ``ports_needed``, how to start (``command``) and when it answers (``is_ready``).

    After ``start`` it answers; after ``stop`` none of its processes nor its folder is left, also when this process was
    killed with SIGKILL. ``kill`` and ``start`` again keep ports and data.
    """

    name: str
    ports_needed = 1
    start_s = START_S

    def __init__(self) -> None:
        self.folder = Path()
        self.ports: list[int] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What to run, and what its environment has more."""
        raise EngineMissing(f"engine {self.name!r} does not say how it is started")

    def is_ready(self) -> bool:
        """Whether it answers; ``OSError`` counts as no."""
        with socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1):
            return True

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Blocks until it answers. Raises ``EngineMissing``; then nothing is left running."""
        again = bool(self.ports)
        if not again:
            self.folder = Path(tempfile.mkdtemp(prefix=f"cloudml-{self.name}-"))
        for left in reversed(range(TRIES)):
            if not again:
                self.ports = free_ports(self.ports_needed)
            try:
                return self._start()
            except EngineMissing:
                self._end()
                if not left:
                    self.stop()
                    raise

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True) if self.folder != Path() else None
        self.folder, self.ports = Path(), []

    def kill(self) -> None:
        """SIGKILL to every process of it; returns when they are gone. Data and ports stay for ``start``."""
        if self._guard:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._forget()

    def pause(self) -> None:
        """It answers nothing until ``go_on``; connections stay open."""
        self._to_all(signal.SIGSTOP)

    def go_on(self) -> None:
        self._to_all(signal.SIGCONT)

    @property
    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text(errors="replace")
        return ""

    def _start(self) -> None:
        self.folder.mkdir(exist_ok=True)  # a guard that gave up has removed it
        argv, more = self.command()
        guard = [sys.executable, str(Path(__file__).with_name("guard.py")), str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                [*guard, *argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **more},
                start_new_session=True,
            )
        deadline = time.monotonic() + self.start_s
        while not self._answers():
            if self._guard.poll() is not None or time.monotonic() > deadline:
                raise EngineMissing(f"{self.name} does not start: {self.log[-600:].strip()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.is_ready()
        return False

    def _end(self) -> None:
        if not self._guard:
            return
        self.go_on()
        assert self._guard.stdin
        self._guard.stdin.close()
        try:
            self._guard.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._guard.pid, signal.SIGKILL)
        self._forget()

    def _forget(self) -> None:
        guard, self._guard = self._guard, None
        if guard:
            if guard.stdin and not guard.stdin.closed:
                guard.stdin.close()
            guard.wait(STOP_S)

    def _to_all(self, number: int) -> None:
        if self._guard and self._guard.poll() is None:
            for child in _children(self._guard.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number)


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now, below the range from which connections take theirs."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise EngineMissing(f"there are no {count} free ports on 127.0.0.1 in {PORTS}")


def _children(pid: int) -> list[int]:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []
