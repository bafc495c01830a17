"""The registry: lists, legal moves, intents, tracking; many writers; damage mended from the folders."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import BadInput, NotFound, Unavailable
from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.spec import JobSpec, Origin, TargetRef
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import write_json
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.job_filter import JobFilter
from jupyter_cloudml.journal.migrations import STEPS, migrate
from jupyter_cloudml.journal.registry import Registry, rebuild
from jupyter_cloudml.journal.writer import JournalWriter

S = JobState


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path / "registry.db", clock=lambda: 99.0)
    yield registry
    registry.close()


def _spec(number: int, **changes: object) -> JobSpec:
    return JobSpec(**{"id": f"{number:012x}", "source": "\n  import torch\ntrain()", **changes})  # type: ignore[arg-type]


def test_a_job_comes_back_as_it_was_queued(registry: Registry) -> None:
    spec = _spec(
        1, name="n", target=TargetRef(kind="ssh", name="box"), resources=Resources(gpus=2, cpus=3),
        experiment="e", origin=Origin(notebook="a.ipynb", cell_id="c1"),
    )  # fmt: skip
    row = registry.insert(spec, 1700000000.1234567)
    assert registry.get(spec.id) == row
    assert (row.state, row.intent, row.attempt, row.tracking_state) == (
        S.QUEUED,
        "run",
        1,
        "pending",
    )
    assert (row.target, row.notebook, row.cell_id, row.experiment) == (
        "ssh:box",
        "a.ipynb",
        "c1",
        "e",
    )
    assert row.source_head == "import torch"
    assert row.resources == spec.resources
    assert row.created_at == 1700000000.1234567
    assert row.to_json()["state"] == "QUEUED"


def test_queueing_twice_keeps_the_first(registry: Registry) -> None:
    registry.insert(_spec(1), 1.0)
    registry.move(_spec(1).id, S.RUNNING, now=2.0)
    assert registry.insert(_spec(1, name="again"), 3.0).state is S.RUNNING
    assert len(registry.list_jobs()) == 1


def test_a_unique_prefix_is_enough(registry: Registry) -> None:
    for job_id in ("abc000000000", "abd000000000", "b00000000000"):
        registry.insert(_spec(0, id=job_id), 1.0)
    assert registry.get("B").id == "b00000000000"
    assert registry.get("abc").id == "abc000000000"
    with pytest.raises(BadInput, match=r"abc000000000, abd000000000"):
        registry.get("ab")
    for absent in ("f", "", "%", "no such", "b000000000000"):
        with pytest.raises(NotFound):
            registry.get(absent)


def test_a_list_is_newest_first_filtered_and_paged(registry: Registry) -> None:
    for number in range(6):
        kind = "ssh" if number % 2 else "local"
        target = TargetRef(kind=kind, name="box" if number == 5 else "")
        registry.insert(_spec(number, target=target, name=f"job_{number}%"), float(number))
    registry.move(_spec(4).id, S.RUNNING, now=9.0)

    def numbers(limit: int = 100, offset: int = 0, **conditions: Any) -> list[int]:
        which = JobFilter(**conditions)
        found = registry.list_jobs(which, limit=limit, offset=offset)
        assert registry.count(which) == len(registry.list_jobs(which, limit=-1))
        return [int(row.id, 16) for row in found]

    assert numbers() == [5, 4, 3, 2, 1, 0]
    assert numbers(limit=2, offset=1) == [4, 3]
    assert numbers(target="ssh") == [5, 3, 1]
    assert numbers(target="ssh:box") == [5]
    assert numbers(states=[S.RUNNING]) == [4]
    assert numbers(states={S.RUNNING, S.FAILED}, target="local") == [4]
    assert numbers(states=[]) == []
    assert numbers(text="JOB_3%") == [3]
    assert numbers(text="_") == [5, 4, 3, 2, 1, 0]
    assert numbers(text="torch", notebook="none") == []
    assert numbers(experiment="Default", limit=-1) == [5, 4, 3, 2, 1, 0]


def test_late_running_report_does_not_reopen_a_finished_job(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    job = registry.insert(_spec(1), 1.0).id
    assert registry.move(job, S.RUNNING, now=2.0)
    assert registry.move(job, S.FAILED, now=3.0, error="ValueError: x", reason="raised")
    with caplog.at_level(logging.INFO):
        assert not registry.move(job, S.RUNNING, now=4.0)
        assert not registry.move(job, S.SUCCEEDED, now=4.0)
    assert f"job {job}: dropped a report of SUCCEEDED" in caplog.text
    row = registry.get(job)
    assert (row.state, row.started_at, row.ended_at) == (S.FAILED, 2.0, 3.0)
    assert (row.error, row.reason) == ("ValueError: x", "raised")


def test_a_move_can_insist_on_the_state_it_comes_from(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    assert not registry.move(job, S.RUNNING, now=2.0, expected=S.STARTING)
    assert registry.move(job, S.STARTING, now=2.0, expected=S.QUEUED)
    assert not registry.move("ffffffffffff", S.RUNNING, now=2.0)


def test_a_running_job_that_is_queued_again_is_the_next_attempt(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    registry.move(job, S.STARTING, now=2.0)
    registry.move(job, S.QUEUED, now=3.0, reason="gpu 0 held by job 7f3a")
    assert (registry.get(job).attempt, registry.get(job).reason) == (1, "gpu 0 held by job 7f3a")
    registry.move(job, S.RUNNING, now=4.0)
    registry.set_ref(job, "local:12")
    registry.move(job, S.QUEUED, now=5.0)
    row = registry.get(job)
    assert (row.attempt, row.ref, row.started_at) == (2, "", None)


def test_only_an_ended_job_can_be_retried(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    with pytest.raises(BadInput, match="QUEUED"):
        registry.retry(job)
    registry.set_run(job, "r1", "7", "sqlite:///x")
    registry.request(job, "cancel")
    registry.move(job, S.CANCELLED, now=2.0)
    registry.set_tracking_state(job, "ended")
    row = registry.retry(job)
    assert (row.state, row.intent, row.attempt, row.ended_at) == (S.QUEUED, "run", 2, None)
    assert (row.run_id, row.tracking_state) == ("r1", "pending")
    with pytest.raises(NotFound):
        registry.retry("ffffffffffff")


def test_intents_are_kept_for_jobs_that_have_not_ended(registry: Registry) -> None:
    first, second = (registry.insert(_spec(number), 1.0).id for number in (1, 2))
    assert registry.request(first, "cancel")
    assert registry.request(first, "cancel")
    assert [row.intent for row in registry.active()] == ["cancel", "run"]
    registry.move(first, S.CANCELLED, now=2.0)
    assert not registry.request(first, "cancel")
    assert [row.id for row in registry.active()] == [second]
    with pytest.raises(BadInput, match="explode"):
        registry.request(second, "explode")
    with pytest.raises(NotFound):
        registry.request("ffffffffffff", "cancel")


def test_tracking_is_kept_until_the_run_is_finished(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    registry.set_run(job, "r1", "7", "sqlite:///x")
    row = registry.get(job)
    assert (row.run_id, row.experiment_id, row.tracking_uri) == ("r1", "7", "sqlite:///x")
    registry.set_cursor(job, "0.jsonl", 5)
    registry.set_cursor(job, "0.jsonl", 50)
    registry.set_cursor(job, "agent.jsonl", 0)
    assert registry.cursors(job) == {"0.jsonl": 50, "agent.jsonl": 0}
    registry.move(job, S.SUCCEEDED, now=2.0)
    assert [row.id for row in registry.tracking_open()] == [job]
    registry.set_tracking_state(job, "ended")
    assert registry.tracking_open() == []
    with pytest.raises(BadInput):
        registry.set_tracking_state(job, "closed")


def test_a_job_is_forgotten_only_after_its_end(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    registry.set_cursor(job, "0.jsonl", 5)
    assert not registry.forget(job)
    registry.move(job, S.LOST, now=2.0)
    assert registry.forget(job)
    assert not registry.forget(job)
    assert registry.cursors(job) == {}


def test_the_files_are_private(registry: Registry) -> None:
    registry.insert(_spec(1), 1.0)
    for path in registry.home.root.glob("registry.db*"):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_version_0_is_brought_to_the_newest_schema_step_by_step(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    steps = [["CREATE TABLE a (x)"], ["ALTER TABLE a ADD y", "INSERT INTO a VALUES (1, 2)"]]
    assert migrate(connection, steps[:1]) == 0
    assert migrate(connection, steps) == 1
    assert migrate(connection, steps) == 2
    assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, 2)]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [*steps, ["CREATE TABLE b (x)", "no SQL"]])
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
    connection.close()


def test_an_empty_file_of_version_0_becomes_a_registry(tmp_path: Path) -> None:
    (tmp_path / "registry.db").touch()
    registry = Registry(tmp_path / "registry.db")
    assert registry.active() == []
    registry.close()
    connection = sqlite3.connect(tmp_path / "registry.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_registry_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "registry.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = (tmp_path / "registry.db").read_bytes()
    with pytest.raises(Unavailable, match="999") as caught:
        Registry(tmp_path / "registry.db").active()
    assert "upgrade" in caught.value.hint
    assert (tmp_path / "registry.db").read_bytes() == before


INSERT_MANY = """
import sys
from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.registry import Registry
registry = Registry(sys.argv[1])
for number in range(100):
    job = registry.insert(JobSpec(id=f"{int(sys.argv[2]) + number:012x}", source="x"), 1.0).id
    assert registry.move(job, JobState.RUNNING, now=2.0)
"""


def test_processes_that_create_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", INSERT_MANY, tmp_path / "registry.db", str(first * 1000)]
        )
        for first in range(3)
    ]
    assert [child.wait() for child in children] == [0, 0, 0]
    registry = Registry(tmp_path / "registry.db")
    assert len(registry.list_jobs(JobFilter(states=[S.RUNNING]), limit=1000)) == 300
    registry.close()


def test_two_registries_in_one_process_keep_what_they_write_when_another_process_leaves(
    registry: Registry,
) -> None:
    """POSIX locks are lost by closing any descriptor of the file; then who leaves deletes the WAL that we write."""
    path = str(registry.home.registry_db)
    registry.insert(_spec(1), 1.0)
    second = Registry(path)
    second.insert(_spec(2), 2.0)
    assert _jobs_seen_elsewhere(path) == 2
    registry.insert(_spec(3), 3.0)
    second.insert(_spec(4), 4.0)
    assert _jobs_seen_elsewhere(path) == 4
    second.close()


def _jobs_seen_elsewhere(path: str) -> int:
    script = (
        "import sys; from jupyter_cloudml.journal.registry import Registry\n"
        "r = Registry(sys.argv[1]); print(len(r.list_jobs())); r.close()"
    )
    done = subprocess.run([sys.executable, "-c", script, path], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def test_one_report_of_many_threads_wins(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    won: list[JobState] = []

    def end(state: JobState) -> None:
        if registry.move(job, state, now=2.0):
            won.append(state)

    threads = [threading.Thread(target=end, args=(s,)) for s in S if s.is_final for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [registry.get(job).state]


def test_a_forked_child_uses_a_connection_of_its_own(registry: Registry) -> None:
    job = registry.insert(_spec(1), 1.0).id
    child = os.fork()
    if child == 0:
        os._exit(0 if registry.move(job, S.RUNNING, now=2.0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert registry.get(job).state is S.RUNNING


def _write_folders(home: DataHome) -> None:
    for number in (1, 2, 3, 4):
        paths = home.job(_spec(number).id).create()
        write_json(paths.spec, _spec(number, created_at=10.0 - number).to_json())
    with JournalWriter(home.job(_spec(1).id).journal(), clock=lambda: 20.0) as journal:
        journal.append("state", state="RUNNING", pid=5, host="h")
        journal.append_metrics({"loss": 1.0}, 1)
        journal.append("state", state="FAILED", error={"type": "ValueError", "message": "x"})
    with JournalWriter(home.job(_spec(2).id).agent_journal, clock=lambda: 21.0) as journal:
        journal.append("state", state="STARTING", ref="local:77")
    home.job(_spec(2).id).cancel.touch()
    write_json(
        home.job(_spec(1).id).run, {"run_id": "r", "experiment_id": "3", "tracking_uri": "u"}
    )
    home.job(_spec(4).id).spec.write_text("{damaged")
    (home.jobs / "not-a-job").mkdir()


def _assert_rebuilt(registry: Registry) -> None:
    rows = {int(row.id, 16): row for row in registry.list_jobs()}
    assert list(rows) == [1, 2, 3]
    failed, starting, queued = rows.values()
    assert (failed.state, failed.error) == (S.FAILED, "ValueError: x")
    assert (failed.started_at, failed.ended_at) == (20.0, 20.0)
    assert (failed.run_id, failed.experiment_id, failed.tracking_uri) == ("r", "3", "u")
    assert failed.tracking_state == "open"
    assert (starting.state, starting.ref, starting.intent) == (S.STARTING, "local:77", "cancel")
    assert (queued.state, queued.intent, queued.created_at) == (S.QUEUED, "run", 7.0)


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1000)


def _damaged_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_garbage, _damaged_pages])
def test_a_damaged_registry_is_set_aside_and_rebuilt_from_the_folders(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    first = Registry(tmp_path / "registry.db")
    for number in range(100):
        first.insert(_spec(1000 + number), 1.0)
    first.close()
    _write_folders(DataHome(tmp_path))
    damage(tmp_path / "registry.db")
    registry = Registry(tmp_path / "registry.db")
    _assert_rebuilt(registry)
    assert registry.recovered is not None
    assert registry.recovered.name.startswith("registry.db.corrupt-")
    assert str(registry.recovered) in caplog.text
    registry.close()


def test_other_processes_go_on_with_the_mended_registry(tmp_path: Path) -> None:
    mine, other = (Registry(tmp_path / "registry.db") for _ in range(2))
    mine.active()
    other.active()
    _write_folders(DataHome(tmp_path))
    mine._db._set_aside((tmp_path / "registry.db").stat().st_ino)
    other.insert(_spec(9), 1.0)
    assert {int(row.id, 16) for row in mine.active()} == {2, 3, 9}
    for registry in (mine, other):
        registry.close()


def test_a_lost_registry_is_made_again_from_the_folders(tmp_path: Path) -> None:
    _write_folders(DataHome(tmp_path))
    registry = Registry(tmp_path / "registry.db")
    _assert_rebuilt(registry)
    assert registry.recovered is None
    registry.close()


def test_rebuild_takes_up_only_what_is_missing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    registry.insert(_spec(3), 1.0)
    registry.move(_spec(3).id, S.RUNNING, now=2.0)
    _write_folders(DataHome(tmp_path))
    assert rebuild(DataHome(tmp_path)) == 2
    assert rebuild(DataHome(tmp_path)) == 0
    assert registry.get(_spec(3).id).state is S.RUNNING
    registry.close()


def test_a_full_disk_is_unavailable_and_the_registry_goes_on_afterwards(registry: Registry) -> None:
    registry.insert(_spec(1), 1.0)
    registry._db.run(lambda db: db.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(Unavailable, match="full") as caught:
        [registry.insert(_spec(number), 1.0) for number in range(2, 200)]
    assert "free some space" in caught.value.hint
    registry._db.run(lambda db: db.execute("PRAGMA max_page_count = 100000"))
    registry.insert(_spec(500), 1.0)
    assert registry.get(_spec(1).id).state is S.QUEUED
