"""A bar with rate and remaining time on a terminal; nothing anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from ..client.text import duration, size

_EVERY_S = 0.1
_WINDOW_S = 5.0
_WIDTH = 24


class Bar:
    """``with Bar(total, "3 objects") as bar: …; bar.add(n)``. ``add`` may be called from any thread.

    The rate is that of the last seconds. The line is removed at the end, so that what is printed then stands alone.
    """

    def __init__(
        self,
        total: int,
        title: str,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        in_words: Callable[[float], str] = size,
        is_shown: bool = True,
    ) -> None:
        self._total, self._title, self._clock, self._in_words = total, title, clock, in_words
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = is_shown and self._stream.isatty()
        self._lock = threading.Lock()
        self._done = 0
        self._drawn_at = float("-inf")
        self._width = 0
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._drawn_at < _EVERY_S or not self._is_shown:
                return
            self._drawn_at = now
            self._seen.append((now, self._done))
            while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_S:
                self._seen.popleft()
            self._write(self.line())

    def line(self) -> str:
        """``███▌      34 %  1.2 of 3.5 GiB  120 MiB/s  19 s left  3 objects``."""
        share = min(1.0, self._done / self._total) if self._total else 1.0
        (then, before), (now, after) = self._seen[0], self._seen[-1]
        rate = (after - before) / (now - then) if now > then else 0.0
        filled = round(share * _WIDTH)
        words = [
            "█" * filled + "░" * (_WIDTH - filled),
            f"{share:4.0%}",
            f"{self._in_words(self._done)} of {self._in_words(self._total)}",
        ]
        if rate > 0:
            left = duration(max(0, self._total - self._done) / rate)
            words += [f"{self._in_words(rate)}/s", f"{left} left"]
        return "  ".join([*words, self._title])

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_shown, was_shown = False, self._width > 0
            if was_shown:
                self._write("")
                self._stream.write("\r")
                self._stream.flush()

    def _write(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)
