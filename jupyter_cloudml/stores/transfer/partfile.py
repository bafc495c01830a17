"""A file that arrives in pieces: ``.NAME.part`` beside the final name, and a journal of the pieces that are there.

The journal's first line names the object (URI, etag, size, checksum algorithm), every further line one finished piece:
``{"at": start, "n": length, "crc": …}``. Whatever is killed when, a piece that the journal names is in the file.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..disk import disk_errors, temporary_beside


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """``length`` bytes from ``start``, with their checksum."""

    start: int
    length: int
    crc: int


class PartFile:
    """The growing file of one download. Not for two threads at once but for ``write`` and ``finished``."""

    def __init__(self, path: Path, head: dict[str, Any], *, resume: bool) -> None:
        """Open or make it; ``pieces`` is what an earlier call for the same ``head`` left.

        A second process that fetches to the same path gets files of its own, which nothing resumes.
        """
        self.path = path
        self.part = path.with_name(f".{path.name}.part")
        self.journal = path.with_name(f".{path.name}.part.journal")
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._log = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            if not is_mine(self.journal, self._log):
                os.close(self._log)
                self.part = temporary_beside(path)
                self.journal = temporary_beside(path)
                self._log = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self.pieces = self._restored(head) if resume else []
            flags = os.O_RDWR | os.O_CREAT | (0 if self.pieces else os.O_TRUNC)
            self._file = os.open(self.part, flags, 0o666)
            if not self.pieces:
                os.ftruncate(self._log, 0)
                os.write(self._log, line_of(head))
            os.truncate(self._file, head["size"])

    def write(self, data: bytes, position: int) -> None:
        """Put bytes at their place. Raises ``Unavailable`` when the disk is full."""
        with disk_errors(self.path):
            rest = memoryview(data)
            while rest:
                count = os.pwrite(self._file, rest, position)
                rest, position = rest[count:], position + count

    def read(self, size: int, position: int) -> bytes:
        return os.pread(self._file, size, position)

    def finished(self, piece: Piece) -> None:
        """Note down that all bytes of ``piece`` are there."""
        with disk_errors(self.path):
            os.write(self._log, line_of({"at": piece.start, "n": piece.length, "crc": piece.crc}))
            self.pieces.append(piece)

    def publish(self) -> None:
        """The file gets its final name, at once."""
        with disk_errors(self.path):
            self.part.replace(self.path)
        self.forget()

    def forget(self) -> None:
        """Leave nothing behind, to resume from or otherwise."""
        for path in (self.part, self.journal):
            with contextlib.suppress(OSError):
                path.unlink()

    def close(self) -> None:
        os.close(self._file)
        os.close(self._log)

    def _restored(self, head: dict[str, Any]) -> list[Piece]:
        lines = lines_of(self._log)
        if not lines or lines[0] != head or not self.part.exists():
            return []
        return sorted(Piece(line["at"], line["n"], line["crc"]) for line in lines[1:])


def line_of(value: dict[str, Any]) -> bytes:
    """One line of a journal."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def lines_of(fd: int) -> list[dict[str, Any]]:
    """The whole lines of a journal; one that a kill cut off, and what is after it, are none."""
    found: list[dict[str, Any]] = []
    for line in os.pread(fd, os.fstat(fd).st_size, 0).splitlines(keepends=True):
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def is_mine(path: Path, fd: int) -> bool:
    """Take the lock of the file that was opened at ``path``; it goes with this process. False when another has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False
