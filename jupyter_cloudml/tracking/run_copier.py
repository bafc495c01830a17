"""The process behind `run_feed`: copies runs from a tracking server into a SQLite file, and answers questions on stdin."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..journal.series import thinned
from .run_index import LARGEST, MAX_POINTS

WHOLE_EVERY_S = 600.0
_PAGE = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS experiments (experiment_id TEXT PRIMARY KEY, name TEXT, lifecycle_stage TEXT);
CREATE TABLE IF NOT EXISTS runs (run_uuid TEXT PRIMARY KEY, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
    experiment_id TEXT, lifecycle_stage TEXT, seen INTEGER);
CREATE TABLE IF NOT EXISTS latest_metrics (run_uuid TEXT, key TEXT, value REAL, is_nan INTEGER, PRIMARY KEY (key, run_uuid));
CREATE TABLE IF NOT EXISTS params (run_uuid TEXT, key TEXT, value TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE IF NOT EXISTS tags (run_uuid TEXT, key TEXT, value TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE IF NOT EXISTS logged_models (model_id TEXT, name TEXT, source_run_id TEXT, lifecycle_stage TEXT,
    creation_timestamp_ms INTEGER);
CREATE TABLE IF NOT EXISTS model_versions (name TEXT, version TEXT, run_id TEXT);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT);
CREATE INDEX IF NOT EXISTS metrics_by_run ON latest_metrics (run_uuid);
CREATE INDEX IF NOT EXISTS params_by_run ON params (run_uuid);
CREATE INDEX IF NOT EXISTS tags_by_run ON tags (run_uuid);
"""


class Copy:
    """The copy. One process writes it at a time; each page is one transaction."""

    def __init__(self, path: Path, client: Any) -> None:
        self._client = client
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)

    def take_whole(self) -> None:
        """Copy every run; those that are gone there go here, too."""
        mark = time.time_ns()
        experiments = self._take_experiments()
        for page in self._pages(experiments):
            self._write(page, mark)
        with self._db:
            self._db.execute("BEGIN")
            self._forget("IN (SELECT run_uuid FROM runs WHERE seen < ?)", mark)
            self._note("complete", value=True)
            self._note("synced_at", value=time.time())

    def take_new(self) -> None:
        """Copy what is new, and what ran when it was copied."""
        experiments = self._take_experiments()
        known = dict(self._db.execute("SELECT run_uuid, status FROM runs"))
        for page in self._pages(experiments, size=100):
            self._write(page, time.time_ns())
            if all(known.get(run.info.run_id) == run.info.status for run in page):
                break
        for page in self._pages(experiments, "attributes.status = 'RUNNING'"):
            self._write(page, time.time_ns())
            for run in page:
                known.pop(run.info.run_id, None)
        for run_id in [key for key, status in known.items() if status == "RUNNING"][:_PAGE]:
            self._take_ended(run_id)
        self._write([], 0)

    def note_away(self) -> None:
        """The server does not answer; since the first time that it did not."""
        row = self._db.execute("SELECT value FROM state WHERE key = 'away'").fetchone()
        since = json.loads(row[0])["since"] if row else time.time()
        self._note("away", value={"since": since, "pid": os.getpid()})

    def _take_ended(self, run_id: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            run = self._client.get_run(run_id)
        except MlflowException as exc:
            if exc.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            with self._db:  # removed for good, there and here
                self._db.execute("BEGIN")
                self._forget("= ?", run_id)
        else:
            self._write([run], time.time_ns())

    def _forget(self, which: str, value: Any) -> None:
        for table in ("latest_metrics", "params", "tags", "runs"):
            self._db.execute(f"DELETE FROM {table} WHERE run_uuid {which}", (value,))  # noqa: S608

    def _take_experiments(self) -> list[str]:
        found, token = [], None
        while True:
            page = self._client.search_experiments(max_results=_PAGE, page_token=token)
            found += [(str(e.experiment_id), e.name, "active") for e in page]
            token = page.token
            if not token:
                break
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM experiments")
            self._db.executemany("INSERT INTO experiments VALUES (?, ?, ?)", found)
        return [key for key, _, _ in found]

    def _pages(
        self, experiments: list[str], condition: str = "", *, size: int = _PAGE
    ) -> Iterable[list[Any]]:
        token = None
        while experiments:
            page = self._client.search_runs(
                experiments,
                filter_string=condition,
                max_results=size,
                page_token=token,
                order_by=["attributes.start_time DESC"],
            )
            yield list(page)
            token = page.token
            if not token:
                return

    def _write(self, runs: list[Any], mark: int) -> None:
        with self._db:
            self._db.execute("BEGIN")
            for run in runs:
                self._write_run(run, mark)
            self._note("synced_at", value=time.time())
            self._db.execute("DELETE FROM state WHERE key = 'away'")

    def _write_run(self, run: Any, mark: int) -> None:
        info, run_id = run.info, run.info.run_id
        row = (run_id, info.run_name, info.status, info.start_time, info.end_time)
        stage = (str(info.experiment_id), info.lifecycle_stage, mark)
        self._db.execute("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, *stage))
        for table, values in (("params", run.data.params), ("tags", run.data.tags)):
            self._db.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))  # noqa: S608
            self._db.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?)",  # noqa: S608
                [(run_id, key, value) for key, value in values.items()],
            )
        self._db.executemany(
            "REPLACE INTO latest_metrics VALUES (?, ?, ?, ?)",
            [(run_id, key, *_stored(value)) for key, value in run.data.metrics.items()],
        )

    def _note(self, key: str, *, value: Any) -> None:
        self._db.execute("REPLACE INTO state VALUES (?, ?)", (key, json.dumps(value)))


def _stored(value: float) -> tuple[float, bool]:
    """A metric as MLflow's SQL stores write it."""
    if value != value:
        return 0.0, True
    return max(-LARGEST, min(LARGEST, value)), False


def _curves(client: Any, question: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for run_id in question["runs"]:
        history = client.get_metric_history(run_id, question["metric"])
        points = sorted((m.step, m.timestamp, m.value) for m in history if abs(m.value) < LARGEST)
        found[run_id] = thinned(
            [(step, value) for step, _, value in points], MAX_POINTS, lambda point: point[1]
        )
    return found


def _answer_questions(client: Any) -> None:
    """Answer until stdin ends, and this process with it."""
    for line in sys.stdin:
        try:
            answer = _curves(client, json.loads(line))
        except Exception as exc:  # noqa: BLE001 - the outermost frame: MLflow and its HTTP stack raise anything
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer), flush=True)
    os._exit(0)


def main(path: str, every_s: float) -> None:
    """Copy until the process that started this one closes the pipe."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=os.environ["CLOUDML_FEED_URI"])
    threading.Thread(target=_answer_questions, args=(client,), daemon=True).start()
    try:
        copy = Copy(Path(path), client)
    except sqlite3.OperationalError:  # busy, or the disk refuses
        raise
    except sqlite3.DatabaseError:  # damaged; it is only a copy
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        copy = Copy(Path(path), client)
    whole_at = 0.0
    while True:
        try:
            if not whole_at or time.monotonic() - whole_at > WHOLE_EVERY_S:
                copy.take_whole()
                whole_at = time.monotonic()
            else:
                copy.take_new()
        except Exception:  # noqa: BLE001 - the outermost frame: the server is away, and asked again
            copy.note_away()
        time.sleep(every_s)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
