"""What is remembered of an upload that may have to go on later: its id, and the parts that were sent.

It lies in the data directory, not beside the source, which may be read-only. One upload of one file to one URI at a time
has the memo (a lock that goes with the process); a second one works without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

from ...core.errors import CloudMLError
from ...journal.home import data_home
from .partfile import is_mine, line_of, lines_of
from .source import State


class Memo:
    """``upload`` is the id, empty when nothing was begun; ``parts`` maps numbers to ``(etag, crc)``; ``stale`` is
    the id of an upload that another state of the file left."""

    def __init__(self, path: Path | None, fd: int, head: dict[str, Any]) -> None:
        self.upload = ""
        self.stale = ""
        self.parts: dict[int, tuple[str, int]] = {}
        self._path, self._fd, self._head = path, fd, head
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, uri: str, source: Path, state: State, part_bytes: int, crc: str, *, resume: bool
    ) -> Memo:
        """The memo of this file and URI. What another state of the file left is forgotten; ``resume=False`` keeps none.
        Where the data directory cannot be written there is none either."""
        head = {
            "uri": uri,
            "source": str(source.absolute()),
            "state": [state.size, state.mtime_ns, state.inode],
            "part_bytes": part_bytes,
            "crc": crc,
        }
        path = _place(uri, source) if resume else None
        fd = -1 if path is None else _locked(path)
        memo = cls(path if fd >= 0 else None, fd, head)
        if fd >= 0:
            memo._restore()
        return memo

    def begin(self, upload: str) -> None:
        """A new upload has this id."""
        self.upload = upload
        self._append(self._head)
        self._append({"upload": upload})

    def sent(self, number: int, etag: str, crc: int) -> None:
        self._append({"part": number, "etag": etag, "crc": crc})

    def restart(self) -> None:
        """The store no longer knows the upload."""
        self.upload, self.parts = "", {}
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)

    def forget(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _append(self, line: dict[str, Any]) -> None:
        if self._fd >= 0:
            with self._lock, contextlib.suppress(OSError):
                os.write(self._fd, line_of(line))

    def _restore(self) -> None:
        head, *lines = lines_of(self._fd) or [{}]
        if head != self._head or not lines:
            self.stale = (
                lines[0]["upload"] if lines and head.get("uri") == self._head["uri"] else ""
            )
            os.ftruncate(self._fd, 0)
            return
        self.upload = lines[0]["upload"]
        self.parts = {line["part"]: (line["etag"], line["crc"]) for line in lines[1:]}


def _place(uri: str, source: Path) -> Path | None:
    try:
        folder = data_home(os.environ) / "uploads"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (CloudMLError, OSError):  # no data directory here: then nothing is remembered
        return None
    digest = hashlib.blake2b(f"{uri}\0{source.absolute()}".encode(), digest_size=12).hexdigest()
    return folder / f"{digest}.jsonl"


def _locked(path: Path) -> int:
    """The open file, or -1 when another process has it or it cannot be had."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        return -1
    if is_mine(path, fd):
        return fd
    os.close(fd)
    return -1
