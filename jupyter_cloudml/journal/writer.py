"""The one writer of a journal: an event is on its way to the disk when ``append`` returns."""

from __future__ import annotations

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

from .disk import unavailable
from .metric_lines import END, Layouts, packed_with_care

_SPOILED = b"!\n"  # ends a line that was refused half-way so that no reader takes it for whole


class JournalWriter:
    """Appends events to one journal; one ``os.write`` each, so ``kill -9`` loses none that ``append`` acknowledged.

    Safe from many threads, from signal handlers, and in forked children. A torn last line of a killed predecessor is
    ended first. A file has one writer process at a time. Opening makes missing directories (0700) and the file (0600).

    Raises:
        Unavailable: (from every method) the disk refuses; the event that was refused is never read back, and
            later events are whole.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock
        self._lock = threading.RLock()
        self._layouts = Layouts()
        self._torn = b""
        try:
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

    def append_metrics(self, metrics: Mapping[str, Any], step: int) -> None:
        """Append one ``metric`` event on the shortest path (a few µs); values may be anything that ``float`` takes.

        Flat on purpose: in a training loop all of it is cold, and each call of Python's costs a microsecond or two.

        Raises:
            TypeError, ValueError: a value is no number, or ``step`` no whole one; nothing is written.
            OverflowError: ``step`` has more than 64 bits; nothing is written.
        """
        head, pack = self._layouts[tuple(metrics)]
        try:
            packed = pack(self._clock(), step, *metrics.values())
        except struct.error:
            packed = packed_with_care(pack, self._clock(), step, metrics.values())
        self._write(head + hexlify(packed) + END)

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._torn:
                line = self._torn + line
            try:
                written = os.write(self._fd, line)
                if written != len(line):
                    self._finish(memoryview(line)[written:])
            except OSError as exc:
                raise unavailable(self.path, exc) from exc
            self._torn = b""

    def _finish(self, rest: memoryview) -> None:
        """The disk took a part: write the rest, or remember that the line is torn."""
        self._torn = _SPOILED
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Close the file; safe to repeat. Appending afterwards raises ``Unavailable``."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

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


def _renew_locks_after_fork() -> None:
    """A forked child must not wait for a lock that a thread of its parent held."""
    for writer in list(_writers):
        writer._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks_after_fork)
