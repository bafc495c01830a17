"""Processes that kill themselves at a chosen instant: before and after every call that changes something outside them.

``python -m tests.chaos.dying K agent HOME`` is an agent that dies at the K-th instant after it has begun to start a job;
K = 0 dies never. Every instant is written to ``instants`` in the directory above HOME, as it passes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

LASTING = frozenset(
    {
        *("write", "send", "sendall", "sendmsg", "sendto", "connect", "execute", "commit"),
        *("mkdir", "rename", "replace", "link", "unlink", "lockf", "flock"),
        *("fork_exec", "posix_spawn"),
    }
)
"""Names of the C functions and methods that change something which outlives the process."""


class Countdown:
    """A profile function (``sys.setprofile``) that counts instants from the first call of ``since`` on."""

    def __init__(self, last: int, since: str, passed: Callable[[str], None]) -> None:
        self._left = last
        self._since = since
        self._passed = passed
        self._counts = not since

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self._counts:
            self._counts = event == "call" and frame.f_code.co_name == self._since
            return
        if event not in ("c_call", "c_return") or not _lasts(argument):
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._passed(f"{'before' if event == 'c_call' else 'after'} {argument.__name__}")


def _lasts(function: Any) -> bool:
    return function.__name__ in LASTING and not isinstance(function.__self__, (str, bytes))


def die_at(instant: int, *, since: str = "", book: Path | None = None) -> None:
    """Kill this process at that instant (1 is the first); with a ``book``, write each one down as it passes."""
    fd = -1 if book is None else os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def passed(what: str) -> None:
        if fd >= 0:
            os.write(fd, what.encode() + b"\n")

    sys.setprofile(Countdown(instant, since, passed))


def main() -> None:
    from jupyter_cloudml.agent.__main__ import main as agent_main

    instant, home = int(sys.argv[1]), Path(sys.argv[3])
    die_at(instant, since="_start_here", book=home.parent / "instants")
    agent_main(["--home", str(home)])


if __name__ == "__main__":
    main()
