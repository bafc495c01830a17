"""Making room: old job folders go, live ones never."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import NotFound
from ..core.ids import JOB_ID
from .disk import unavailable
from .environments import EnvironmentPaths, remove, unused
from .home import DataHome
from .lease import lease_holder
from .paths import JobPaths
from .registry import Registry
from .rows import JobRow
from .staging import abandoned

_GRACE_S = 3600.0  # a folder without a row, or a blob without a link, may belong to a job that is being submitted
_TRASH = ".trash-"

_File = tuple[int, int]  # (device, inode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """A job folder that goes (or would go): how many bytes are freed with it, and why.

    Or the environment of ``-r`` jobs with that key: then ``job_id`` is empty, and ``ended_at`` is its last use.
    """

    job_id: str
    ended_at: float
    freed_bytes: int
    reason: str
    environment: str = ""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A job folder and its files; ``ended_at`` None while the job is live."""

    job_id: str
    ended_at: float | None
    files: frozenset[_File]


def prune(
    registry: Registry,
    *,
    now: float,
    older_than_s: float | None = None,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> list[Prunable]:
    """Remove job folders that ended ``older_than_s`` ago, then the oldest until all take ``max_bytes``; what went.

    Environments of ``-r`` jobs go when no job has taken one for ``older_than_s``, and, the oldest first, before any job
    folder does, while all take more than ``max_bytes``; one that is in use stays.

    A job stays while its state is active, any of its leases is held, or its run is not wholly forwarded. Blobs that no
    job links go an hour after they were written, folders that a launcher left half made at once. A folder goes at once or not at all, with its row; killed
    half-way, the next call ends the work. With ``dry_run`` nothing is changed and the same list is returned.

    Raises:
        Unavailable: the disk or the registry refuses.
    """
    home = registry.home
    try:
        sizes: dict[_File, int] = {}
        folders = [_measured(home, entry, sizes) for entry in _candidates(registry, now)]
        stale, left = _stale(home, sum(sizes.values()), now, older_than_s, max_bytes)
        allowed = None if max_bytes is None else max_bytes - left
        chosen = list(_chosen(folders, sizes, now, older_than_s, allowed))
        if not dry_run:
            stale = [item for item in stale if remove(_environment(home, item))]
            _empty_trash(home)
            for folder in abandoned(home):
                shutil.rmtree(folder, ignore_errors=True)
            chosen = [item for item in chosen if _remove(registry, item.job_id)]
            _sweep_blobs(home, now)
    except OSError as exc:
        raise unavailable(home.root, exc) from exc
    return [*stale, *chosen]


def _stale(
    home: DataHome, jobs_bytes: int, now: float, older_than_s: float | None, max_bytes: int | None
) -> tuple[list[Prunable], int]:
    """The environments that go, and how many bytes those take that stay."""
    found = sorted(unused(home.environments, now), key=lambda item: item.used_at)
    chosen, left = [], sum(item.size for item in found)
    for item in found:
        if older_than_s is not None and now - item.used_at >= older_than_s:
            reason = "age"
        elif max_bytes is not None and jobs_bytes + left > max_bytes:
            reason = "size"
        else:
            continue
        left -= item.size
        chosen.append(
            Prunable(
                job_id="",
                ended_at=item.used_at,
                freed_bytes=item.size,
                reason=reason,
                environment=item.paths.root.name,
            )
        )
    return chosen, left


def _environment(home: DataHome, item: Prunable) -> EnvironmentPaths:
    return EnvironmentPaths(home.environments / item.environment)


def _candidates(registry: Registry, now: float) -> Iterator[tuple[str, float | None]]:
    """Every job folder with the time at which its job ended; None when it is live."""
    rows = {row.id: row for row in registry.list_jobs(limit=-1)}
    home = registry.home
    for folder in sorted(home.jobs.iterdir()) if home.jobs.is_dir() else ():
        if JOB_ID.fullmatch(folder.name):
            yield folder.name, _ended_at(JobPaths(folder), rows.get(folder.name), now)


def _ended_at(paths: JobPaths, row: JobRow | None, now: float) -> float | None:
    if any(lease_holder(path) is not None for path in paths.all_leases()):
        return None
    if row is None:
        touched_at = paths.root.stat().st_mtime
        return touched_at if now - touched_at > _GRACE_S else None
    if not row.state.is_final or row.tracking_state in ("pending", "open"):
        return None
    return row.ended_at or row.updated_at


def _measured(home: DataHome, entry: tuple[str, float | None], sizes: dict[_File, int]) -> _Folder:
    job_id, ended_at = entry
    files = {}
    for stat in _stats(home.jobs / job_id):
        files[stat.st_dev, stat.st_ino] = stat.st_size
    sizes.update(files)
    return _Folder(job_id, ended_at, frozenset(files))


def _stats(root: Path) -> Iterator[os.stat_result]:
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield (Path(folder) / name).lstat()


def _chosen(
    folders: Iterable[_Folder],
    sizes: dict[_File, int],
    now: float,
    older_than_s: float | None,
    max_bytes: int | None,
) -> Iterator[Prunable]:
    links = Counter(file for folder in folders for file in folder.files)
    total = sum(sizes.values())
    ended = [(f.ended_at, f) for f in folders if f.ended_at is not None]
    for ended_at, folder in sorted(ended, key=lambda pair: pair[0]):
        if older_than_s is not None and now - ended_at >= older_than_s:
            reason = "age"
        elif max_bytes is not None and total > max_bytes:
            reason = "size"
        else:
            continue
        links.subtract(folder.files)
        freed = sum(sizes[file] for file in folder.files if links[file] == 0)
        total -= freed
        yield Prunable(job_id=folder.job_id, ended_at=ended_at, freed_bytes=freed, reason=reason)


def _remove(registry: Registry, job_id: str) -> bool:
    """Row first, then the folder: a crash between leaves a folder without a row, which a later call removes."""
    paths = registry.home.job(job_id)
    if not registry.forget(job_id) and _is_known(registry, job_id):
        return False  # somebody retried it meanwhile
    trash = paths.root.with_name(f"{_TRASH}{job_id}")
    paths.root.rename(trash)
    shutil.rmtree(trash)
    return True


def _is_known(registry: Registry, job_id: str) -> bool:
    try:
        return registry.get(job_id).id == job_id
    except NotFound:
        return False


def _empty_trash(home: DataHome) -> None:
    """End what an earlier call left half-way."""
    for trash in home.jobs.glob(f"{_TRASH}*"):
        shutil.rmtree(trash, ignore_errors=True)


def _sweep_blobs(home: DataHome, now: float) -> None:
    """Remove the blobs that only the store itself still holds."""
    for blob in home.blobs.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            stat = blob.stat()
            if stat.st_nlink == 1 and now - stat.st_mtime > _GRACE_S:
                blob.unlink()
