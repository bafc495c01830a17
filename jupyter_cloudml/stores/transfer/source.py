"""A part of a file that is being sent: a file object for any client, and a way past Python for one that has a socket."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import Conflict
from ..disk import disk_errors
from .checksums import Crc

_BLOCK = 256 << 10


class Slice(io.RawIOBase):
    """``length`` bytes of the open file ``fd`` from ``start``; several may share one ``fd``, each has its own place.

    ``told`` hears how many bytes more have gone out, as clients say so by ``reached``; what is sent again it hears once.
    """

    def __init__(
        self, fd: int, start: int, length: int, told: Callable[[int], None] | None = None
    ) -> None:
        super().__init__()
        self.fd, self.start, self.length = fd, start, length
        self.gone = 0
        self._told = told
        self._place = 0

    def __len__(self) -> int:
        return self.length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.length}[whence]
        self._place = min(max(base + offset, 0), self.length)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        rest = self.length - self._place
        wanted = rest if size is None or size < 0 else min(size, rest)
        data = os.pread(self.fd, wanted, self.start + self._place)
        self._place += len(data)
        return data

    def reached(self, place: int) -> None:
        """All before ``place`` has gone out."""
        more = place - self.gone
        if more > 0:
            self.gone = place
            if self._told is not None:
                self._told(more)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes from its place on, which stays, in blocks that the allocator can use again; one that has been taken
        has gone out when the next is asked for.

        Raises:
            Conflict: the file has become shorter: what was promised to the other side cannot be sent.
        """
        position, end = self.start + self._place, self.start + self.length
        while position < end:
            data = os.pread(self.fd, min(_BLOCK, end - position), position)
            if not data:
                raise Conflict("the file became shorter while it was sent", hint="send it again")
            position += len(data)
            yield data
            self.reached(position - self.start)

    def checksum(self, crc: Crc) -> int:
        """Of all its bytes, wherever its place is."""
        value, position, end = 0, self.start, self.start + self.length
        while position < end:
            data = os.pread(self.fd, min(_BLOCK, end - position), position)
            if not data:
                break
            value = crc.extend(value, data)
            position += len(data)
        return value


@dataclass(frozen=True, slots=True)
class State:
    """What tells that a file is still the same."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, fd: int) -> State:
        status = os.fstat(fd)
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


def size_of(source: Path | bytes) -> int:
    if isinstance(source, bytes):
        return len(source)
    with disk_errors(source):
        return source.stat().st_size


def content_of(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    with disk_errors(source):
        return source.read_bytes()
