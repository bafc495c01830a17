"""A whole file gets its final name: at once, and under conditions when asked."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import Conflict
from ..errors import changed

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def etag_of(status: os.stat_result) -> str:
    """Changes whenever the bytes do: by the time of change, and by the file's identity where it was replaced."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def publish(
    temporary: Path, path: Path, *, if_absent: bool = False, if_match: str | None = None
) -> None:
    """Give ``temporary`` the name ``path``.

    Of several writers with a condition exactly one wins, as long as all of them come through here (a lock on the
    directory); ``if_absent`` holds against everybody.

    Raises:
        Conflict: the condition does not hold; ``path`` is as it was.
    """
    with _locked(path.parent):
        if if_match is not None and _etag_now(path) != if_match:
            raise changed(repr(str(path)))
        if not if_absent:
            temporary.replace(path)
        elif not _linked(temporary, path):
            raise Conflict(f"{str(path)!r} is there already")


def _linked(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        temporary.replace(path)
    return True


def _etag_now(path: Path) -> str | None:
    try:
        return etag_of(path.stat())
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the directory's lock, where the file system has locks."""
    try:
        import fcntl
    except ImportError:  # Windows: os.link and os.replace are atomic by themselves
        yield
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
