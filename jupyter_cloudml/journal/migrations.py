"""The registry's schema, as the steps that lead to it. A step that was released is never changed; add one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..core.errors import Unavailable

Step = Sequence[str]

STEPS: tuple[Step, ...] = (
    (
        """CREATE TABLE jobs (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
            state TEXT NOT NULL, reason TEXT NOT NULL, intent TEXT NOT NULL, ref TEXT NOT NULL,
            attempt INTEGER NOT NULL, notebook TEXT NOT NULL, cell_id TEXT NOT NULL,
            experiment TEXT NOT NULL, run_id TEXT NOT NULL, experiment_id TEXT NOT NULL,
            tracking_uri TEXT NOT NULL, tracking_state TEXT NOT NULL, tracking_error TEXT NOT NULL,
            created_at REAL NOT NULL, started_at REAL, ended_at REAL, updated_at REAL NOT NULL,
            error TEXT NOT NULL, source_head TEXT NOT NULL, resources_json TEXT NOT NULL,
            packed TEXT NOT NULL GENERATED ALWAYS AS (json_array(
                id, name, kind, target, state, reason, intent, ref, attempt, notebook, cell_id,
                experiment, run_id, experiment_id, tracking_uri, tracking_state, tracking_error,
                json(printf('%!.17g', created_at)),
                CASE WHEN started_at IS NOT NULL THEN json(printf('%!.17g', started_at)) END,
                CASE WHEN ended_at IS NOT NULL THEN json(printf('%!.17g', ended_at)) END,
                json(printf('%!.17g', updated_at)),
                error, source_head, resources_json)) STORED
        )""",
        "CREATE INDEX jobs_by_state ON jobs (state)",
        "CREATE INDEX jobs_by_tracking ON jobs (tracking_state)",
        """CREATE TABLE cursors (
            job TEXT NOT NULL, file TEXT NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (job, file)
        ) WITHOUT ROWID""",
    ),
    ("CREATE INDEX jobs_by_name ON jobs (name, number)",),
    ("CREATE INDEX jobs_by_update ON jobs (updated_at)",),
)


def migrate(
    connection: sqlite3.Connection,
    steps: Sequence[Step] = STEPS,
    fill: Callable[[sqlite3.Connection], object] | None = None,
) -> int:
    """Bring the schema to the last of ``steps``, all of them or none; the version it had before is returned.

    A new registry is filled by ``fill`` in the same transaction: it is never seen empty. Safe when many processes do it
    at once: one does, the others wait and find it done.

    Raises:
        Unavailable: a newer version of the package wrote this registry.
    """
    if _version(connection) == len(steps):
        return len(steps)
    with transaction(connection):
        version = _version(connection)
        if version > len(steps):
            raise Unavailable(
                f"the job registry has schema {version}, this version knows {len(steps)}",
                hint="pip install --upgrade jupyter-cloudml, or set CLOUDML_HOME to another directory",
            )
        for step in steps[version:]:
            for statement in step:
                connection.execute(statement)
        if version == 0 and fill is not None:
            fill(connection)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    return version


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, or, after an exception, nothing; other writers wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back after some errors (a full disk)
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
