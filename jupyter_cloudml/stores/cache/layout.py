"""The names in a cache. No other module writes one of them down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_LOCKS = 4096
"""Of each kind, each an empty file: so many that two fetches that have nothing in common hardly ever wait for each other."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Every path of a cache. Pure."""

    root: Path

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def views(self) -> Path:
        return self.root / "views"

    @property
    def partials(self) -> Path:
        return self.root / "partial"

    @property
    def space_lock(self) -> Path:
        """Held while room is made or given."""
        return self.root / "locks" / "space"

    def object(self, digest: str) -> Path:
        return self.objects / digest[:2] / digest

    def entry(self, entry_id: str) -> Path:
        return self.root / "entries" / f"{entry_id}.json"

    def view(self, view_id: str) -> Path:
        return self.views / view_id

    def manifest(self, view_id: str) -> Path:
        return self.views / f"{view_id}.json"

    def use_lock(self, view_id: str) -> Path:
        """Held, shared, by whoever uses a view."""
        return self.views / f"{view_id}.lock"

    def partial(self, what: str, size: int) -> Path:
        """A folder for what is on its way; its name tells the room that it was given."""
        return self.partials / f"{what}.{size}"

    def lock(self, what: str) -> Path:
        """Who writes an object: one of a fixed number of locks, so none is ever deleted."""
        return self.root / "locks" / f"{int(what[:8], 16) % _LOCKS:04d}"

    def view_lock(self, view_id: str) -> Path:
        """Who completes a view: held while its objects are fetched, so never a lock that objects have too."""
        return self.root / "locks" / f"view-{int(view_id[:8], 16) % _LOCKS:04d}"


def identity(*words: str) -> str:
    """A name of fixed length for something that words tell apart."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]
