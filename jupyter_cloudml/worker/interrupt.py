"""SIGTERM and SIGINT while the cell runs: a ``KeyboardInterrupt`` in the cell, or the end of its coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM raises ``KeyboardInterrupt`` in the main thread, as SIGINT does. A handler of the user's own wins.

    Afterwards both are ignored: a result that is being published is not torn by an impatient second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def cancelling_on_signals(
    running: asyncio.Future[Any], cell_files: Callable[[], frozenset[str]]
) -> Iterator[None]:
    """While a cell awaits, a signal cancels it (as in ``ipykernel``); while its own code runs, it is interrupted there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: FrameType | None) -> None:
        if _is_in(frame, cell_files()):
            signal.default_int_handler(number, frame)
        loop.call_soon_threadsafe(running.cancel)

    saved = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if saved[number] is signal.default_int_handler:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number in _SIGNALS:
            if signal.getsignal(number) is handle:
                signal.signal(number, saved[number])


def _is_in(frame: FrameType | None, files: frozenset[str]) -> bool:
    while frame is not None:
        if frame.f_code.co_filename in files:
            return True
        frame = frame.f_back
    return False
