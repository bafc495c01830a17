"""Locks on files that may be deleted while somebody waits for them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..disk import disk_error


class Held:
    """A lock that is held until ``release`` or the end of this process and the children it forked."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Safe to repeat."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def acquire(path: Path, *, shared: bool = False, wait: bool = True) -> Held | None:
    """The lock of ``path``, which is made; None when it is held otherwise and ``wait`` is False.

    Raises:
        Unavailable and its like: the disk refuses.
    """
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise disk_error(path, exc) from exc
        try:
            fcntl.flock(fd, how)
            if _is_still_at(fd, path):
                held, fd = Held(fd), -1
                return held
        except BlockingIOError:
            return None
        finally:
            if fd >= 0:
                os.close(fd)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path`` for a block; waits for it."""
    held = acquire(path)
    assert held is not None
    try:
        yield
    finally:
        held.release()


def _is_still_at(fd: int, path: Path) -> bool:
    """False: it was deleted while this process waited, and a lock of it is worth nothing."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
