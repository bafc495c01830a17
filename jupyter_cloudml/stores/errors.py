"""What every store says in the same words."""

from __future__ import annotations

from ..core.errors import Conflict, Corrupt


def changed(uri: str) -> Conflict:
    """The object is not the one that was asked for by its etag."""
    return Conflict(f"{uri} is no longer what it was", hint="stat it again")


def damaged(uri: str) -> Corrupt:
    """What arrived has another checksum than what was sent."""
    return Corrupt(f"{uri}: the bytes changed on their way", hint="try again")
