"""Which process was started for which token: written before the process may begin, so that nothing starts twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...journal.paths import JobPaths
from ...journal.reader import read_events
from ...journal.writer import JournalWriter
from .status import LocalRef

_START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a job. Its events in the main journal begin at ``offset``; earlier ones are of earlier attempts."""

    token: str
    ref: LocalRef
    offset: int
    is_released: bool = False


def all_starts(paths: JobPaths) -> list[Start]:
    """Every start of the job, oldest first."""
    found: dict[str, Start] = {}
    for event in read_events(_book(paths))[0]:
        if event.get("k") == _START:
            found[event["ref"]] = Start(
                token=event["token"],
                ref=LocalRef.parse(event["ref"]),
                offset=event["offset"],
                is_released=event["released"],
            )
    return list(found.values())


def write_start(paths: JobPaths, start: Start) -> None:
    """Add ``start``, or say more of it; after return a ``kill -9`` of this process cannot lose it."""
    with JournalWriter(_book(paths)) as book:
        book.append(
            _START,
            token=start.token,
            ref=str(start.ref),
            offset=start.offset,
            released=start.is_released,
        )


@contextmanager
def start_lock(paths: JobPaths) -> Iterator[None]:
    """One start of this job at a time, over all processes and threads; blocks for the moment that another one takes."""
    fd = os.open(paths.control / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _book(paths: JobPaths) -> Path:
    return paths.control / "start.jsonl"
