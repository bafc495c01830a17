"""The values that encoding and decoding hand to their callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blobs import BlobStore
    from .identity import Identity

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much may travel. ``max_bytes`` 0 means: no limit; above ``warn_bytes`` a value's report says so."""

    warn_bytes: int = 256 * MIB
    max_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class ValueReport:
    """How one name travels: ``how`` is the codec; ``sent_bytes`` excludes blobs that were there already.

    ``via`` is empty for a name that was asked for, else the functions whose globals brought it.
    """

    name: str
    how: str
    bytes: int = 0
    sent_bytes: int = 0
    via: str = ""
    note: str = ""


@dataclass(kw_only=True)
class Encoded:
    """What ``encode`` made. ``manifest`` is JSON-able; ``objects`` ties each captured object to its number in it."""

    manifest: dict[str, Any]
    report: list[ValueReport]
    left_out: dict[str, str]
    objects: Identity
    blobs: BlobStore


@dataclass(kw_only=True)
class Decoded:
    """What ``decode`` made: the values by name, and what is needed to find out later what changed."""

    manifest: dict[str, Any]
    names: dict[str, Any]
    objects: Identity
    blobs: BlobStore
    state: Any = None
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What ``apply_delta`` did to a namespace. ``patched`` are the captured objects that it changed in place.

    ``notes`` tells of names that came home, but not quite as they were there. ``kept`` are the names that the notebook had
    changed meanwhile, and that stayed as it has them.
    """

    names: tuple[str, ...]
    deleted: tuple[str, ...]
    left_out: dict[str, str]
    exception: BaseException | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    patched: tuple[Any, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
