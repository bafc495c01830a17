"""Units of shards that had to be read through to be counted: found once on a machine, known until the shard changes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import Unavailable
from ..journal.atomic import read_json, write_json
from ..stores.cache.root import cache_root
from .shards import Found, Unit

if TYPE_CHECKING:
    from ..stores.port import ObjectInfo

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Known:
    """A folder of small JSON files. One that cannot be read or written is as if it were not there."""

    folder: Path

    @classmethod
    def here(cls) -> Known:
        return cls(cache_root(os.environ) / "units")

    def get(self, root: str, info: ObjectInfo, shard: int) -> Found | None:
        told: Any = read_json(self._path(root, info))
        try:
            units = tuple(
                Unit(shard=shard, rows=int(rows), ranges=((int(start), int(length)),))
                for rows, start, length in told["units"]
            )
        except (TypeError, KeyError, ValueError):
            return None
        return Found(header=b"", units=units)

    def put(self, root: str, info: ObjectInfo, found: Found) -> None:
        units = [(unit.rows, *unit.ranges[0]) for unit in found.units]
        try:
            write_json(self._path(root, info), {"units": units})
        except Unavailable:
            return  # it is counted again next time

    def _path(self, root: str, info: ObjectInfo) -> Path:
        what = f"{_VERSION}\0{root}\0{info.key}\0{info.etag}\0{info.size}"
        return self.folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.json"
