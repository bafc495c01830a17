"""SQL cells speak DuckDB's dialect (PostgreSQL's, with ``FROM`` first and ``GROUP BY ALL`` allowed) on every engine.

DuckDB itself is the judge of a cell's syntax and types, whatever engine runs it; sqlglot finds its tables and translates.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.errors import BadInput

DIALECT = "duckdb"
_LINE = re.compile(r"\n+LINE (\d+): ")
_UNSTABLE = re.compile(
    r"\b(?:random|uuid\w*|gen_random_uuid|now|today|get_current_\w+|transaction_timestamp|nextval"
    r"|read_\w+|\w+_scan|glob|sniff_csv|parquet_\w+)\s*\("
    r"|\b(?:current_date|current_time|current_timestamp|localtime|localtimestamp|sample|tablesample)\b",
    re.I,
)
_KIND = re.compile(r"^(?:Parser|Binder|Catalog|Conversion|Invalid Input|Not implemented) Error: ")


class Judge:
    """What DuckDB says of a cell's SQL. Connecting and a first query take 20 to 40 ms, so a thread does them from now on;
    ``connection`` waits.

    ``connection`` is to an empty database, which the judge leaves empty. It has one thread, enough to judge; the engine may
    take it over (``RESET threads``).
    """

    def __init__(self) -> None:
        pool = ThreadPoolExecutor(1)
        self._connecting = pool.submit(_connected)
        pool.shutdown(wait=False)

    @property
    def connection(self) -> Any:
        return self._connecting.result()

    def refuse_syntax(self, text: str) -> None:
        """Refuse what is not one query.

        Raises:
            BadInput: no SQL (with the line), more than one statement, or not a query.
        """
        import duckdb

        connection = self.connection
        with sql_errors(text):
            statements = connection.extract_statements(text)
        if len(statements) != 1:
            raise BadInput(
                f"the cell holds {len(statements)} SQL statements",
                hint="write one query; WITH names its parts",
            )
        if statements[0].type != duckdb.StatementType.SELECT:
            raise BadInput(
                "the cell's SQL is no query",
                hint="write SELECT …; --sink says where its result goes",
            )

    def described(self, text: str, tables: Mapping[str, Any]) -> dict[str, str]:
        """The columns of the query's result with their DuckDB types, for tables like these, of Arrow; reads no data.

        Raises:
            BadInput: an unknown column or function, types that do not fit; with the line.
        """
        connection = self.connection
        with connection.cursor() as cursor, sql_errors(text):
            for name, table in tables.items():
                cursor.register(name, table)
            relation = cursor.sql(text)
            return dict(zip(relation.columns, map(str, relation.types), strict=True))

    def close(self) -> None:
        """Let go of the database. Safe to repeat."""
        if self._connecting.exception() is None:
            self.connection.close()


def _connected() -> Any:
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect(config={"threads": 1})
    with connection.cursor() as cursor:
        cursor.register("nothing", pa.table({"x": pa.array([], pa.int64())}))
        cursor.sql("SELECT count(*) FROM nothing").fetchall()
        cursor.unregister("nothing")
    return connection


def refuse_syntax(text: str) -> None:
    """``Judge.refuse_syntax``, by a judge for this once."""
    judge = Judge()
    try:
        judge.refuse_syntax(text)
    finally:
        judge.close()


def parse(text: str) -> Any:
    """The syntax tree of one query; None where only DuckDB understands it. Whether it is one, the judge says."""
    import sqlglot

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        return sqlglot.parse_one(text, read=DIALECT)
    except sqlglot.errors.SqlglotError:
        return None


def is_repeatable(text: str) -> bool:
    """Whether the query gives the same rows of the same sources: it draws no lots, looks at no clock, and reads no file
    that is not bound as a source. False may also mean that a name only looks like it."""
    return _UNSTABLE.search(text) is None


def tables_of(tree: Any) -> list[str]:
    """The names of tables that a query reads and does not define itself."""
    from sqlglot import exp

    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    names = [
        table.name for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier)
    ]
    return [name for name in dict.fromkeys(names) if name.lower() not in own]


def refuse_unknown_tables(tree: Any, known: Collection[str]) -> None:
    """Refuse a query that reads a table that is no source.

    Raises:
        BadInput: such a table, with those that there are.
    """
    have = {name.lower() for name in known}
    for name in tables_of(tree):
        if name.lower() not in have:
            there = ", ".join(sorted(known)) or "none"
            raise BadInput(
                f"SQL: there is no table {name!r}",
                hint=f"sources: {there}; bind one with --source {name}=URI, or name a frame of the notebook",
            )


@contextlib.contextmanager
def sql_errors(text: str) -> Iterator[None]:
    """DuckDB's errors of a query as one sentence with the line of ``text``."""
    import duckdb

    try:
        yield
    except duckdb.Error as exc:
        raise BadInput(sentence(str(exc), text), hint=_candidates(str(exc))) from exc


def sentence(message: str, text: str = "") -> str:
    """What DuckDB says, in one sentence: ``SQL, line 2: column "foo" not found …``."""
    at = _LINE.search(message)
    first = _KIND.sub("", message.split("\n", maxsplit=1)[0]).rstrip("!. ")
    line = int(at[1]) if at else _line_of(first, text)
    return f"SQL{f', line {line}' if line else ''}: {first}"


def _line_of(said: str, text: str) -> int:
    """The line of the word that a message quotes; 0 where it is not to be found."""
    for word in re.findall(r'"([^"]+)"|name (\w+)|column (\w+)', said):
        wanted = next(filter(None, word))
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(rf"\b{re.escape(wanted)}\b", line, re.I):
                return number
    return 0


def _candidates(message: str) -> str:
    found = re.search(r"Candidate bindings: (.+)", message) or re.search(
        r"Did you mean (.+?)\?", message
    )
    return f"did you mean {found[1].strip()}?" if found else ""


def translated(tree: Any, dialect: str) -> str:
    """The query in another engine's SQL, with the order of nulls written out.

    Raises:
        BadInput: sqlglot has no way to say it there.
    """
    import sqlglot

    if tree is None:
        raise BadInput(
            f"this SQL cannot be said to {dialect}",
            hint="--engine duckdb runs it, or write it plainer",
        )
    try:
        text: str = tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.UnsupportedError as exc:
        raise BadInput(
            f"this SQL cannot be said to {dialect}: {str(exc).splitlines()[0]}",
            hint="--engine duckdb runs it, or write it plainer",
        ) from exc
    return text
