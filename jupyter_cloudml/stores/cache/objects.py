"""Single objects in the cache: fetched by one process, taken by all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import Conflict
from ...journal.atomic import read_json, write_json
from ..disk import disk_errors, landing, temporary_beside
from .layout import Layout, identity
from .locks import locked
from .space import Space

if TYPE_CHECKING:
    from ..port import ObjectInfo, Progress, Store

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Objects:
    """The bytes of objects by their content, and which object had which content."""

    layout: Layout
    space: Space

    def take(self, root: str, info: ObjectInfo, target: Path) -> bool:
        """Make ``target`` a name of the file that holds this very object; False when it is not here (any more)."""
        path = self._find(root, info)
        return path is not None and _link(path, target)

    def fetch(self, store: Store, info: ObjectInfo, target: Path, progress: Progress) -> None:
        """``take``, else fetch and then take. Of several who ask at once one fetches, the others wait and take it.

        Raises:
            Conflict: it is not this object any more.
            TooLarge, Unavailable: there is no room.
        """
        what = identity(store.root, info.key)
        with locked(self.layout.lock(what)):
            if self.take(store.root, info, target):
                progress(info.size)
                return
            self._forget_other_sizes(what, info.size)
            with self._room(what, info.size) as folder:
                file = folder / identity(info.etag)
                store.get(info.key, file, if_match=info.etag, progress=progress)
                self._adopt(store.root, info, self.space.arrived(folder) / file.name, target)

    def fetch_many(
        self, store: Store, wanted: Sequence[tuple[ObjectInfo, Path]], progress: Progress
    ) -> None:
        """Small objects together. Two who ask at once for some of the same may both fetch those."""
        keys = [info.key for info, _ in wanted]
        what = identity(store.root, *keys)
        size = sum(info.size for info, _ in wanted)
        with locked(self.layout.lock(what)), self._room(what, size) as folder:
            got = store.get_many(keys, folder, progress=progress)
            for (info, _), now in zip(wanted, got, strict=True):
                if info.etag != now.etag:
                    raise Conflict(
                        f"{store.root}/{info.key} was written anew while it was fetched",
                        hint="try again",
                    )
            room = self.space.arrived(folder)
            for info, target in wanted:
                self._adopt(store.root, info, landing(room, info.key), target)

    def _find(self, root: str, info: ObjectInfo) -> Path | None:
        """The file that holds this very object; None when it was never fetched, or its file is gone or was changed."""
        told = read_json(self.layout.entry(identity(root, info.key)))
        if not isinstance(told, dict) or told.get("etag") != info.etag:
            return None
        path = self.layout.object(str(told.get("digest")))
        try:
            stat = path.stat()
        except OSError:
            return None
        if (stat.st_size, stat.st_mtime_ns) == (info.size, told.get("mtime_ns")):
            return path
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    @contextlib.contextmanager
    def _room(self, what: str, size: int) -> Iterator[Path]:
        """A folder for ``size`` bytes. What arrived of it stays for the next try, unless it is of no use."""
        folder = self.space.reserve(what, size)
        try:
            yield folder
        except Exception as exc:
            if isinstance(exc, Conflict) or _is_full(exc):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(self.layout.partial(what, 0), ignore_errors=True)

    def _forget_other_sizes(self, what: str, size: int) -> None:
        for old in self.layout.partials.glob(f"{what}.*"):
            if old != self.layout.partial(what, size):
                shutil.rmtree(old, ignore_errors=True)

    def _adopt(self, root: str, info: ObjectInfo, file: Path, target: Path) -> None:
        """Give a whole file its names, then say which object it is."""
        with disk_errors(file):
            digest = _digest(file)
            path = self.layout.object(digest)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.chmod(0o444)
            if not (path.exists() and _digest(path) == digest and _link(path, target)):
                with self.space.moved(file, path):
                    _link(path, target)
            mtime_ns = target.stat().st_mtime_ns
        entry: dict[str, Any] = {"uri": f"{root}/{info.key}", "etag": info.etag, "digest": digest}
        write_json(self.layout.entry(identity(root, info.key)), {**entry, "mtime_ns": mtime_ns})


def _link(path: Path, target: Path) -> bool:
    """``target`` becomes a name of the same file, what was there goes; False when there is no such file."""
    temporary = temporary_beside(target)
    with disk_errors(target):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(path, temporary)
        except FileNotFoundError:
            return False
        temporary.replace(target)
        temporary.unlink(missing_ok=True)  # where both were one file already, replace does nothing
    return True


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _is_full(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        exc = exc.__cause__
    return False
