"""The one writer of a journal: an event outlives the process when ``append`` returns."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import threading
import time
import weakref
from binascii import hexlify
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import Unavailable
from .disk import unavailable
from .metric_lines import END, Layouts, packed_with_care
from .metric_tail import SETTLE_S, AppendMetrics, MetricTail, settle_dead, tail_of

_Every = Callable[[float, Callable[[], None]], None]
_PATIENCE, _PAUSE_S = 20, 0.005
_SPOILED = b"!\n"  # ends a line that was refused half-way so that no reader takes it for whole


class JournalWriter:
    """Appends events to one journal; ``kill -9`` loses none that ``append`` acknowledged: each is one ``os.write``, or a
    metric in the mapped tail (``keep_tail``).

    Safe from many threads, from signal handlers, and in forked children. A torn last line of a killed predecessor is
    ended first, and the metrics in its tail come into the journal. A file has one writer process at a time. Opening makes
    missing directories (0700) and the file (0600).

    Raises:
        Unavailable: (from every method but ``close``) the disk refuses; the event that was refused is never read back,
            and later events are whole.
    """

    append_metrics: AppendMetrics
    """``append_metrics(metrics, step)`` appends one ``metric`` event on the shortest path (a few µs); values may be
    anything that ``float`` takes.

    Flat on purpose, and an attribute that changes with the way: in a training loop all of it is cold, and each call of
    Python's costs several microseconds there.

    Raises:
        TypeError, ValueError: a value is no number, or ``step`` no whole one; nothing is written.
        OverflowError: ``step`` has more than 64 bits; nothing is written.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.append_metrics = self._append_metrics
        self.path = Path(path)
        self._clock = clock
        self._lock = threading.RLock()
        self._layouts = Layouts()
        self._torn = b""
        self._tail: MetricTail | None = None
        self._is_unsure = False
        self._is_missed = False
        self._every: _Every | None = None
        self._is_timed = False
        self._is_quick = False
        try:
            settle_dead(self.path)
            self._fd = _open(self.path)
            if not _ends_whole(self._fd):
                self._write(b"\n")
        except OSError as exc:
            raise unavailable(self.path, exc) from exc
        _writers.add(self)

    def append(self, kind: str, **fields: Any) -> None:
        """Append one event. Fields are JSON values; NumPy-like scalars become numbers, other strangers their ``str``."""
        body = _encode(fields)
        tail = "," + body[1:] if fields else "}"
        self._write(f'{{"t":{self._clock():.6f},"k":"{kind}"{tail}\n'.encode())

    def keep_tail(self, every: _Every) -> None:
        """From now on metrics in quick succession may wait in a `MetricTail` for up to ``SETTLE_S``.

        Only where somebody on this machine calls ``settle_dead`` when this process is gone, and nobody reads the journal
        over a network file system. ``every(seconds, call)`` is called once, with the first metrics, and must call
        ``call`` every so many seconds while the user's code runs. Where files cannot be mapped safely nothing changes.
        """
        if hasattr(os, "posix_fallocate"):
            self._every = every

    def _append_metrics(self, metrics: Mapping[str, Any], step: int) -> None:
        """One line, written at once."""
        head, pack = self._layouts[tuple(metrics)]
        try:
            packed = pack(self._clock(), step, *metrics.values())
        except struct.error:
            packed = packed_with_care(pack, self._clock(), step, metrics.values())
        self._write(head + hexlify(packed) + END)
        if self._every is not None:
            self._quicken(self._every)

    def _quicken(self, every: _Every) -> None:
        """Metrics came: when the next ones come before the next ``_tick``, they go into the tail."""
        with self._lock:
            if not self._is_timed:
                every(SETTLE_S, self._tick)
                self._is_timed = True
            if self._is_quick and self._tail is None:
                self._tail = self._new_tail()
            if self._is_quick and self._tail is not None:
                self.append_metrics = self._tail.append
            self._is_quick = True

    def _new_tail(self) -> MetricTail | None:
        try:
            return MetricTail(
                tail_of(self.path),
                os.fstat(self._fd).st_size,
                clock=self._clock,
                otherwise=self._append_metrics,
            )
        except OSError:
            self._every = None
            return None

    def settle(self) -> None:
        """Every metric until now comes into the journal now; called when the user's code is over.

        Raises:
            Unavailable: the disk refuses; nothing is lost, and ``close`` leaves it to ``settle_dead``.
        """
        for _ in range(_PATIENCE):
            with self._lock:
                if self._settle():
                    return
            time.sleep(_PAUSE_S)
        with self._lock:
            self._settle(is_lost=True)

    def _tick(self) -> None:
        """With nothing new in the tail, or a disk that refuses, metrics are written at once again: a cell that logs every
        second should not wait, and one on a full disk should hear of it.
        """
        with self._lock:
            is_quick = self._tail is not None and self._tail.has_records
            try:
                self._is_missed = not self._settle(is_lost=self._is_missed)
            except Unavailable:
                is_quick = False
            self._is_quick = is_quick
            if not is_quick:
                self.append_metrics = self._append_metrics

    def _settle(self, *, is_lost: bool = False) -> bool:
        """What the tail has comes into the journal: once, also where an error or an interrupt came in between.

        False where another thread, or what this one interrupted, is in the middle of a record: microseconds, or an interrupt
        has lost the tail's place, which ``is_lost`` finds again.
        """
        tail = self._tail
        if tail is None or not tail.has_records:
            return True
        size = -1
        try:
            if not tail.take():
                if not is_lost:
                    return False
                tail.reclaim()
            lines = tail.lacking(self.path, tail.taken) if self._is_unsure else tail.taken
            self._is_unsure = True
            if lines:
                self._put(b"".join(lines))
            size = os.fstat(self._fd).st_size
            tail.settled(size)
            self._is_unsure = False
        except BaseException as exc:
            if size >= 0:
                tail.settled(size)
            else:
                tail.give_back()
            if isinstance(exc, OSError):
                raise unavailable(self.path, exc) from exc
            raise
        return True

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._tail is not None:
                self._settle()
            try:
                self._put(line)
            except OSError as exc:
                raise unavailable(self.path, exc) from exc

    def _put(self, lines: bytes) -> None:
        if self._torn:
            lines = self._torn + lines
        written = os.write(self._fd, lines)
        if written != len(lines):
            self._finish(memoryview(lines)[written:])
        self._torn = b""

    def _finish(self, rest: memoryview) -> None:
        """The disk took a part: write the rest, or remember that the line is torn."""
        self._torn = _SPOILED
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Close the file; safe to repeat. Appending afterwards raises ``Unavailable``.

        Metrics that the disk has no room for stay in the tail, for ``settle_dead``.
        """
        with contextlib.suppress(Unavailable):
            self.settle()
        with self._lock:
            if self._tail is not None:
                self._tail.close()
            self._forget_tail()
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def _forget_tail(self) -> None:
        self._tail = self._every = None
        self.append_metrics = self._append_metrics

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _ends_whole(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size == 0 or os.pread(fd, 1, size - 1) == b"\n"


def _plain(value: Any) -> Any:
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return item()
    return str(value)


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode

_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _renew_after_fork() -> None:
    """A forked child must not wait for a lock that a thread of its parent held, nor write into its parent's tail."""
    for writer in list(_writers):
        writer._lock = threading.RLock()
        writer._forget_tail()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
