"""A few threads that work a list off: the first error stops all, a broken link is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

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
    with ThreadPoolExecutor(min(threads, len(items)), thread_name_prefix="cloudml-store") as pool:
        futures = [pool.submit(_guarded, work, item, stop) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    errors = [error for future in futures if (error := _failed(future)) is not None]
    for error in errors:
        if not isinstance(error, Stopped):
            raise error
    return [future.result() for future in futures]


def _guarded(work: Callable[[_Item], _Result], item: _Item, stop: Stop) -> _Result:
    stop.check()
    return work(item)


def _failed(future: Future[_Result]) -> BaseException | None:
    return None if future.cancelled() else future.exception()


class Told:
    """A ``Progress`` that several threads may call; None is told nothing."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, count: int) -> None:
        if self._progress is not None and count:
            with self._lock:
                self._progress(count)
