"""One SQLite file that many processes write and that mends itself when it is damaged."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ..core.errors import Unavailable
from .disk import unavailable
from .migrations import migrate

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 10.0
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_HINTS = {
    sqlite3.SQLITE_BUSY: "another process is writing it: try again",
    sqlite3.SQLITE_LOCKED: "another process is writing it: try again",
    sqlite3.SQLITE_FULL: "the disk is full: free some space where the data directory lies",
    sqlite3.SQLITE_READONLY: "set CLOUDML_HOME to a directory that you may write",
    sqlite3.SQLITE_CANTOPEN: "set CLOUDML_HOME to a directory that you may write",
    sqlite3.SQLITE_PERM: "set CLOUDML_HOME to a directory that you may write",
}

T = TypeVar("T")


class Database:
    """Runs work on a connection of this process; safe from many threads, and after a fork.

    A new file (0600) is filled by ``refill``, inside the transaction that makes it. A damaged one is moved aside to ``<name>.corrupt-<time>``, a fresh one is
    filled, the work is done again, and ``recovered`` tells where the damaged file went. Other processes notice at
    their next call.
    """

    def __init__(self, path: Path, refill: Callable[[sqlite3.Connection], int]) -> None:
        self.path = path
        self.recovered: Path | None = None
        self._refill = refill
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] = (0, 0)  # (pid, inode)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """``work(connection)``, which may be called a second time after damage: one statement or one transaction.

        Raises:
            Unavailable: the disk or another process is in the way, with the way out.
        """
        with self._lock:
            try:
                return self._attempt(work)
            except _Damaged as damage:
                self._set_aside(damage.inode)
            try:
                return self._attempt(work)
            except _Damaged as damage:
                raise _translated(self.path, damage.error) from damage.error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._current())
        except sqlite3.DatabaseError as exc:
            if _code(exc) in _DAMAGED:
                raise _Damaged(exc, self._opened[1]) from exc
            raise _translated(self.path, exc) from exc
        except OSError as exc:
            raise unavailable(self.path, exc) from exc

    def close(self) -> None:
        """Close the connection of this process; the next ``run`` opens one again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._opened[0] == os.getpid():
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _current(self) -> sqlite3.Connection:
        if self._connection is None or self._opened != (os.getpid(), _inode(self.path)):
            self.close()
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_file()
        self._opened = (os.getpid(), _inode(self.path))
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                with self._alone():
                    self._prepare(connection)
            else:
                migrate(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_file(self) -> None:
        """A missing file is made, private. One that is there is not opened here: closing it again would drop the locks
        of this process's other connections (``fcntl(2)``), and whoever leaves last would delete the WAL under them."""
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, fill=self._refill)

    def _set_aside(self, inode: int) -> None:
        """Move the damaged file away, unless another process did so already."""
        self.close()
        with self._alone():
            if _inode(self.path) != inode:
                return
            aside = self.path.with_name(
                f"{self.path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
            )
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + suffix).replace(f"{aside}{suffix}")
            self.path.replace(aside)
        self.recovered = aside
        log.warning(
            "the job registry %s was damaged; it was moved to %s and rebuilt from the job folders",
            self.path,
            aside,
        )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock file that makes creation and mending happen once."""
        fd = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


class _Damaged(Exception):
    def __init__(self, error: sqlite3.DatabaseError, inode: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.inode = inode


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _code(exc: sqlite3.Error) -> int:
    """The primary SQLite result code (its low byte); 0 for errors of the Python module itself."""
    return (getattr(exc, "sqlite_errorcode", 0) or 0) & 0xFF


def _translated(path: Path, exc: sqlite3.DatabaseError) -> Unavailable:
    hint = _HINTS.get(_code(exc), "see whether the disk is there, or set CLOUDML_HOME")
    return Unavailable(f"the job registry {str(path)!r} does not answer: {exc}", hint=hint)
