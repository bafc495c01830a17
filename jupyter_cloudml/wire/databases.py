"""``sqlite3`` connections: one to a file is opened again on the same machine, one in memory travels with its content."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..core.errors import CannotTravel

MAX_BYTES = 64 << 20
_OPTIONS = ("isolation_level", "row_factory", "text_factory")


def kind_of(kind: type) -> str:
    """``"Connection"`` or ``"Cursor"`` of ``sqlite3`` itself; empty for anything else."""
    return kind.__name__ if kind.__module__ == "sqlite3" and "sqlite3" in sys.modules else ""


def reduce_connection(pickler: Any, connection: Any) -> Any:
    options = {name: getattr(connection, name) for name in _OPTIONS}
    if is_closed(connection):
        return connect, (None, None, options)
    places = connection.execute("PRAGMA database_list").fetchall()
    file = _file_of(connection)
    if any(place[1] not in ("main", "temp") for place in places):
        raise CannotTravel("a connection with attached databases cannot travel")
    if not file:
        return connect, ("", content(connection), options)
    if pickler.session.portable or connection.in_transaction:
        raise CannotTravel("a connection in the middle of a transaction cannot travel")
    return connect, (file, None, options)


def reduce_cursor(pickler: Any, cursor: Any) -> Any:
    """A cursor without rows to come. There nobody will fetch them any more, so that one may look."""
    is_empty = cursor.description is None
    if not is_empty and pickler.is_homeward:
        is_empty = is_closed(cursor.connection) or cursor.fetchone() is None
    if not is_empty:
        raise CannotTravel("a cursor with rows to fetch cannot travel")
    return new_cursor, (cursor.connection,)


def _file_of(connection: Any) -> str:
    """The path of its file; empty in memory, where SQLite names a database that was put there ``x``."""
    file = str(connection.execute("PRAGMA database_list").fetchone()[2] or "")
    return file if Path(file).is_absolute() else ""


def connect(file: str | None, data: bytes | None, options: dict[str, Any]) -> Any:
    """A connection to ``file``; to memory with ``data`` where that is empty; a closed one for None."""
    import sqlite3

    connection = sqlite3.connect(file or ":memory:")
    for name, value in options.items():
        setattr(connection, name, value)
    if data:
        connection.deserialize(data)  # type: ignore[attr-defined,unused-ignore]
    if file is None:
        connection.close()
    return connection


def new_cursor(connection: Any) -> Any:
    """A cursor, which a closed connection has too."""
    import sqlite3

    return sqlite3.Cursor(connection)


def is_closed(connection: Any) -> bool:
    import sqlite3

    try:
        return bool(connection.total_changes < 0)
    except sqlite3.ProgrammingError:
        return True


def content(connection: Any) -> bytes:
    """The pages of a database in memory; those of an open transaction too."""
    if not hasattr(connection, "serialize"):
        raise CannotTravel("a database in memory cannot travel before Python 3.11")
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        return b""
    data: bytes = connection.serialize()
    if len(data) > MAX_BYTES:
        raise CannotTravel("a database in memory of this size cannot travel")
    return data


def note(connection: Any) -> Any:
    """None for a closed one, nothing for a file, the content of a database in memory."""
    if is_closed(connection):
        return None
    return "" if _file_of(connection) else content(connection)


def repeat(connection: Any, patch: tuple[Any]) -> None:
    """Close it, or give it the content that the other has."""
    if patch[0] is None:
        connection.close()
    elif patch[0]:
        connection.deserialize(patch[0])
