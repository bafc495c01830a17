"""A directory tree as a flat list of keys in key order, as an object store would list it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..disk import disk_error, is_temporary


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's key, or a directory's with a slash at its end; ``status`` follows symbolic links."""

    key: str
    status: os.stat_result

    @property
    def is_prefix(self) -> bool:
        return self.key.endswith("/")


def entries(root: Path, prefix: str, *, after: str = "", deep: bool) -> Iterator[Entry]:
    """Everything whose key begins with ``prefix`` and is greater than ``after``, in key order.

    ``deep`` gives files only, those of all directories below; else directories stand for what they hold. Links that
    lead nowhere or back up, devices, and files that are being written are left out.
    """
    above, _, begin = prefix.rpartition("/")
    key = f"{above}/" if above else ""
    yield from _below(root / above, key, begin, after, deep, ())


def _below(
    folder: Path, key: str, begin: str, after: str, deep: bool, seen: tuple[tuple[int, int], ...]
) -> Iterator[Entry]:
    for entry in _sorted(folder, key, begin):
        if not entry.is_prefix or not deep:
            if entry.key > after:
                yield entry
        elif entry.key > after or after.startswith(entry.key):
            identity = (entry.status.st_dev, entry.status.st_ino)
            if identity not in seen:
                name = entry.key[len(key) :]
                yield from _below(folder / name, entry.key, "", after, deep, (*seen, identity))


def _sorted(folder: Path, key: str, begin: str) -> list[Entry]:
    """What is directly in ``folder``. A directory sorts as if its slash were part of its name, as keys do."""
    try:
        with os.scandir(folder) as found:
            every = [
                entry
                for item in found
                if item.name.startswith(begin) and not is_temporary(item.name)
                if (entry := _entry(item, key)) is not None
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise disk_error(folder, exc) from exc
    return sorted(every, key=lambda entry: entry.key)


def _entry(item: os.DirEntry[str], key: str) -> Entry | None:
    try:
        status = item.stat()
    except OSError:  # a link that leads nowhere, or gone meanwhile
        return None
    if stat.S_ISDIR(status.st_mode):
        return Entry(f"{key}{item.name}/", status)
    return Entry(f"{key}{item.name}", status) if stat.S_ISREG(status.st_mode) else None
