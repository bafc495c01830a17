"""An object as a file that can be read from any place: a preview fetches what it needs and no more."""

from __future__ import annotations

from ...stores.port import ObjectInfo, Store
from ...stores.ranged import RangedFile

_BLOCK = 256 << 10
_KEPT = 32


class BlockFile(RangedFile):
    """Reads blocks of 256 KiB and keeps the last 32."""

    def __init__(self, store: Store, info: ObjectInfo) -> None:
        super().__init__(store, info)
        self._blocks: dict[int, bytes] = {}
        self.fetched = 0
        """Bytes that were asked of the store."""

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.info.size - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size == 0:
            return b""
        first, last = self._at // _BLOCK, (self._at + size - 1) // _BLOCK
        self._fetch(first, last)
        whole = b"".join(self._blocks[number] for number in range(first, last + 1))
        start = self._at - first * _BLOCK
        self._at += size
        found = whole[start : start + size]
        while len(self._blocks) > _KEPT:
            self._blocks.pop(next(iter(self._blocks)))
        return found

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def _fetch(self, first: int, last: int) -> None:
        """One request for the blocks that are missing, from the first to the last of them."""
        missing = [number for number in range(first, last + 1) if number not in self._blocks]
        if not missing:
            return
        start = missing[0] * _BLOCK
        length = min((missing[-1] + 1) * _BLOCK, self.info.size) - start
        data = self._store.read(self.info.key, start, length, if_match=self.info.etag)
        self.fetched += len(data)
        for number in range(missing[0], missing[-1] + 1):
            at = number * _BLOCK - start
            self._blocks[number] = data[at : at + _BLOCK]
