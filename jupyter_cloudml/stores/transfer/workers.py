"""A few threads that work a list off: the first error stops all, a broken link is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from ..port import Progress

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Stopped(Exception):
    """Raised inside a worker when another one has failed; never leaves this room."""


class Stop:
    """The flag that all workers of one transfer look at."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raises ``Stopped`` once it is set."""
        if self._event.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the stop. Raises ``Stopped``."""
        if self._event.wait(seconds):
            raise Stopped


def work_off(
    work: Callable[[_Item], _Result], items: Sequence[_Item], *, threads: int, stop: Stop
) -> list[_Result]:
    """``[work(item) for item in items]`` on ``threads`` threads.

    After the first error nothing more is begun, ``stop`` is set, and it is raised once all threads are idle; an
    interrupt (``KeyboardInterrupt``) of the caller stops them too.
    """
    if len(items) <= 1 or threads <= 1:
        return [work(item) for item in items]
    served = _Served(work, items, stop)
    count = min(threads, len(items))
    with ThreadPoolExecutor(count, thread_name_prefix="cloudml-store") as pool:
        try:
            wait([pool.submit(served.serve) for _ in range(count)])
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    errors = [served.errors[at] for at in sorted(served.errors)]
    for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
        raise error
    return [served.results[at] for at in range(len(items))]


class _Served(Generic[_Item, _Result]):
    """What the threads of one list share. They take turns at its items: a future for each would cost as much as its work."""

    def __init__(
        self, work: Callable[[_Item], _Result], items: Sequence[_Item], stop: Stop
    ) -> None:
        self._work = work
        self._stop = stop
        self._waiting = enumerate(items)
        self._lock = threading.Lock()
        self.results: dict[int, _Result] = {}
        self.errors: dict[int, BaseException] = {}

    def serve(self) -> None:
        """Work until nothing waits, or somebody has failed."""
        while (taken := self._next()) is not None:
            at, item = taken
            try:
                self._stop.check()
                self.results[at] = self._work(item)
            except BaseException as exc:  # noqa: BLE001 - raised where the list is waited for
                self.errors[at] = exc
                self._stop.set()
                return

    def _next(self) -> tuple[int, _Item] | None:
        with self._lock:
            return next(self._waiting, None)


class Told:
    """A ``Progress`` that several threads may call; None is told nothing."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, count: int) -> None:
        if self._progress is not None and count:
            with self._lock:
                self._progress(count)
