"""The registry: one row per job, for lists and for what the user wants. The job folders remain the truth."""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from ..core.errors import BadInput, NotFound
from ..core.spec import JobSpec
from ..core.states import ACTIVE, FINAL, MOVES, JobState
from .database import Database
from .home import DataHome
from .job_filter import EVERY_JOB, JobFilter
from .migrations import transaction
from .rebuild import recovered
from .rows import COLUMNS, JobRow, rows_of, values_of

log = logging.getLogger(__name__)

INTENTS = ("run", "cancel")
TRACKING_STATES = ("pending", "open", "ended", "failed")

_SELECT = (
    "SELECT packed FROM jobs"  # a whole row as one JSON text: four times faster than 24 columns
)
_INSERT = (
    f"INSERT INTO jobs ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)}) "  # noqa: S608
    "ON CONFLICT DO NOTHING"
)
_ACTIVE = "({})".format(", ".join(f"'{state.value}'" for state in sorted(ACTIVE)))
_FINAL = "({})".format(", ".join(f"'{state.value}'" for state in sorted(FINAL)))
_SOURCES = {
    state: tuple(source for source in JobState if state in MOVES[source]) for state in JobState
}


class Registry:
    """Index of all jobs of one data directory. Safe from many threads and many processes, and after a fork.

    Every call is one short transaction; it waits at most ten seconds for another writer. A damaged file is set aside and
    rebuilt from the job folders (see ``recovered``).

    Raises:
        Unavailable: (from every method) the file cannot be read or written.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.home = DataHome(Path(path).absolute().parent)
        self._clock = clock
        self._db = Database(Path(path).absolute(), self._adopt)

    @property
    def recovered(self) -> Path | None:
        """Where this process put a damaged registry; None as long as there was none."""
        return self._db.recovered

    def close(self) -> None:
        self._db.close()

    def rebuild(self) -> int:
        """Take up every whole job folder that has no row yet; how many there were. Safe to repeat."""

        def work(db: sqlite3.Connection) -> int:
            with transaction(db):
                return self._adopt(db)

        return self._db.run(work)

    def _adopt(self, connection: sqlite3.Connection) -> int:
        rows = sorted(recovered(self.home.jobs), key=lambda row: row["created_at"])
        before = connection.total_changes
        connection.executemany(_INSERT, rows)
        return connection.total_changes - before

    # --- reading -----------------------------------------------------------------------------------------------------

    def get(self, id_or_prefix: str) -> JobRow:
        """The job of this id, or of the one id that begins so.

        Raises:
            NotFound: there is none.
            BadInput: the prefix fits several.
        """
        prefix = id_or_prefix.strip().lower()
        if not re.fullmatch(r"[0-9a-f]{1,12}", prefix):
            raise NotFound(f"no job {id_or_prefix!r}", hint="%cloudjobs lists the jobs")
        found = self._rows("WHERE id >= ? AND id < ? ORDER BY id LIMIT 6", (prefix, prefix + "g"))
        if not found:
            raise NotFound(f"no job {id_or_prefix!r}", hint="%cloudjobs lists the jobs")
        if len(found) > 1:
            raise BadInput(
                f"{id_or_prefix!r} fits several jobs: {', '.join(row.id for row in found[:5])}",
                hint="write more digits of the id",
            )
        return found[0]

    def list_jobs(
        self, which: JobFilter = EVERY_JOB, *, limit: int = 100, offset: int = 0
    ) -> list[JobRow]:
        """The jobs that fit, newest first; ``limit`` -1 is all."""
        where = _fitting(which)
        order = "ORDER BY number DESC LIMIT ? OFFSET ?"
        return self._rows(f"{where} {order}", (*where.values, limit, offset))

    def count(self, which: JobFilter = EVERY_JOB) -> int:
        """How many jobs fit."""
        where = _fitting(which)
        statement = f"SELECT count(*) FROM jobs {where}"  # noqa: S608
        return int(self._db.run(lambda db: db.execute(statement, where.values).fetchone()[0]))

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state; states without a job are left out."""
        statement = "SELECT state, count(*) FROM jobs GROUP BY state"
        return dict(self._db.run(lambda db: db.execute(statement).fetchall()))

    def version(self) -> tuple[int, int, int]:
        """Differs from any earlier answer when anything was written since, by whomever; costs microseconds."""

        def work(db: sqlite3.Connection) -> tuple[int, int, int]:
            return id(db), db.execute("PRAGMA data_version").fetchone()[0], db.total_changes

        return self._db.run(work)

    def changed_since(self, at: float, number: int) -> tuple[list[JobRow], int]:
        """The jobs that were updated after ``at`` or queued after the one that has ``number``, oldest first; and the
        highest number now. A number of -1 gives none of the latter."""
        last = self._db.run(lambda db: db.execute("SELECT max(number) FROM jobs").fetchone()[0])
        newest = last or 0
        first = newest if number < 0 else number
        rows = self._rows("WHERE updated_at > ? OR number > ? ORDER BY +number", (at, first))
        return rows, newest

    def active(self) -> list[JobRow]:
        """The jobs that have not ended, oldest first."""
        return self._rows(f"WHERE state IN {_ACTIVE} ORDER BY number")

    def _rows(self, rest: str, values: tuple[Any, ...] = ()) -> list[JobRow]:
        found = self._db.run(lambda db: db.execute(f"{_SELECT} {rest}", values).fetchall())
        return rows_of([packed for (packed,) in found])

    # --- the life of a job -------------------------------------------------------------------------------------------

    def insert(self, spec: JobSpec, now: float) -> JobRow:
        """Queue a job; its row. Safe to repeat: a job that is known stays as it is."""
        values = values_of(spec, now)
        self._db.run(lambda db: db.execute(_INSERT, values))
        return self.get(spec.id)

    def move(
        self,
        job_id: str,
        state: JobState,
        *,
        now: float,
        reason: str = "",
        error: str = "",
        expected: JobState | None = None,
        started_at: float | None = None,
    ) -> bool:
        """Take a report of ``state``; False when it was dropped (late, illegal, not from ``expected``, no such job).

        The first RUNNING of an attempt sets ``started_at``, a final state ``ended_at``; RUNNING → QUEUED begins a new attempt.
        ``started_at`` is when it began to run, where the reporter knows: a short job has ended before anybody saw it run.
        """
        sources = [s for s in _SOURCES[state] if expected is None or s is expected]
        changes: dict[str, Any] = {
            "state": state.value,
            "reason": reason,
            "error": error,
            "updated_at": now,
        }
        extra = ""
        if state is JobState.RUNNING:
            changes["started_at"] = now if started_at is None else started_at
        elif state.is_final:
            changes["ended_at"] = now
            began = None if started_at is None else float(started_at)
            extra = "" if began is None else f", started_at = coalesce(started_at, {began!r})"
        elif state is JobState.QUEUED:
            changes |= {"started_at": None, "ref": ""}
            extra = ", attempt = attempt + (state = 'RUNNING')"
        where = _Where()
        where.add("id = ?", job_id)
        where.among("state", sources)
        moved = self._update(changes, where, extra) == 1
        if not moved:
            log.info("job %s: dropped a report of %s", job_id, state)
        return moved

    def request(self, job_id: str, intent: str) -> bool:
        """Write down what the user wants; False when the job has ended already. Safe to repeat.

        Raises:
            NotFound: no such job.
            BadInput: there is no such intent.
        """
        if intent not in INTENTS:
            raise BadInput(f"{intent!r} is no intent", hint=f"one of {', '.join(INTENTS)}")
        where = _Where()
        where.add("id = ?", job_id)
        where.add(f"state IN {_ACTIVE}")
        if self._update({"intent": intent, "updated_at": self._clock()}, where):
            return True
        self.get(job_id)
        return False

    def retry(self, job_id: str) -> JobRow:
        """Queue a job that has ended once more, as the next attempt; its row.

        Raises:
            NotFound: no such job.
            BadInput: it has not ended.
        """
        where = _Where()
        where.add("id = ?", job_id)
        where.add(f"state IN {_FINAL}")
        changes: dict[str, Any] = {
            "state": JobState.QUEUED.value,
            "intent": "run",
            "reason": "",
            "error": "",
            "ref": "",
            "started_at": None,
            "ended_at": None,
            "tracking_state": "pending",
            "tracking_error": "",
            "updated_at": self._clock(),
        }
        queued = self._update(changes, where, ", attempt = attempt + 1")
        row = self.get(job_id)
        if not queued:
            raise BadInput(
                f"job {job_id} is {row.state}", hint="only a job that has ended can be retried"
            )
        return row

    def set_ref(self, job_id: str, ref: str) -> bool:
        """Keep the target's own id of the job; False when there is no such job."""
        return self._set(job_id, ref=ref)

    def set_reason(self, job_id: str, reason: str) -> bool:
        """Say why the job stands where it stands; False when there is no such job."""
        return self._set(job_id, reason=reason)

    def forget(self, job_id: str) -> bool:
        """Remove the row of a job that has ended; False when it has not, or there is none."""

        def work(db: sqlite3.Connection) -> bool:
            with transaction(db):
                gone = db.execute(
                    f"DELETE FROM jobs WHERE id = ? AND state IN {_FINAL}",  # noqa: S608
                    (job_id,),
                ).rowcount
                if gone:
                    db.execute("DELETE FROM cursors WHERE job = ?", (job_id,))
            return gone == 1

        return self._db.run(work)

    # --- tracking ----------------------------------------------------------------------------------------------------

    def tracking_open(self) -> list[JobRow]:
        """The jobs whose run is not finished, oldest first; jobs that ended long ago can be among them."""
        return self._rows("WHERE tracking_state IN ('pending', 'open') ORDER BY number")

    def set_run(self, job_id: str, run_id: str, experiment_id: str, uri: str) -> bool:
        """Keep where the job is tracked, and that its run is open; False when there is no such job."""
        return self._set(
            job_id,
            run_id=run_id,
            experiment_id=experiment_id,
            tracking_uri=uri,
            tracking_state="open",
            tracking_error="",
        )

    def set_tracking_state(self, job_id: str, state: str, error: str = "") -> bool:
        """Keep how far the run is: one of ``TRACKING_STATES``; False when there is no such job."""
        if state not in TRACKING_STATES:
            raise BadInput(f"{state!r} is no tracking state", hint=", ".join(TRACKING_STATES))
        return self._set(job_id, tracking_state=state, tracking_error=error)

    def set_cursor(self, job_id: str, file: str, offset: int) -> None:
        """Keep how far a journal of the job was forwarded."""
        statement = 'REPLACE INTO cursors (job, file, "offset") VALUES (?, ?, ?)'
        self._db.run(lambda db: db.execute(statement, (job_id, file, offset)))

    def cursors(self, job_id: str) -> dict[str, int]:
        """File → offset, as ``set_cursor`` kept them; a file that is missing here was not forwarded yet."""
        statement = 'SELECT file, "offset" FROM cursors WHERE job = ?'
        return dict(self._db.run(lambda db: db.execute(statement, (job_id,)).fetchall()))

    def _set(self, job_id: str, **changes: Any) -> bool:
        where = _Where()
        where.add("id = ?", job_id)
        return self._update({**changes, "updated_at": self._clock()}, where) == 1

    def _update(self, changes: dict[str, Any], where: _Where, extra: str = "") -> int:
        assignments = ", ".join(f"{column} = ?" for column in changes)
        statement = f"UPDATE jobs SET {assignments}{extra} {where}"  # noqa: S608
        values = (*changes.values(), *where.values)
        return self._db.run(lambda db: db.execute(statement, values).rowcount)


class _Where:
    """Conditions that are all true, and their values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self.values.extend(values)

    def among(self, column: str, states: Collection[str]) -> None:
        marks = ", ".join("?" * len(states))
        self.add(f"{column} IN ({marks})", *(str(JobState(state).value) for state in states))

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


def _fitting(which: JobFilter) -> _Where:
    where = _Where()
    if which.states is not None:
        where.among("state", which.states)
    if which.target:
        pattern = _like(which.target) + ":%"
        where.add("(target = ? OR target LIKE ? ESCAPE '\\')", which.target, pattern)
    for column in ("notebook", "experiment", "name"):
        value = getattr(which, column)
        if value:
            where.add(f"{column} = ?", value)
    if which.text:
        pattern = f"%{_like(which.text)}%"
        condition = " OR ".join(
            f"{column} LIKE ? ESCAPE '\\'" for column in ("id", "name", "source_head")
        )
        where.add(f"({condition})", pattern, pattern, pattern)
    return where


def _like(text: str) -> str:
    """``text`` as a LIKE pattern that means itself."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def rebuild(home: DataHome) -> int:
    """Take up every whole job folder that the registry of ``home`` does not know; how many there were."""
    registry = Registry(home.registry_db)
    try:
        return registry.rebuild()
    finally:
        registry.close()
