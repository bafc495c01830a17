"""MLflow stores with many runs, written straight into their tables: MLflow itself would take minutes."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def make_store(path: Path) -> None:
    """An empty store, as MLflow makes it, with one experiment."""
    from jupyter_cloudml.tracking.store import TrackingStore

    store = TrackingStore(f"sqlite:///{path}", path.parent / "artifacts")
    store.experiment_id("many")
    store.close()


def fill(path: Path, count: int) -> None:
    """``count`` runs with two metrics, two parameters and a job each. Some losses are missing, infinite or no number."""
    db = sqlite3.connect(path)
    with db:
        db.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, source_version, status,"
            " start_time, end_time, lifecycle_stage, experiment_id, artifact_uri)"
            " VALUES (?, ?, 'LOCAL', '', '', 'me', '', ?, ?, ?, 'active', 1, '')",
            [_run(n, count) for n in range(count)],
        )
        values = [row for n in range(count) for row in _metrics(n)]
        for table in ("latest_metrics", "metrics"):
            db.executemany(
                f"INSERT INTO {table} (key, value, is_nan, timestamp, step, run_uuid) VALUES (?, ?, ?, 1, 0, ?)",
                values,
            )
        for table, rows in (("params", _params), ("tags", _tags)):
            db.executemany(
                f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                [row for n in range(count) for row in rows(n)],
            )
        db.execute(
            "INSERT INTO tags (key, value, run_uuid) SELECT 'mlflow.runName', name, run_uuid FROM runs"
        )
    db.close()


def _run(n: int, count: int) -> tuple[object, ...]:
    start = 1_700_000_000_000 + (n // 2 * 2 if n % 10 else n) * 1000
    end = None if n % 11 == 0 else start + n % 500
    return f"{n:032x}", f"run {n} of {count}", "RUNNING" if end is None else "FINISHED", start, end


def _metrics(n: int) -> list[tuple[object, ...]]:
    run = f"{n:032x}"
    found: list[tuple[object, ...]] = [("accuracy", n / 100, False, run)]
    if n % 50 == 7:
        return found
    if n % 50 == 8:
        return [*found, ("loss", 0.0, True, run)]
    value = 1.7976931348623157e308 if n % 1000 == 9 else (n * 7919 % 1009) / 100
    return [*found, ("loss", value, False, run)]


def _params(n: int) -> list[tuple[object, ...]]:
    run = f"{n:032x}"
    return [("depth", str(n % 5), run), ("lr", str(n % 100 / 100), run)]


def _tags(n: int) -> list[tuple[object, ...]]:
    return [("cloudml.job_id", f"{n:012x}", f"{n:032x}")]
