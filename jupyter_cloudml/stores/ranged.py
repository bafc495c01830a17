"""An object as a file that is read by ranges: what the readers of footers and archives want."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .port import ObjectInfo, Store


class Placed(io.RawIOBase):
    """Read-only and seekable, of a known size; how bytes are read is its subclass's affair."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at


class RangedFile(Placed):
    """Every read is a request, so put an ``io.BufferedReader`` over it for small ones. Raises ``Conflict`` when the object
    changes meanwhile."""

    def __init__(self, store: Store, info: ObjectInfo) -> None:
        super().__init__(info.size)
        self._store, self.info = store, info

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._store.read(self.info.key, self._at, length, if_match=self.info.etag)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
