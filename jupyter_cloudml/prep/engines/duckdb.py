"""DuckDB: the engine of the SQL that is more than Polars speaks; what does not fit in memory goes to the disk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.errors import BadInput, CloudMLError, Unavailable
from ...core.uris import scheme_of
from ..arrow import arrow_of
from ..diagnose import fault_in, refuse_mixed
from ..formats import ARROW, CSV, JSONL, PARQUET
from ..sql import Judge, sentence, sql_errors
from ..tables import Table
from .duckdb_files import PROTOCOL, mounted, store_files
from .polars import scan as polars_scan
from .polars_errors import polars_error, unknown_column
from .port import Limits, Output, SqlCell

_SHARE = 0.7
"""Of ``--memory``; the rest is for the interpreter and what DuckDB does not count."""


class DuckDBEngine:
    """See ``port.Engine``."""

    name = "duckdb"

    def __init__(self, limits: Limits, judge: Judge | None = None) -> None:
        import duckdb

        self.version: str = duckdb.__version__
        self._connection = judge.connection if judge else duckdb.connect()
        self._tables: list[Table] = []
        self._connection.execute("RESET threads")
        self._connection.execute("SET TimeZone = 'UTC'")
        spill = limits.scratch / "duckdb"
        self._connection.execute(f"SET temp_directory = {_quoted(str(spill))}")
        if limits.memory_mib:
            self._connection.execute(f"SET memory_limit = '{int(limits.memory_mib * _SHARE)}MiB'")
            self._connection.execute("SET preserve_insertion_order = false")

    def scan(self, table: Table) -> Any:
        refuse_mixed(table)
        self._tables.append(table)
        if table.format == ARROW:
            return self._connection.from_arrow(_dataset(table))
        places = table.patterns
        if scheme_of(table.files[0].uri) != "file":
            self._mount()
            places = [mounted(place) for place in places]
        partitions = {"hive_partitioning": table.is_partitioned}
        if table.format == PARQUET:
            return self._connection.read_parquet(places, **partitions)
        types = _types(table)
        if table.format == CSV:
            return self._connection.read_csv(places, header=True, columns=types, **partitions)
        return self._connection.read_json(
            places, format="newline_delimited", columns=types, **partitions
        )

    def _mount(self) -> None:
        if not self._connection.filesystem_is_registered(PROTOCOL):
            self._connection.register_filesystem(store_files())

    def frame(self, name: str, value: Any) -> Any:
        del name
        return self._connection.from_arrow(arrow_of(value))

    def sql(self, cell: SqlCell, tables: Mapping[str, Any]) -> Any:
        for name, relation in tables.items():
            relation.create_view(name, replace=True)
        with sql_errors(cell.text):
            return _plain_integers(self._connection.sql(cell.text))

    def speak(self, lazy: Any) -> Any:
        import narwhals as nw

        return nw.from_native(lazy)

    def native(self, spoken: Any) -> Any:
        return spoken.to_native()

    def collect(self, lazy: Any, limit: int | None = None) -> Any:
        return _plain_integers(lazy if limit is None else lazy.limit(limit)).pl()

    def write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.sink.format == ARROW:
                self._write_arrow(output)
            else:
                self._copy(output)

    def _copy(self, output: Output) -> None:
        sink, where = output.sink, output.path
        options = {PARQUET: "FORMAT parquet, COMPRESSION zstd", CSV: "FORMAT csv, HEADER"}.get(
            sink.format, "FORMAT json"
        )
        if sink.is_folder:
            where.mkdir()
        if sink.partition_by:
            columns = ", ".join(_name(column) for column in sink.partition_by)
            options += f", PARTITION_BY ({columns})"
            if sink.format == JSONL:
                options += ", FILE_EXTENSION 'jsonl'"
        elif sink.is_folder:
            where = where / f"part-0.{sink.format}"
        _plain_integers(output.lazy).create_view("cloudprep_result", replace=True)
        self._connection.execute(
            f"COPY (FROM cloudprep_result) TO {_quoted(str(where))} ({options})"
        )

    def _write_arrow(self, output: Output) -> None:
        import pyarrow as pa

        if output.sink.partition_by:
            raise BadInput(
                "DuckDB writes no partitions of Arrow files",
                hint="--format parquet, or --engine polars",
            )
        where = output.path
        if output.sink.is_folder:
            where.mkdir()
            where = where / "part-0.arrow"
        batches = _plain_integers(output.lazy).to_arrow_reader(100_000)
        with pa.OSFile(str(where), "wb") as file, pa.ipc.new_file(file, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    @contextlib.contextmanager
    def errors(self, code: str) -> Iterator[None]:
        import duckdb

        try:
            yield
        except CloudMLError:
            raise
        except duckdb.OutOfMemoryException as exc:
            raise Unavailable(
                f"DuckDB: {str(exc).splitlines()[0]}", hint="give the job more --memory or disk"
            ) from exc
        except duckdb.Error as exc:
            raise self._sentence(exc, code) from exc
        except Exception as exc:
            known = polars_error(exc, code, self._tables)
            if known is None:
                raise
            raise known from exc

    def _sentence(self, exc: Exception, code: str) -> CloudMLError:
        text = str(exc)
        if "No space left" in text:
            return Unavailable("the disk is full", hint="free some space, or choose another --sink")
        missing = re.search(r'column "([^"]+)" not found', text)
        if missing:
            found = re.search(r"Candidate bindings: (.+)", text)
            return unknown_column(missing[1], found[1] if found else "", code)
        of_text = re.search(r"(CSV Error on Line: \d+).*?file = ([^\n]+)", text, re.DOTALL)
        if of_text:
            why = re.search(r"Error when converting[^\n]+|Expected Number[^\n]+", text)
            more = f": {why[0].rstrip('.')}" if why else ""
            return BadInput(f"{of_text[2].strip()!r}: {of_text[1]}{more}", hint="correct that line")
        of_file = re.search(
            r"reading file|Failed to read|No magic bytes|end of file|CSV Error", text
        )
        return (fault_in(self._tables) if of_file else None) or BadInput(sentence(text, code))

    def close(self) -> None:
        self._connection.close()


def _plain_integers(relation: Any) -> Any:
    """128-bit integers (what DuckDB sums into) as 64-bit ones, which every format has."""
    huge = [n for n, t in zip(relation.columns, relation.types, strict=True) if str(t) == "HUGEINT"]
    if not huge:
        return relation
    casts = ", ".join(f"CAST({_name(n)} AS BIGINT) AS {_name(n)}" for n in huge)
    return relation.project(f"* REPLACE ({casts})")


def _types(table: Table) -> dict[str, str]:
    """Columns and types of a text file as Polars infers them, so that every engine sees the same."""
    import duckdb
    import polars as pl

    lazy = polars_scan(table)
    schema = lazy.collect_schema()
    parts = {n for place in table.places for n in re.findall(r"(?<=/)([^/=]+)=[^/]*(?=/)", place)}
    empty = pl.DataFrame(schema=schema).drop(
        [n for n in parts if n in schema and table.is_partitioned]
    )
    with duckdb.connect() as connection:
        relation = connection.from_arrow(empty.to_arrow())
        return dict(zip(relation.columns, map(str, relation.types), strict=True))


def _dataset(table: Table) -> Any:
    import pyarrow.dataset as ds
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    partitioning = "hive" if table.is_partitioned else None
    if scheme_of(table.files[0].uri) == "file":
        return ds.dataset(table.places, format="ipc", partitioning=partitioning)
    files = PyFileSystem(FSSpecHandler(store_files()))
    places = [mounted(place) for place in table.places]
    return ds.dataset(places, format="ipc", filesystem=files, partitioning=partitioning)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
