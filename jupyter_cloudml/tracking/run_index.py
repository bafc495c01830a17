"""Runs as a table that feels instant: plain SQL on MLflow's SQLite file, or on the copy that `run_feed` keeps of a server.

MLflow's own search orders 10,000 runs by a metric in seconds; the same question in SQL takes milliseconds. The order is
MLflow's (``_get_orderby_clauses`` of its ``SqlAlchemyStore``): numbers, then not-a-number, then runs without the metric;
ties by start time, newest first, then by run id.
"""

from __future__ import annotations

import contextlib
import math
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..core.errors import BadInput, Unavailable
from ..journal.series import finite, thinned
from .runs import JOB_TAG

MAX_RUNS = 1000
MAX_POINTS = 2000
_NAMES_AMONG = 1000
LARGEST = 1.7976931348623157e308
"""What MLflow's SQL stores write for infinity."""
_MAX_TEXT = 500
_ATTRIBUTES = {
    "name": "r.name",
    "run_name": "r.name",
    "status": "r.status",
    "start_time": "r.start_time",
    "end_time": "r.end_time",
    "duration": "(r.end_time - r.start_time)",
    "run_id": "r.run_uuid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs, and in what order. ``sort`` is ``metrics.NAME``, ``params.NAME``, ``tags.NAME`` or an attribute."""

    experiment: str = ""
    text: str = ""
    run_ids: tuple[str, ...] = ()  # only these; all where it is empty
    sort: str = "start_time"
    descending: bool = True
    limit: int = 100
    offset: int = 0


@dataclass(slots=True)
class _Where:
    conditions: list[str] = field(
        default_factory=lambda: ["r.lifecycle_stage = 'active'", "e.lifecycle_stage = 'active'"]
    )
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def __str__(self) -> str:
        joined = " AND ".join(self.conditions)
        return f"FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE {joined}"


class RunIndex:
    """The runs in one SQLite file. Opens it for each call, only to read; a file that is not there yet has no runs.

    Raises:
        Unavailable: (from every method) the file cannot be read, or is not what MLflow 3 writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def page(self, query: RunQuery) -> dict[str, Any]:
        """``runs`` in order, ``total`` that fit, and the names of ``metrics`` and ``params`` among the newest that fit.

        Raises:
            BadInput: ``sort`` names nothing that runs have.
        """
        where, order = _where(query), _order(query)
        limits = (min(query.limit, MAX_RUNS), query.offset)
        with self._opened() as db:
            if db is None:
                return {"runs": [], "total": 0, "metrics": [], "params": []}
            total = db.execute(f"SELECT count(*) {where}", where.values).fetchone()[0]
            ids = [
                run_id
                for (run_id,) in db.execute(
                    _ordered(where, order), (*order.values, *where.values, *limits)
                )
            ]
            return {
                "runs": _runs(db, ids),
                "total": total,
                "metrics": _names(db, "latest_metrics", where),
                "params": _names(db, "params", where),
            }

    def experiments(self) -> list[dict[str, Any]]:
        """The experiments that are not deleted, the one with the newest run first."""
        statement = """
            SELECT e.experiment_id, e.name, count(r.run_uuid), max(r.start_time) AS newest
            FROM experiments e LEFT JOIN runs r
              ON r.experiment_id = e.experiment_id AND r.lifecycle_stage = 'active'
            WHERE e.lifecycle_stage = 'active' GROUP BY e.experiment_id
            ORDER BY newest IS NULL, newest DESC, e.experiment_id"""
        with self._opened() as db:
            rows = db.execute(statement).fetchall() if db is not None else []
        return [{"id": str(key), "name": name, "runs": count} for key, name, count, _ in rows]

    def curve(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """``(step, value)`` in the order of steps, at most `MAX_POINTS`, spikes kept; numbers only."""
        statement = """SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? AND NOT is_nan
            ORDER BY step, timestamp"""
        with self._opened() as db:
            rows = db.execute(statement, (run_id, metric)).fetchall() if db is not None else []
        points = [(step, value) for step, value in rows if abs(value) < LARGEST]
        return thinned(points, MAX_POINTS, lambda point: point[1])

    def models(self, run_id: str) -> list[dict[str, Any]]:
        """The models that the run logged, and the registered versions that were made of it."""
        logged = """SELECT model_id, name FROM logged_models WHERE source_run_id = ?
            AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms"""
        versions = (
            "SELECT name, version FROM model_versions WHERE run_id = ? ORDER BY name, version"
        )
        with self._opened() as db:
            if db is None:
                return []
            models = [
                {"model_id": key, "name": name} for key, name in db.execute(logged, (run_id,))
            ]
            return models + [
                {"name": name, "version": str(version)}
                for name, version in db.execute(versions, (run_id,))
            ]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        if not self._path.is_file() or not self._path.stat().st_size:
            yield None
            return
        try:
            db = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=5)
            try:
                db.execute("BEGIN")
                yield db
            finally:
                db.close()
        except sqlite3.Error as exc:
            if "no such table: experiments" in str(exc):  # it is being made this very moment
                hint = "try again"
            else:
                hint = "`mlflow db upgrade` brings an older store up to date"
            raise Unavailable(f"{str(self._path)!r} cannot be read: {exc}", hint=hint) from exc


@dataclass(frozen=True, slots=True)
class _Order:
    join: str
    values: tuple[Any, ...]
    by: str


def _where(query: RunQuery) -> _Where:
    where = _Where()
    if query.experiment:
        where.add(
            "(e.name = ? OR CAST(e.experiment_id AS TEXT) = ?)", query.experiment, query.experiment
        )
    if query.run_ids:
        where.add(f"r.run_uuid IN ({', '.join('?' * len(query.run_ids))})", *query.run_ids)
    if query.text:
        text = re.sub(r"([%_\\])", r"\\\1", query.text)
        condition, values = "r.name LIKE ? ESCAPE '\\'", [f"%{text}%"]
        if re.fullmatch(r"[0-9a-f]{4,32}", query.text):  # perhaps the beginning of an id
            condition += (
                " OR r.run_uuid LIKE ? OR r.run_uuid IN"
                " (SELECT run_uuid FROM tags WHERE key = ? AND value LIKE ?)"
            )
            values += [f"{text}%", JOB_TAG, f"{text}%"]
        where.add(f"({condition})", *values)
    return where


def _order(query: RunQuery) -> _Order:
    kind, _, name = query.sort.partition(".")
    direction = "DESC" if query.descending else "ASC"
    ties = "r.start_time DESC, r.run_uuid"
    tables = {"metrics": "latest_metrics", "params": "params", "tags": "tags"}
    if kind in tables and name:
        join = f"LEFT JOIN {tables[kind]} o ON o.run_uuid = r.run_uuid AND o.key = ?"
        is_nan = "WHEN o.is_nan THEN 1 " if kind == "metrics" else ""
        missing = f"CASE {is_nan}WHEN o.value IS NULL THEN 2 ELSE 0 END"
        return _Order(join, (name,), f"{missing}, o.value {direction}, {ties}")
    column = _ATTRIBUTES.get(query.sort.removeprefix("attributes."))
    if column is None:
        raise BadInput(
            f"runs cannot be sorted by {query.sort!r}",
            hint=f"metrics.NAME, params.NAME, tags.NAME, {', '.join(_ATTRIBUTES)}",
        )
    return _Order("", (), f"{column} IS NULL, {column} {direction}, {ties}")


def _ordered(where: _Where, order: _Order) -> str:
    source = str(where).replace(" WHERE ", f" {order.join} WHERE ", 1)
    return f"SELECT r.run_uuid {source} ORDER BY {order.by} LIMIT ? OFFSET ?"


def _names(db: sqlite3.Connection, table: str, where: _Where) -> list[str]:
    statement = f"""SELECT DISTINCT v.key FROM
        (SELECT r.run_uuid {where} ORDER BY r.start_time DESC LIMIT {_NAMES_AMONG}) n
        CROSS JOIN {table} v ON v.run_uuid = n.run_uuid ORDER BY v.key"""  # noqa: S608
    return [name for (name,) in db.execute(statement, where.values)]


def _runs(db: sqlite3.Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(ids))
    found: dict[str, dict[str, Any]] = {}
    columns = "run_uuid, name, status, start_time, end_time, experiment_id"
    for run_id, name, status, start, end, experiment in db.execute(
        f"SELECT {columns} FROM runs WHERE run_uuid IN ({marks})",  # noqa: S608
        ids,
    ):
        found[run_id] = {
            "run_id": run_id,
            "name": name or "",
            "status": status,
            "start_time": None if start is None else start / 1000,
            "end_time": None if end is None else end / 1000,
            "experiment_id": str(experiment),
            "params": {},
            "metrics": {},
            "tags": {},
        }
    for table in ("params", "tags"):
        for run_id, key, value in db.execute(
            f"SELECT run_uuid, key, substr(value, 1, {_MAX_TEXT}) FROM {table} WHERE run_uuid IN ({marks})",  # noqa: S608
            ids,
        ):
            found[run_id][table][key] = value
    for run_id, key, value, is_nan in db.execute(
        f"SELECT run_uuid, key, value, is_nan FROM latest_metrics WHERE run_uuid IN ({marks})",  # noqa: S608
        ids,
    ):
        found[run_id]["metrics"][key] = _number(value, bool(is_nan))
    for run in found.values():
        run["job_id"] = run["tags"].get(JOB_TAG)
    return [found[run_id] for run_id in ids]


def _number(value: float, is_nan: bool) -> float | str:
    if is_nan:
        return finite(math.nan)
    return finite(math.copysign(math.inf, value)) if abs(value) >= LARGEST else value
