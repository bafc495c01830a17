"""SIGTERM and SIGINT while the cell runs: a ``KeyboardInterrupt`` in the cell, or the end of its coroutine.

Only for the worker itself. A process that the cell forks dies of SIGTERM at once, as a child of a kernel does: with a handler
of Python's it would live on where the signal meets it before its first line (``Pool.terminate`` then waits for ever).
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_forking = threading.local()


class _Handler:
    """A handler that was set here, and not by the cell. What it raises must not end in a hook of a fork, which swallows it."""

    def __init__(self, call: Callable[[int, FrameType | None], None]) -> None:
        self._call = call

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _is_in_hook(frame):
            _thread.start_new_thread(_send_again, (number,))
        else:
            self._call(number, frame)


def _send_again(number: int) -> None:
    time.sleep(0.001)
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    if isinstance(signal.getsignal(signal.SIGTERM), _Handler):
        _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])  # kept before it changes
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _after_fork() -> None:
    mask, _forking.mask = getattr(_forking, "mask", None), None
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _after_fork_in_child() -> None:
    for number, at_home in (
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGINT, signal.default_int_handler),
    ):
        if isinstance(signal.getsignal(number), _Handler):
            signal.signal(number, at_home)
    _after_fork()


_HOOKS = frozenset(hook.__code__ for hook in (_before_fork, _after_fork, _after_fork_in_child))


def _is_in_hook(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _HOOKS:
            return True
        frame = frame.f_back
    return False


if hasattr(os, "register_at_fork"):
    # blocked meanwhile: Python forgets a signal that comes to a child before its hooks run
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM raises ``KeyboardInterrupt`` in the main thread, as SIGINT does. A handler of the user's own wins.

    Afterwards both are ignored: a result that is being published is not torn by an impatient second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _Handler(signal.default_int_handler))
    signal.signal(signal.SIGINT, signal.default_int_handler)
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

    ours = _Handler(handle)
    saved = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if isinstance(saved[number], _Handler) or saved[number] is signal.default_int_handler:
            signal.signal(number, ours)
    try:
        yield
    finally:
        for number in _SIGNALS:
            if signal.getsignal(number) is ours:
                signal.signal(number, saved[number])


def _is_in(frame: FrameType | None, files: frozenset[str]) -> bool:
    while frame is not None:
        if frame.f_code.co_filename in files:
            return True
        frame = frame.f_back
    return False
