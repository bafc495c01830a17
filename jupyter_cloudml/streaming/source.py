"""From a unit's number to its columns: the one place in streaming that reads shards."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Conflict, Corrupt
from ..stores.aside import aside
from ..stores.open import open_store
from ..stores.port import Store
from . import formats
from .scan import Index
from .shards import Reading, Shard, Unit


@dataclass(kw_only=True)
class Source:
    """Reads units of an index. Safe from several threads of the process that made it."""

    index: Index
    reading: Reading
    is_aside: bool = False
    """This process may fork yet: it must not use a store of the network itself."""
    parents: Store | None = field(default=None, repr=False)
    """The store that found the index, in the parent of a fork; used on where its kind can be."""
    _store: Store | None = field(default=None, repr=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def load(self, unit: int) -> dict[str, Any]:
        """The columns of a unit.

        Raises:
            Corrupt: the shard is not what it was when the stream began, or its bytes are damaged.
            What the store raises.
        """
        one = self.index.units[unit]
        shard = self.index.shards[one.shard]
        try:
            if self.is_aside:
                data = aside(self.index.uri, fetch, self.index.uri, shard, one, reads_only=True)
            else:
                data = _read(self._open(), shard, one)
        except Conflict as exc:
            raise Corrupt(
                f"{shard.key!r} was written anew while it was streamed",
                hint="make the stream again",
            ) from exc
        return formats.named(self.index.format).columns(shard, one, data, self.reading)

    def _open(self) -> Store:
        with self._opening:
            if self._store is None:
                self._store = self._inherited() or open_store(self.index.uri)[0]
            return self._store

    def _inherited(self) -> Store | None:
        adopt = getattr(self.parents, "adopt", None)
        if adopt is None or self.is_aside:
            return None
        adopt()
        return self.parents


def fetch(uri: str, shard: Shard, unit: Unit) -> list[bytes]:
    """The bytes of a unit."""
    return _read(open_store(uri)[0], shard, unit)


def _read(store: Store, shard: Shard, unit: Unit) -> list[bytes]:
    return [
        store.read(shard.key, start, length, if_match=shard.etag) for start, length in unit.ranges
    ]
