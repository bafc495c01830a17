"""Whole files that appear at once or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from .disk import unavailable


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put ``data`` under ``path``, replacing what was there.

    A reader sees the old file or the whole new one, never a part, whatever is killed when; missing parent directories
    are made with 0700. Nothing is left behind on an error. It survives ``kill -9``, not a power cut.

    Raises:
        Unavailable: the disk refuses; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        _write_new(temporary, data, mode)
        temporary.replace(path)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(exc, OSError):
            raise unavailable(path, exc) from exc
        raise


def _write_new(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags, mode)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, flags, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)


def write_json(path: Path, value: Any) -> None:
    """``write_atomic`` of ``value`` as one line of JSON."""
    write_atomic(path, json.dumps(value, separators=(",", ":")).encode() + b"\n")


def read_json(path: Path) -> Any | None:
    """The value that ``write_json`` put there; None when the file is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
