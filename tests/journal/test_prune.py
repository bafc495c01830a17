"""Old job folders go by age and size; live ones, and what they link, never."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.lease import Lease
from jupyter_cloudml.journal.prune import prune
from jupyter_cloudml.journal.registry import Registry

DAY = 86400.0
KIB = 1024


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path / "registry.db", clock=lambda: 0.0)
    yield registry
    registry.close()


def _job(registry: Registry, number: int, ended_at: float | None, size: int = 100 * KIB) -> str:
    """A job with one file of ``size``; still running when ``ended_at`` is None."""
    job = registry.insert(JobSpec(id=f"{number:012x}", source="x"), 0.0).id
    paths = registry.home.job(job).create()
    (paths.checkpoints / "1").write_bytes(b"x" * size)
    registry.move(job, JobState.RUNNING, now=0.0)
    if ended_at is not None:
        registry.move(job, JobState.SUCCEEDED, now=ended_at)
        registry.set_tracking_state(job, "ended")
    return job


def _kept(registry: Registry) -> list[int]:
    folders = sorted(int(path.name, 16) for path in registry.home.jobs.iterdir())
    assert folders == sorted(int(row.id, 16) for row in registry.list_jobs())
    return folders


def test_jobs_that_ended_long_ago_go_with_their_rows(registry: Registry) -> None:
    for number in range(4):
        _job(registry, number, ended_at=number * DAY)
    gone = prune(registry, now=4 * DAY, older_than_s=3 * DAY)
    assert [(int(item.job_id, 16), item.reason, item.freed_bytes) for item in gone] == [
        (0, "age", 100 * KIB),
        (1, "age", 100 * KIB),
    ]
    assert _kept(registry) == [2, 3]


def test_the_oldest_go_until_the_rest_fits(registry: Registry) -> None:
    for number in (3, 1, 2, 0):
        _job(registry, number, ended_at=number * DAY)
    gone = prune(registry, now=9 * DAY, max_bytes=250 * KIB)
    assert [(int(item.job_id, 16), item.reason) for item in gone] == [(0, "size"), (1, "size")]
    assert _kept(registry) == [2, 3]


def test_a_dry_run_names_the_same_and_changes_nothing(registry: Registry) -> None:
    for number in range(3):
        _job(registry, number, ended_at=number * DAY)
    planned = prune(registry, now=9 * DAY, older_than_s=8 * DAY, max_bytes=0, dry_run=True)
    assert _kept(registry) == [0, 1, 2]
    assert prune(registry, now=9 * DAY, older_than_s=8 * DAY, max_bytes=0) == planned
    assert _kept(registry) == []


def test_a_live_job_never_goes(registry: Registry) -> None:
    _job(registry, 1, ended_at=None)
    leased = _job(registry, 2, ended_at=0.0)
    unforwarded = _job(registry, 3, ended_at=0.0)
    registry.set_tracking_state(unforwarded, "open")
    _job(registry, 4, ended_at=0.0)
    with Lease.acquire(registry.home.job(leased).lease(1)):
        prune(registry, now=99 * DAY, older_than_s=0.0, max_bytes=0)
        assert _kept(registry) == [1, 2, 3]
    registry.set_tracking_state(unforwarded, "ended")
    prune(registry, now=99 * DAY, older_than_s=0.0, max_bytes=0)
    assert _kept(registry) == [1]


def test_shared_blobs_count_once_and_stay_while_a_kept_job_links_them(registry: Registry) -> None:
    home = registry.home
    (home.blobs / "ab").mkdir(parents=True)
    old, new = _job(registry, 1, ended_at=0.0, size=0), _job(registry, 2, ended_at=DAY, size=0)
    blobs = {}
    for name, jobs in {"both": (old, new), "old": (old,), "none": (), "fresh": ()}.items():
        blobs[name] = home.blobs / "ab" / name
        blobs[name].write_bytes(b"b" * KIB)
        if name != "fresh":
            os.utime(blobs[name], (0, 0))
        for job in jobs:
            (home.job(job).bundle_blobs / name).hardlink_to(blobs[name])
    now = blobs["fresh"].stat().st_mtime + 60
    [gone] = prune(registry, now=now, max_bytes=KIB)
    assert (gone.job_id, gone.freed_bytes) == (old, KIB)
    assert {name for name, blob in blobs.items() if blob.exists()} == {"both", "fresh"}
    assert (home.job(new).bundle_blobs / "both").read_bytes() == b"b" * KIB


def test_a_half_removed_folder_is_removed_by_the_next_call(registry: Registry) -> None:
    job = _job(registry, 1, ended_at=0.0)
    registry.home.job(job).root.rename(registry.home.jobs / f".trash-{job}")
    registry.forget(job)
    prune(registry, now=DAY)
    assert list(registry.home.jobs.iterdir()) == []


def test_a_folder_without_a_row_goes_when_it_is_no_submission_under_way(
    registry: Registry,
) -> None:
    folder = registry.home.job("0" * 12).create().root
    touched_at = folder.stat().st_mtime
    assert prune(registry, now=touched_at + 60, older_than_s=0.0) == []
    assert [i.job_id for i in prune(registry, now=touched_at + DAY, older_than_s=0.0)] == ["0" * 12]
    assert not folder.exists()


def test_an_empty_home_has_nothing_to_prune(registry: Registry) -> None:
    assert prune(registry, now=1.0, older_than_s=0.0, max_bytes=0) == []
    shutil.rmtree(registry.home.jobs, ignore_errors=True)
    assert prune(registry, now=1.0, max_bytes=0) == []
