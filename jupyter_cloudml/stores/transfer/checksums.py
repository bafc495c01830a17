"""CRC32C and CRC32 of pieces that arrive in any order, joined to the checksum of the whole.

CRC32C comes from google-crc32c (5 GB/s with the processor's own instruction); CRC32 from zlib, everywhere. How two
checksums are joined is zlib's ``crc32_combine``: appending n zero bytes to a message is a linear map of its CRC.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

_POLYNOMIALS = {"crc32c": 0x82F63B78, "crc32": 0xEDB88320}
_Matrix = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Crc:
    """One algorithm: ``extend(crc, data)`` goes on from 0, ``join`` puts pieces together."""

    name: str
    extend: Callable[[int, bytes], int]

    def join(self, pieces: Iterable[tuple[int, int]]) -> int:
        """The checksum of pieces, each its ``(crc, length)``, in their order."""
        whole = 0
        for crc, length in pieces:
            whole = _apply(_zeros(self.name, length), whole) ^ crc if length else whole
        return whole

    def spell(self, crc: int) -> str:
        """As ``ObjectInfo.checksum`` has it."""
        return f"{self.name}:{crc:08x}"


def crc_named(name: str) -> Crc | None:
    """The algorithm, None where this machine cannot compute it fast (or at all)."""
    if name == "crc32c":
        return _crc32c()
    return Crc("crc32", lambda crc, data: zlib.crc32(data, crc)) if name == "crc32" else None


def best_crc() -> Crc:
    """The fastest that a store also knows."""
    return _crc32c() or Crc("crc32", lambda crc, data: zlib.crc32(data, crc))


def fits(checksum: str | None, data: Iterable[bytes]) -> bool | None:
    """Whether bytes, in blocks, have the checksum of an ``ObjectInfo``; None where it has none that we can compute."""
    kind, _, expected = (checksum or "").partition(":")
    crc = crc_named(kind)
    if crc is not None:
        value = 0
        for block in data:
            value = crc.extend(value, block)
        return crc.spell(value) == checksum
    if kind not in ("md5", "sha256"):
        return None
    digest = hashlib.new(kind, usedforsecurity=False)
    for block in data:
        digest.update(block)
    return digest.hexdigest() == expected


@cache
def _crc32c() -> Crc | None:
    try:
        import google_crc32c
    except ImportError:
        return None
    return Crc("crc32c", google_crc32c.extend) if google_crc32c.implementation == "c" else None


@cache
def _zeros(name: str, length: int) -> _Matrix:
    """The linear map that appends ``length`` zero bytes."""
    one_bit = (_POLYNOMIALS[name], *(1 << n for n in range(31)))
    power = _squared(_squared(_squared(one_bit)))  # one byte
    found = tuple(1 << n for n in range(32))
    while length:
        if length & 1:
            found = tuple(_apply(power, column) for column in found)
        length >>= 1
        power = _squared(power)
    return found


def _squared(matrix: _Matrix) -> _Matrix:
    return tuple(_apply(matrix, column) for column in matrix)


def _apply(matrix: _Matrix, vector: int) -> int:
    total = 0
    for column in matrix:
        if vector & 1:
            total ^= column
        vector >>= 1
    return total
