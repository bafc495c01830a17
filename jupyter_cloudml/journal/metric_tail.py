"""The newest metrics of a journal in a mapped file: a store into memory instead of a ``write`` for each.

Between two steps of a training loop the processor's caches are cold, and a ``write`` costs ten times what it costs in a
benchmark. A record that lies in a mapped file outlives ``kill -9`` of its process just as well; it becomes a line of the
journal within ``SETTLE_S``, before any later line of the same thread. Where the process died before, ``settle_dead`` makes
it one: whoever notes the death calls that, and whoever opens the journal for writing.

The file: ``base``, the size that the journal had when it held all earlier metrics (``_SETTLED``: nothing here is missing
there), then records up to the first zero. A record is its layout's number, ``metric_lines``' packed numbers, and a byte
that is set last. Before its first use since the journal was written, a layout is defined by a record of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
from binascii import hexlify
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .metric_lines import END, beginning, layout

SETTLE_S = 0.25
SIZE = 64 * 1024

_BASE = struct.Struct("<q")
_SETTLED = -1
_NUMBER = struct.Struct("<H")
_DEFINITION = 0xFFFF
_DEFINED = struct.Struct(
    "<HHHH"
)  # _DEFINITION, number, bytes of the line's beginning, how many names
_DONE = b"\x01"

AppendMetrics = Callable[[Mapping[str, Any], int], None]
_Slot = tuple[Callable[..., None], int, int]


class MetricTail:
    """Keeps metrics until they are taken into the journal, which is ``base`` bytes long now.

    No lock, which would cost a third of ``append``: who pops from ``_free`` where the next record begins has the memory
    from there on, and who finds nothing there does not wait but goes another way (for metrics that is ``otherwise``).
    An interrupt between two instructions can lose what was popped; ``reclaim`` finds it again. No code of the user's runs
    meanwhile, but for a ``step`` that is no ``int``.

    Raises:
        OSError: (from making it) the disk has no room, or the file cannot be mapped.
    """

    def __init__(
        self, path: Path, base: int, *, clock: Callable[[], float], otherwise: AppendMetrics
    ) -> None:
        self._path = path
        self._clock = clock
        self._otherwise = otherwise
        self._known: dict[tuple[str, ...], _Slot] = {}
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(
                fd, 0, SIZE
            )  # a store into a page that has no room on the disk is a crash
            self._memory = mmap.mmap(fd, SIZE)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        _BASE.pack_into(self._memory, 0, base)
        self._free = [_BASE.size]
        self._taken = 0

    def append(self, metrics: Mapping[str, Any], step: int) -> None:
        """Keep one record. ``otherwise`` gets it where there is no room for it, where a value is no plain number, and
        where it comes in the middle of another (from a thread or a signal handler).

        Flat on purpose, see ``JournalWriter.append_metrics``.
        """
        free = self._free
        try:
            values = [*map(float, metrics.values())]
            begin = free.pop()
        except Exception:  # noqa: BLE001 - a value's own ``__float__`` may raise anything; ``otherwise`` tells
            return self._otherwise(metrics, step)
        try:
            slot = self._known.get(tuple(metrics))
            if slot is None:
                begin, slot = self._define(tuple(metrics), begin)
                self._known[tuple(metrics)] = slot
            pack, number, size = slot
            if begin + size <= SIZE:
                pack(self._memory, begin, number, self._clock(), step, *values, True)
                begin += size
                return None
        except BaseException as exc:
            self._memory[begin:] = bytes(SIZE - begin)
            if not isinstance(exc, Exception):
                raise
        finally:
            free.append(begin)
        return self._otherwise(metrics, step)

    def _define(self, names: tuple[str, ...], begin: int) -> tuple[int, _Slot]:
        """Where a record of ``names`` may begin, and what packs it, its number and its size."""
        told = beginning(names)
        record = struct.Struct(f"<H{layout(len(names))}?")
        text = begin + _DEFINED.size
        end = text + len(told) + len(_DONE)
        if end + record.size > SIZE or len(self._known) >= _DEFINITION - 1:
            return begin, (record.pack_into, 0, SIZE)
        number = len(self._known) + 1
        _DEFINED.pack_into(self._memory, begin, _DEFINITION, number, len(told), len(names))
        self._memory[text : end - len(_DONE)] = told
        self._memory[end - len(_DONE) : end] = _DONE
        return end, (record.pack_into, number, record.size)

    @property
    def has_records(self) -> bool:
        """Whether the journal may lack something that is here."""
        return bool(self._known)

    def take(self) -> bool:
        """Take all records, for ``taken`` to tell; until ``settled`` or ``give_back`` nothing is kept. False when there
        are none, and in the middle of an ``append`` or of another ``take``.
        """
        if not self._known:
            return False
        try:
            self._taken = self._free.pop()
        except IndexError:
            return False
        return True

    def reclaim(self) -> None:
        """``take`` where an interrupt lost the place: nobody has been in the middle of anything for long enough."""
        self._free = []
        self._taken = _BASE.size + _read(self._memory[_BASE.size :])[1]

    @property
    def taken(self) -> list[bytes]:
        """What was taken, as lines of the journal."""
        return _read(self._memory[_BASE.size : self._taken])[0]

    def settled(self, base: int) -> None:
        """What was taken stands in the journal, which is ``base`` bytes long now. Safe to repeat."""
        if self._taken:
            _BASE.pack_into(self._memory, 0, _SETTLED)
            self._memory[_BASE.size : self._taken] = bytes(self._taken - _BASE.size)
            _BASE.pack_into(self._memory, 0, base)
            self._known.clear()
            self._taken = 0
            self._free.append(_BASE.size)

    def give_back(self) -> None:
        """What was taken could not be written, or not all of it. Safe to repeat."""
        if self._taken:
            taken, self._taken = self._taken, 0
            self._free.append(taken)

    def lacking(self, journal: Path, lines: list[bytes]) -> list[bytes]:
        """Those of the ``lines`` that were taken which do not stand in ``journal``."""
        return _lacking(journal, _BASE.unpack_from(self._memory)[0], lines)

    def close(self) -> None:
        """Keep nothing any more, and remove the file where all that it held stands in the journal."""
        self._free = []  # a new one: who is in the middle of an append gives back to the old one
        if not self._known:
            self._path.unlink(missing_ok=True)


def tail_of(journal: Path) -> Path:
    """Where the tail of ``journal`` lies while a worker keeps one, and after that worker's sudden death."""
    return journal.with_suffix(".tail")


def settle_dead(journal: Path) -> int:
    """Append to ``journal`` the metrics that its dead writer left in the tail, and remove that; how many they were.

    Only for a journal whose writer is gone or stands still for ever. Safe from several processes at once and to repeat.

    Raises:
        OSError: the disk refuses; nothing is lost, and a later call finds it.
    """
    tail = tail_of(journal)
    try:
        fd = os.open(tail, os.O_RDWR)
    except OSError:
        return 0
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if not os.fstat(fd).st_nlink:
            return 0
        content = os.pread(fd, SIZE, 0)
        (base,) = _BASE.unpack_from(content) if len(content) > _BASE.size else (_SETTLED,)
        lines = _read(content[_BASE.size :])[0] if base >= 0 else []
        lacking = _lacking(journal, base, lines) if lines else []
        if lacking:
            _append(journal, lacking)
        tail.unlink(missing_ok=True)
        return len(lacking)
    finally:
        os.close(fd)


def _lacking(journal: Path, base: int, lines: list[bytes]) -> list[bytes]:
    there: Counter[bytes] = Counter()
    with contextlib.suppress(FileNotFoundError), journal.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(base if base <= size else 0)
        there.update(file.read().splitlines(keepends=True))
    lacking = []
    for line in lines:
        if there[line]:
            there[line] -= 1
        else:
            lacking.append(line)
    return lacking


def _append(journal: Path, lines: list[bytes]) -> None:
    with journal.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        rest = memoryview(b"\n" * torn + b"".join(lines))
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]


def _read(records: bytes) -> tuple[list[bytes], int]:
    """The journal's lines of the records that are whole, and where these end; a kill can leave the last one unfinished."""
    layouts: dict[int, tuple[bytes, int]] = {}
    lines = []
    at = 0
    with contextlib.suppress(struct.error, LookupError):
        while (number := _NUMBER.unpack_from(records, at)[0]) != 0:
            if number == _DEFINITION:
                _, defined, length, names = _DEFINED.unpack_from(records, at)
                begin = at + _DEFINED.size
            else:
                head, length = layouts[number]
                begin = at + _NUMBER.size
            end = begin + length
            if records[end : end + len(_DONE)] != _DONE:
                break
            body = records[begin:end]
            if number == _DEFINITION:
                layouts[defined] = body, struct.calcsize("<" + layout(names))
            else:
                lines.append(head + hexlify(body) + END)
            at = end + len(_DONE)
    return lines, at
