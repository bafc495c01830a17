"""Job folders in the making: under a hidden name until they are whole, and known as abandoned when their maker is gone."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .home import DataHome
from .paths import JobPaths

_PREFIX = ".new-"
_YOUNG_S = 60.0  # its maker may not have locked it yet


@contextmanager
def staged(home: DataHome, job_id: str) -> Iterator[JobPaths]:
    """A folder that gets its final name at the end of the block; after an exception nothing of it is left.

    The maker holds a lock on it meanwhile, which dies with the process.
    """
    staging = JobPaths(home.jobs / f"{_PREFIX}{job_id}")
    lock = -1
    try:
        staging.create()
        lock = os.open(staging.root, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield staging
        staging.root.rename(home.job(job_id).root)
    except BaseException:
        shutil.rmtree(staging.root, ignore_errors=True)
        raise
    finally:
        if lock >= 0:
            os.close(lock)


def abandoned(home: DataHome) -> list[Path]:
    """The folders whose maker died before they were whole."""
    return [path for path in home.jobs.glob(f"{_PREFIX}*") if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime < _YOUNG_S:
            return False
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        return True
    return False
