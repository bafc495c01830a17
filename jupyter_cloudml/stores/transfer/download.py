"""One object to one file: parallel ranges, resumed, verified, published at once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import Conflict, Corrupt, NotFound, Unavailable
from ..disk import disk_errors
from ..port import ObjectInfo, Progress
from .checksums import Crc, crc_named
from .partfile import PartFile, Piece
from .workers import Stop, Told, work_off

Sink = Callable[[bytes], None]
"""Takes the bytes of a range in order, in blocks of any size; raises to stop the sender."""
Fetch = Callable[[int, int, Sink], None]
"""``fetch(start, length, sink)``: give the sink exactly these bytes of the object whose etag was seen, or raise.
``Unavailable`` is tried again from the byte where it broke, as long as that helps; ``Conflict``: the object is another."""

RETRIES = 4
_FIRST_PAUSE_S = 0.2
_NOTE_BYTES = 4 << 20
_LEAST_BYTES = 8 << 20
_MD5_BYTES = 64 << 20
"""MD5 runs at half a gigabyte a second: above this size it would cost more than the transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a large object is cut, and how many ranges move at once: every range is a request, which costs 1.5 ms."""

    piece_bytes: int = 32 << 20
    threads: int = 8

    def pieces_of(self, size: int) -> int:
        """Bytes of a range: all threads get some of it, as long as ranges stay above 8 MiB."""
        return min(self.piece_bytes, max(_LEAST_BYTES, -(-size // self.threads)))


def download(
    uri: str,
    info: ObjectInfo,
    path: Path,
    fetch: Fetch,
    *,
    progress: Progress | None = None,
    resume: bool = True,
    pace: Pace | None = None,
) -> ObjectInfo:
    """See ``Store.get``; ``info`` is what the store said just now. The checksum is verified when it is a CRC.

    Raises:
        Corrupt: the bytes do not have the store's checksum; nothing is left behind.
        Unavailable: the link broke too often, or the disk is full; what has arrived stays for the next call.
    """
    crc = crc_named((info.checksum or "").partition(":")[0])
    kind = crc.name if crc else None
    head = {"uri": uri, "etag": info.etag, "size": info.size, "crc": kind}
    part = PartFile(path, head, resume=resume)
    try:
        _fill(part, info, fetch, crc, Told(progress), pace or Pace())
        _verify(part, info, crc, uri)
        part.publish()
    except (Corrupt, Conflict, NotFound):
        part.forget()
        raise
    except Exception:
        if not resume:
            part.forget()
        raise
    finally:
        part.close()
    return info


def _fill(
    part: PartFile, info: ObjectInfo, fetch: Fetch, crc: Crc | None, told: Told, pace: Pace
) -> None:
    told(sum(piece.length for piece in part.pieces))
    missing = _missing(part.pieces, info.size, pace.pieces_of(info.size))
    _check_room(part.path, sum(length for _, length in missing), part)
    stop = Stop()

    def one(item: tuple[int, int]) -> None:
        _fetch_one(part, item, fetch, crc, told, stop)

    work_off(one, missing, threads=pace.threads, stop=stop)


def _fetch_one(
    part: PartFile, item: tuple[int, int], fetch: Fetch, crc: Crc | None, told: Told, stop: Stop
) -> None:
    start, length = item
    arriving = _Arriving(part, crc, start)
    end, failures = start + length, 0

    def sink(data: bytes) -> None:
        stop.check()
        if arriving.position + len(data) > end:
            raise Unavailable(f"{part.path.name!r}: the store sends more than it was asked for")
        arriving.take(data)
        told(len(data))

    try:
        while (before := arriving.position) < end:
            try:
                fetch(before, end - before, sink)
                if arriving.position < end:
                    raise Unavailable(f"{part.path.name!r}: the store's answers end early")
            except Unavailable:
                failures = failures + 1 if arriving.position == before else 1
                if failures > RETRIES:
                    raise
                stop.pause(_FIRST_PAUSE_S * 2 ** (failures - 1))
    finally:
        arriving.note()


class _Arriving:
    """The bytes of one range as they come, noted down every few MiB: what a kill or a break in between does not lose."""

    def __init__(self, part: PartFile, crc: Crc | None, start: int) -> None:
        self._part, self._crc = part, crc
        self.position = self._noted = start
        self._value = 0

    def take(self, data: bytes) -> None:
        edge = self._noted + _NOTE_BYTES - self.position
        if len(data) >= edge:
            self._put(data[:edge])
            self.note()
            data = data[edge:]
        self._put(data)

    def note(self) -> None:
        if self.position > self._noted:
            length = self.position - self._noted
            self._part.finished(Piece(self._noted, length, self._value))
            self._noted, self._value = self.position, 0

    def _put(self, data: bytes) -> None:
        if self._crc is not None:
            self._value = self._crc.extend(self._value, data)
        self._part.write(data, self.position)
        self.position += len(data)


def _missing(pieces: list[Piece], size: int, piece_bytes: int) -> list[tuple[int, int]]:
    """What lies between the pieces, cut."""
    found: list[tuple[int, int]] = []
    position = 0
    for start, length in [*((p.start, p.length) for p in sorted(pieces)), (size, 0)]:
        while position < start:
            count = min(piece_bytes, start - position)
            found.append((position, count))
            position += count
        position = max(position, start + length)
    return found


def _check_room(path: Path, needed: int, part: PartFile) -> None:
    """A disk that is full is said before a byte is fetched."""
    with disk_errors(path):
        held = os.stat(part.part).st_blocks * 512  # noqa: PTH116
        free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise Unavailable(
            f"{str(path)!r} needs {needed >> 20} MiB more and the disk has {free >> 20} MiB free"
            + (f" ({held >> 20} MiB are here already)" if held else ""),
            hint="the disk is full: free some space there, or choose another directory",
        )


def _verify(part: PartFile, info: ObjectInfo, crc: Crc | None, uri: str) -> None:
    if crc is not None:
        whole = crc.join((piece.crc, piece.length) for piece in sorted(part.pieces))
        _compare(crc.spell(whole), info, uri)
        return
    kind = (info.checksum or "").partition(":")[0]
    if kind == "sha256" or (kind == "md5" and info.size <= _MD5_BYTES):
        _verify_digest(part, info, kind, uri)


def _verify_digest(part: PartFile, info: ObjectInfo, kind: str, uri: str) -> None:
    digest = hashlib.new(kind, usedforsecurity=False)
    for position in range(0, info.size, 1 << 20):
        digest.update(part.read(1 << 20, position))
    _compare(f"{kind}:{digest.hexdigest()}", info, uri)


def _compare(found: str, info: ObjectInfo, uri: str) -> None:
    if found != info.checksum:
        raise Corrupt(
            f"{uri} arrived with the checksum {found}, the store keeps {info.checksum}",
            hint="try again; if it stays so, the object or the link is damaged",
        )
