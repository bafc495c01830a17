"""Leases: a lock that a worker holds for its whole life, and that the kernel drops when it dies, however it dies.

POSIX record locks (``fcntl.lockf``) tell who holds them (``F_GETLK``). Their hazard: a process loses its lock when it closes
*any* descriptor of the file. So a holder never opens its own lock file again; this module knows which those are.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import threading
from pathlib import Path

from ..core.errors import Unavailable
from .disk import unavailable

_DARWIN = sys.platform == "darwin"
_FLOCK = struct.Struct("@qqihh" if _DARWIN else "@hhqqi4x")

_held: dict[tuple[int, int], int] = {}  # (device, inode) of a lock file → pid of its holder
_guard = threading.Lock()


class Lease:
    """A lock file held by this process until ``release`` or its death; a forked child does not hold it."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._pid = os.getpid()

    @classmethod
    def acquire(cls, path: Path | str) -> Lease:
        """Take the lock at once or not at all; missing directories (0700) and the file (0600) are made.

        Raises:
            Unavailable: another process, named in the message, or another part of this one holds it; or the disk
                refuses.
        """
        path = Path(path)
        with _guard:
            if _is_held_here(path):
                raise _taken(path, os.getpid())
            try:
                fd = _open(path)
            except OSError as exc:
                raise unavailable(path, exc) from exc
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as exc:
                holder = _holder(fd)
                os.close(fd)
                raise _taken(path, holder) from exc
            except OSError as exc:
                os.close(fd)
                raise unavailable(path, exc) from exc
            _held[_key(os.fstat(fd))] = os.getpid()
            return cls(path, fd)

    def fileno(self) -> int:
        """The descriptor of the lock: a process that goes on as another program (``execve``) keeps it open."""
        return self._fd

    def release(self) -> None:
        """Give the lock back; safe to repeat, and without effect in a forked child."""
        with _guard:
            fd, self._fd = self._fd, -1
            if fd < 0:
                return
            if self._pid == os.getpid():
                _held.pop(_key(os.fstat(fd)), None)
            os.close(fd)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release()


def lease_holder(path: Path | str) -> int | None:
    """The pid that holds the lock at ``path``; None when nobody does or the file is missing. Never blocks.

    0 means: held by a process that cannot be seen from here (another container).
    """
    path = Path(path)
    with _guard:
        if _is_held_here(path):
            return os.getpid()
        try:
            fd = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise unavailable(path, exc) from exc
        try:
            return _holder(fd)
        finally:
            os.close(fd)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _is_held_here(path: Path) -> bool:
    try:
        return _held.get(_key(path.stat())) == os.getpid()
    except OSError:
        return False


def _key(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _holder(fd: int) -> int | None:
    """Who keeps this process from locking ``fd`` (``fcntl(2)``, ``F_GETLK``)."""
    if _DARWIN:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET))
        _, _, pid, kind, _ = _FLOCK.unpack(answer)
    else:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        kind, _, _, _, pid = _FLOCK.unpack(answer)
    return None if kind == fcntl.F_UNLCK else max(int(pid), 0)


def _taken(path: Path, holder: int | None) -> Unavailable:
    who = f"process {holder}" if holder else "another process"
    return Unavailable(
        f"{str(path)!r} is held by {who}", hint="wait until it ends, or cancel that job"
    )
