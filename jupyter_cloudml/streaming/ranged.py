"""An object as a file that is read by ranges: what the readers of footers and archives want."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..stores.port import ObjectInfo, Store


class RangedFile(io.RawIOBase):
    """Read-only and seekable; every read is a request, so put an ``io.BufferedReader`` over it for small ones."""

    def __init__(self, store: Store, info: ObjectInfo) -> None:
        self._store, self._info, self._at = store, info, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._info.size - self._at)
        if length <= 0:
            return 0
        data = self._store.read(self._info.key, self._at, length, if_match=self._info.etag)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class Pieces(io.RawIOBase):
    """A file of which only some ranges are here; reading any other byte is an ``EOFError``."""

    def __init__(self, size: int, pieces: list[tuple[int, bytes]]) -> None:
        self._size, self._at = size, 0
        self._pieces = pieces

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Without a copy where a whole piece is asked for."""
        size = self._size - self._at if size < 0 else min(size, self._size - self._at)
        for start, data in self._pieces:
            if start <= self._at and self._at + size <= start + len(data):
                begin = self._at - start
                self._at += size
                return data if size == len(data) else memoryview(data)[begin : begin + size]  # type: ignore[return-value]
        raise EOFError(f"bytes {self._at} to {self._at + size} were not fetched")
