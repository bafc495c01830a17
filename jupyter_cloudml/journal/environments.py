"""Where the environments of ``-r`` jobs lie, when one is whole, and who uses it.

::

    environments/<key>/ready      the name of the folder that is whole; written last, so a killed creation is never taken
                 <key>/<name>/    the environment itself; every creation has a folder of its own
                 <key>/lock       flock: shared by the jobs that use it, exclusive while it is made or removed
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .atomic import write_atomic

_GRACE_S = 3600.0


@dataclass(frozen=True, slots=True)
class EnvironmentPaths:
    """One environment, by its key. Pure, but for the methods that say otherwise."""

    root: Path

    @property
    def ready(self) -> Path:
        return self.root / "ready"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def whole(self) -> Path | None:
        """The folder of the environment that is whole; None when there is none. Reads one small file."""
        try:
            name = self.ready.read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        folder = self.root / name
        return folder if name and folder.parent == self.root and folder.is_dir() else None

    def declare(self, folder: Path) -> None:
        """From now on ``folder`` is the environment."""
        write_atomic(self.ready, folder.name.encode("ascii"))

    def note_use(self) -> None:
        """Put off its removal."""
        with contextlib.suppress(OSError):
            os.utime(self.ready)

    def clear_unfinished(self) -> None:
        """Remove what killed creations left. The caller holds the lock."""
        whole = self.whole()
        for folder in self.root.iterdir():
            if folder.is_dir() and folder != whole:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """An environment that no job uses: when the last one took it, and its size."""

    paths: EnvironmentPaths
    used_at: float
    size: int


def unused(root: Path, now: float) -> Iterator[Unused]:
    """The environments below ``root`` that nobody holds now; an unfinished one only after an hour."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        paths = EnvironmentPaths(folder)
        used_at = _time_of(paths.ready) or _time_of(folder)
        if not folder.is_dir() or (paths.whole() is None and now - used_at < _GRACE_S):
            continue
        with _held(paths) as is_ours:
            if is_ours:
                yield Unused(paths=paths, used_at=used_at, size=_size(folder))


def remove(paths: EnvironmentPaths) -> bool:
    """Remove an environment, so that no reader ever takes a part of it for whole; False when somebody uses it now."""
    with _held(paths) as is_ours:
        if is_ours:
            paths.ready.unlink(missing_ok=True)
            shutil.rmtree(paths.root, ignore_errors=True)
    return is_ours


@contextlib.contextmanager
def _held(paths: EnvironmentPaths) -> Iterator[bool]:
    """Whether nobody uses it; then nobody does until the end of the block."""
    fd = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(root: Path) -> int:
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total
