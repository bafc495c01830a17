"""The one helper thread of a worker: it reads descriptors and calls functions in time while the cell computes.

One thread for all, started without waiting for it, and unknown to ``threading``: it costs the cell's start tens of
microseconds, and ``threading.enumerate()`` shows the user's threads alone.
"""

from __future__ import annotations

import _thread
import os
import select
import threading
import time
from collections.abc import Callable

Reader = Callable[[], bool]


class Background:
    """Runs until ``stop``; what comes later is not called. ``watch``, ``every`` and ``soon`` are safe from every thread and
    from signal handlers.

    Callbacks must not raise and must not block. A forked child has no such thread; it must not call in here.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._readers: dict[int, Reader] = {}
        self._due: list[tuple[float, Callable[[], None], float]] = []
        self._is_stopped = False
        self._ended = _thread.allocate_lock()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def start(self) -> None:
        self._ended.acquire()
        _thread.start_new_thread(self._run, ())

    def watch(self, fd: int, reader: Reader) -> None:
        """Call ``reader`` when ``fd`` can be read, until it answers False."""
        self._readers[fd] = reader
        self._wake()

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call ``call`` every so many seconds, the first time after that long."""
        self._add(time.monotonic() + seconds, call, seconds)

    def soon(self, seconds: float, call: Callable[[], None]) -> None:
        """Call ``call`` once, after so many seconds."""
        self._add(time.monotonic() + seconds, call, 0.0)

    def stop(self) -> None:
        """End the thread and wait until it is done with what it is at."""
        self._is_stopped = True
        self._wake()
        self._ended.acquire()
        with self._lock:
            ends, self._wake_read, self._wake_write = (self._wake_read, self._wake_write), -1, -1
        for end in ends:
            os.close(end)

    def _add(self, at: float, call: Callable[[], None], again: float) -> None:
        with self._lock:
            self._due.append((at, call, again))
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._wake_write < 0:
                return
            try:
                os.write(self._wake_write, b"x")
            except BlockingIOError:
                return  # it is being woken already

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                self._once()
        finally:
            self._ended.release()

    def _once(self) -> None:
        poll = select.poll()
        for fd in (self._wake_read, *self._readers):
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(self._timeout_ms()):
            if fd == self._wake_read:
                os.read(fd, 4096)
            elif not self._readers[fd]():
                del self._readers[fd]
        for call in self._ready():
            if not self._is_stopped:
                call()

    def _timeout_ms(self) -> int | None:
        with self._lock:
            if not self._due:
                return None
            wait_s = min(at for at, _, _ in self._due) - time.monotonic()
        return max(0, int(wait_s * 1000) + 1)

    def _ready(self) -> list[Callable[[], None]]:
        now = time.monotonic()
        with self._lock:
            ready = [item for item in self._due if item[0] <= now]
            self._due = [item for item in self._due if item[0] > now]
            self._due += [(now + again, call, again) for _, call, again in ready if again]
        return [call for _, call, _ in ready]
