"""Shards, and the units that they are read in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..stores.port import ObjectInfo, Store

UNIT_BYTES = 32 << 20
"""A unit is about this large at most, where its format lets it be cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One object. ``header`` is what its format needs to read any unit (a Parquet footer, the type of an array)."""

    key: str
    size: int
    etag: str
    header: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Consecutive samples of a shard, read whole: ``ranges`` are (start, length) in bytes."""

    shard: int
    rows: int
    ranges: tuple[tuple[int, int], ...]
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a format says of one shard. ``schema`` is comparable between shards; None where every sample tells its own."""

    header: bytes
    units: tuple[Unit, ...]
    schema: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to make columns of a unit's bytes."""

    columns: tuple[str, ...] | None = None
    decode: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict)


class Format(Protocol):
    """A module in ``formats/``."""

    SUFFIXES: tuple[str, ...]

    @staticmethod
    def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:
        """The units of one shard. Reads as little of it as the format allows.

        Raises:
            BadInput: it is not of this format, or lacks a column.
        """
        ...

    @staticmethod
    def columns(
        shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading
    ) -> dict[str, Any]:
        """The samples of a unit, by column; ``data`` are the bytes of its ranges.

        Raises:
            Corrupt: the bytes are not what ``find`` saw.
        """
        ...
