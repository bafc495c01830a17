"""Bytes of a file that were fetched already, as the file that they are of."""

from __future__ import annotations

from ..stores.ranged import Placed


class Pieces(Placed):
    """A file of which only some ranges are here; reading any other byte is an ``EOFError``."""

    def __init__(self, size: int, pieces: list[tuple[int, bytes]]) -> None:
        super().__init__(size)
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        """Without a copy where a whole piece is asked for."""
        size = self._size - self._at if size < 0 else min(size, self._size - self._at)
        for start, data in self._pieces:
            if start <= self._at and self._at + size <= start + len(data):
                begin = self._at - start
                self._at += size
                return data if size == len(data) else memoryview(data)[begin : begin + size]  # type: ignore[return-value]
        raise EOFError(f"bytes {self._at} to {self._at + size} were not fetched")
