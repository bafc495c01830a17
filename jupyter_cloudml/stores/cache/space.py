"""Room in the cache: what was not used for longest goes first, and nothing that a live process uses."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import TooLarge, Unavailable
from ..disk import disk_errors
from .layout import Layout
from .locks import acquire, locked

_SPARE_BYTES = 16 << 20
"""Left free on the disk for others."""
_PARTIAL = "partial"
_IDENTITY = re.compile("[0-9a-f]{32}")


@dataclass(order=True, slots=True)
class _Victim:
    used_ns: int
    path: Path = field(compare=False)
    view: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Space:
    """The bytes of a cache, and its limit."""

    layout: Layout
    limit: int

    def used(self) -> int:
        """Bytes of the objects, and of the room that was given to those on their way."""
        objects = sum(stat.st_size for _, stat in self._objects())
        return objects + sum(_taken(folder) for folder in _names(self.layout.partials))

    def reserve(self, what: str, size: int) -> Path:
        """Room for ``size`` bytes, as a folder to fetch them into. Waits for nobody's end; the same again finds the same.

        Raises:
            TooLarge: it is more than the whole cache may hold.
            Unavailable: what live processes use, and the disk, leave no room.
        """
        folder = self.layout.partial(what, size)
        if size > self.limit:
            raise TooLarge(
                f"{_gib(size)} do not fit into the cache of {_gib(self.limit)} at {str(self.layout.root)!r}",
                hint="stream it: cloudml.data[name].stream(...); or raise CLOUDML_CACHE_LIMIT",
            )
        with locked(self.layout.space_lock), disk_errors(folder):
            if not folder.exists():
                self._make_room(size)
                folder.mkdir(mode=0o700, parents=True)
        return folder

    def arrived(self, folder: Path) -> Path:
        """The room at its new place, once all bytes are in it: from now on it counts what it still holds.

        So a file that ``moved`` makes an object of counts once at every instant, also when its process is killed.
        """
        settled = folder.with_suffix(".0")
        if settled != folder:
            with locked(self.layout.space_lock), disk_errors(folder):
                shutil.rmtree(settled, ignore_errors=True)
                folder.rename(settled)
        return settled

    @contextlib.contextmanager
    def moved(self, file: Path, path: Path) -> Iterator[None]:
        """Make an object of a file that has arrived, in one step for whoever reckons what is used; and evict nothing while
        the block gives it its other names.

        The object comes first: a process that is killed in between leaves bytes that count, and that may be evicted.
        """
        with locked(self.layout.space_lock):
            file.replace(path)
            yield

    def _make_room(self, size: int) -> None:
        used = self.used()
        for victim in self._victims() if self._missing(size, used) > 0 else ():
            used -= self._evict(victim)
            if self._missing(size, used) <= 0:
                break
        missing = self._missing(size, used)
        if missing > 0:
            raise Unavailable(
                f"the cache at {str(self.layout.root)!r} has no room for {_gib(size)}: "
                f"{_gib(missing)} are missing, and live jobs or other files have the rest",
                hint="free space on that disk, raise CLOUDML_CACHE_LIMIT, wait for jobs to end, or stream",
            )

    def _missing(self, size: int, used: int) -> int:
        """Bytes to free before ``size`` more may come: by the limit, and by the disk."""
        free = shutil.disk_usage(self.layout.root).free - _SPARE_BYTES
        return max(used + size - self.limit, size - free)

    def _victims(self) -> list[_Victim]:
        """What may go if nobody uses it, the longest unused first."""
        found = [
            _Victim(stat.st_atime_ns, path) for path, stat in self._objects() if stat.st_nlink == 1
        ]
        found += [
            _Victim(_last_use(self.layout, view), self.layout.view(view), view)
            for view in {path.name.partition(".")[0] for path in _names(self.layout.views)} - {""}
        ]
        found += [
            _Victim(stat.st_mtime_ns, path, _PARTIAL)
            for path, stat in _present(_names(self.layout.partials))
            if _IDENTITY.match(path.name)
        ]
        return sorted(found)

    def _evict(self, victim: _Victim) -> int:
        """Remove it unless somebody uses it; the bytes that are free now."""
        if victim.view == _PARTIAL:
            held = acquire(self.layout.lock(victim.path.name), wait=False)
            if held is None:
                return 0
            freed = (
                _taken(victim.path) if victim.path.exists() else 0
            )  # its owner may have been first
            shutil.rmtree(victim.path, ignore_errors=True)
            held.release()
            return freed
        if victim.view:
            return self._evict_view(victim.view)
        return _unlink_loose(victim.path)

    def _evict_view(self, view: str) -> int:
        lock = self.layout.use_lock(view)
        held = acquire(lock, wait=False)
        if held is None:
            return 0
        try:
            self.layout.manifest(view).unlink(missing_ok=True)
            shutil.rmtree(self.layout.view(view), ignore_errors=True)
            lock.unlink(missing_ok=True)
        finally:
            held.release()
        return sum(_unlink_loose(path) for path, _ in list(self._objects()))

    def _objects(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in _names(self.layout.objects):
            yield from _present(_names(folder))


def _unlink_loose(path: Path) -> int:
    """Remove an object that no view has."""
    try:
        stat = path.stat()
        if stat.st_nlink > 1:
            return 0
        path.unlink()
    except FileNotFoundError:
        return 0
    return stat.st_size


def _names(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _present(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Those that are still there: an owner takes away what is his without the lock of the space."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            yield path, path.lstat()


def _taken(folder: Path) -> int:
    """The bytes that a room was given, which its name says; after ``arrived`` those of the files in it."""
    size = folder.name.rpartition(".")[2]
    given = int(size) if size.isdigit() else 0
    return given or sum(stat.st_size for _, stat in _present(_files(folder)))


def _files(folder: Path) -> Iterator[Path]:
    return (Path(root) / name for root, _, names in os.walk(folder) for name in names)


def _last_use(layout: Layout, view: str) -> int:
    for path in (layout.manifest(view), layout.use_lock(view)):
        try:
            return path.stat().st_atime_ns
        except FileNotFoundError:
            continue
    return 0


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 1 << 29 else f"{size / 2**20:.1f} MiB"
