"""Checkpoints in an object store: each one an object that is whole or not there, and a note which is the newest.

The functions that talk to the store are called through ``stores.aside``. The note exists because stores tell times by
the second: without it, or when what it names is gone, the newest is the last by time and name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import NotFound
from ..stores.aside import aside
from ..stores.open import open_store
from ..stores.port import ObjectInfo, Store

NAME = re.compile(r"step-(\d{12})\.(torch|pickle)")
_NOTE = "newest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """The newest checkpoint below a URI, and the names of all."""

    name: str
    size: int
    time: float
    names: frozenset[str]


def publish(uri: str, file: Path, keep: int) -> str:
    """Store the whole ``file`` below ``uri`` as the newest checkpoint, keep ``keep``; the URI of the object."""
    return aside(uri, _publish, uri, file, keep)


def look(uri: str) -> Far | None:
    """The newest checkpoint below ``uri``; None when there is none."""
    return aside(uri, _look, uri)


def bring(uri: str, found: Far, folder: Path) -> Path:
    """The file of a checkpoint in ``folder``, fetched unless it is there; its time is that of the store."""
    return aside(uri, _bring, uri, found, folder)


def _publish(uri: str, file: Path, keep: int) -> str:
    store, prefix = _place(uri)
    before = _listed(store, prefix)
    store.put(prefix + file.name, file)
    store.put(prefix + _NOTE, json.dumps({"newest": file.name}).encode())
    others = [info.key for info in before if info.key != prefix + file.name]
    twin = file.with_suffix(".pickle" if file.suffix == ".torch" else ".torch").name
    old = set(others[: max(0, len(others) - (keep - 1))]) | {k for k in others if k.endswith(twin)}
    if old:
        store.delete(sorted(old))
    return f"{uri.rstrip('/')}/{file.name}"


def _look(uri: str) -> Far | None:
    store, prefix = _place(uri)
    found = _listed(store, prefix)
    if not found:
        return None
    told = _told(store, prefix)
    newest = next((info for info in found if info.key == prefix + told), found[-1])
    return Far(
        name=newest.key[len(prefix) :],
        size=newest.size,
        time=newest.modified.timestamp(),
        names=frozenset(info.key[len(prefix) :] for info in found),
    )


def _bring(uri: str, found: Far, folder: Path) -> Path:
    store, prefix = _place(uri)
    path = folder / found.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.get(prefix + found.name, path)
    os.utime(path, (found.time, found.time))
    return path


def _place(uri: str) -> tuple[Store, str]:
    store, key = open_store(uri)
    return store, f"{key.rstrip('/')}/" if key.strip("/") else ""


def _listed(store: Store, prefix: str) -> Sequence[ObjectInfo]:
    """The checkpoints in the order in which they were written."""
    found = [info for info in store.walk(prefix) if NAME.fullmatch(info.key[len(prefix) :])]
    return sorted(found, key=lambda info: (info.modified, info.key))


def _told(store: Store, prefix: str) -> str:
    try:
        told = json.loads(store.read(prefix + _NOTE))
    except (NotFound, ValueError):
        return ""
    return str(told.get("newest", "")) if isinstance(told, dict) else ""
