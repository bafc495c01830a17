"""What a cell leaves running behind it.

A kernel stays alive after a cell, so threads go on; a worker does not. Decision: a job is over when its work is over. The
non-daemon threads that the cell started are joined before its result is taken, as at the end of a script (asyncio tasks
likewise, in the shell); what they print is part of the cell's output. Daemon threads and the idle threads of executors
end with the worker.
"""

from __future__ import annotations

import sys
import threading
import time

from ..core import events
from ..journal.writer import JournalWriter

PATIENCE_S = 2.0


class Joined:
    """On leaving, waits for the threads that were started inside. An interrupt ends the wait."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._before: set[threading.Thread] = set()

    def __enter__(self) -> Joined:
        self._before = set(threading.enumerate())
        return self

    def __exit__(self, *_exc: object) -> None:
        told = False
        deadline = time.monotonic() + PATIENCE_S
        try:
            while waiting := self._waiting():
                waiting[0].join(max(deadline - time.monotonic(), 0.05))
                if not told and time.monotonic() >= deadline and (waiting := self._waiting()):
                    names = ", ".join(thread.name for thread in waiting)
                    text = f"the cell is over; waiting for the threads that it started: {names}"
                    self._writer.append(events.NOTE, text=text)
                    told = True
        except KeyboardInterrupt:
            self._writer.append(
                events.NOTE, text="threads of the cell were left when it was interrupted"
            )

    def _waiting(self) -> list[threading.Thread]:
        executors = sys.modules.get("concurrent.futures.thread")
        idle = set(executors._threads_queues) if executors is not None else set()
        current = threading.current_thread()
        return [
            thread
            for thread in threading.enumerate()
            if not thread.daemon
            and thread is not current
            and thread not in self._before
            and thread not in idle
        ]
