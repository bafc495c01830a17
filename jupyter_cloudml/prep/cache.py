"""Results by what they are made from: the cell, its values, the sources' etags, the engine and its version.

A result in a sink is remembered by the etags of its files, and counts as long as they are there unchanged. One that came
home is kept as Arrow, up to `MAX_BYTES` in all; the ones that were used longest ago go first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .profile import Profile
from .request import PrepRequest
from .tables import Table

VERSION = 2
MAX_BYTES = 4 << 30
_RECORD = "record.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One result as it is kept: ``frame`` where it came home, ``files`` where it was written."""

    name: str
    profile: Profile
    head: Any
    frame: Any = None
    files: tuple[tuple[str, int, str], ...] = ()


def cache_key(
    request: PrepRequest,
    code: str,
    tables: Sequence[Table],
    *,
    engine: str,
    values: str,
) -> str:
    """The name of what the cell makes of exactly these inputs. ``values`` is the digest of what the notebook sent."""
    asked = {k: v for k, v in request.to_json().items() if k not in ("is_cached", "rows", "engine")}
    told: dict[str, Any] = {"version": VERSION, "code": code, "asked": asked}
    told |= {"engine": engine, "values": values}
    told["sources"] = [
        [table.name, table.uri, table.format, [[f.uri, f.size, f.etag] for f in table.files]]
        for table in tables
    ]
    text = json.dumps(told, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class PrepCache:
    """A directory of results. Safe to use from several processes: entries appear whole, and are never changed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, key: str) -> list[Kept] | None:
        """The results under ``key``; None when there are none, or what is there is damaged."""
        folder = self._root / key
        try:
            record = json.loads((folder / _RECORD).read_text())
            os.utime(folder)
            return [
                self._kept(folder, number, told) for number, told in enumerate(record["results"])
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _kept(self, folder: Path, number: int, told: Mapping[str, Any]) -> Kept:
        frame = _read(folder / f"{number}.arrow") if told["has_frame"] else None
        return Kept(
            name=told["name"],
            profile=Profile.from_json(told["profile"]),
            head=_read(folder / f"{number}.head.arrow"),
            frame=frame,
            files=tuple((name, size, etag) for name, size, etag in told["files"]),
        )

    def keep(self, key: str, results: Sequence[Kept]) -> None:
        """Remember ``results``. A full disk or a result that Arrow IPC cannot hold is no error: it is not kept then."""
        if (
            sum(kept.frame.estimated_size() for kept in results if kept.frame is not None)
            > MAX_BYTES
        ):
            return
        fresh = self._root / f".{key}.{os.getpid()}"
        try:
            fresh.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number, kept in enumerate(results):
                kept.head.write_ipc(fresh / f"{number}.head.arrow")
                if kept.frame is not None:
                    kept.frame.write_ipc(fresh / f"{number}.arrow")
            record = {"results": [_told(kept) for kept in results]}
            (fresh / _RECORD).write_text(json.dumps(record))
            shutil.rmtree(self._root / key, ignore_errors=True)
            fresh.rename(self._root / key)
            self._shrink()
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)

    def _shrink(self) -> None:
        entries = [path for path in self._root.iterdir() if not path.name.startswith(".")]
        entries.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        room = MAX_BYTES
        for entry in entries:
            room -= sum(file.stat().st_size for file in entry.iterdir())
            if room < 0:
                with contextlib.suppress(OSError):
                    shutil.rmtree(entry)


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "name": kept.name,
        "profile": kept.profile.to_json(),
        "has_frame": kept.frame is not None,
        "files": kept.files,
    }


def _read(path: Path) -> Any:
    import polars as pl

    try:
        return pl.read_ipc(path)
    except pl.exceptions.PolarsError as exc:
        raise ValueError(f"{path} is damaged") from exc
