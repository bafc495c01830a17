"""The formats of shards: a module each, with ``SUFFIXES``, ``find`` and ``columns`` (``shards.Format``)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ...core.errors import BadInput

if TYPE_CHECKING:
    from ..shards import Format

SUFFIXES = {
    ".parquet": "parquet",
    ".tar": "tar",
    ".npy": "npy",
    ".npz": "npz",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
NAMES = tuple(dict.fromkeys(SUFFIXES.values()))


def named(name: str) -> Format:
    """The format of that name.

    Raises:
        BadInput: there is none.
        ImportError: what it is read with is not installed.
    """
    if name not in NAMES:
        raise BadInput(f"format={name!r} is none that streams", hint="one of " + ", ".join(NAMES))
    return cast("Format", import_module(f".{name}", __name__))


def of_key(key: str) -> str | None:
    """The format that a key's name tells; None for others, and for hidden ones (``_SUCCESS``, ``.part``)."""
    name = key.rsplit("/", 1)[-1]
    if name.startswith(("_", ".")):
        return None
    return next((found for suffix, found in SUFFIXES.items() if name.endswith(suffix)), None)
