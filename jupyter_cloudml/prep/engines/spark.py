"""Any Spark, through Spark Connect: ``SPARK_REMOTE`` says which (``sc://host:port``), as for every Spark client.

The cluster reads sources by itself, with its own credentials, and must see the paths of files that are on disks. It
writes a folder of Parquet by itself, too; other results come back through a folder that both see, and are written here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import BadInput, CloudMLError, Unavailable
from ...core.uris import scheme_of
from ..arrow import arrow_of
from ..diagnose import fault_in, refuse_mixed
from ..formats import ARROW, CSV, PARQUET
from ..sql import translated
from ..tables import Table
from .polars import PolarsEngine
from .polars import scan as polars_scan
from .polars_errors import polars_error, unknown_column
from .port import Limits, Output, SqlCell

_HINT = "set SPARK_REMOTE=sc://host:port to a Spark Connect server"
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What makes Spark count and compare as the other engines do."""


class SparkEngine:
    """See ``port.Engine``."""

    name = "spark"

    def __init__(self, limits: Limits) -> None:
        _hush()
        from pyspark.sql import SparkSession

        remote = os.environ.get("SPARK_REMOTE", "")
        if not remote:
            raise BadInput("engine 'spark': there is no Spark", hint=_HINT)
        self._tables: list[Table] = []
        self._here = PolarsEngine(limits)
        self._scratch = limits.scratch / "spark"
        try:
            self._spark = SparkSession.builder.remote(remote).create()
            self.version = str(self._spark.version)
            for name, value in _SETTINGS.items():
                self._spark.conf.set(name, value)
        except Exception as exc:
            raise Unavailable(
                f"Spark at {_without_token(remote)} does not answer: {_first_line(exc)}", hint=_HINT
            ) from exc

    def scan(self, table: Table) -> Any:
        refuse_mixed(table)
        self._tables.append(table)
        if table.format == ARROW:
            raise BadInput(
                f"--source {table.name}: Spark reads no Arrow IPC files",
                hint="--engine polars does",
            )
        reader = self._spark.read
        if table.is_partitioned:
            reader = reader.option("basePath", _far(_folder(table)))
        places = [_far(place) for place in table.places]
        if table.format == PARQUET:
            return reader.parquet(*places)
        schema = self._schema(table)
        reader = reader.schema(schema)
        if table.format == CSV:
            return reader.option("mode", "FAILFAST").csv(places, header=True)
        return reader.option("mode", "FAILFAST").json(places)

    def _schema(self, table: Table) -> Any:
        """Columns and types of a text file as Polars infers them, so that every engine sees the same."""
        from pyspark.sql.pandas.types import from_arrow_schema

        return from_arrow_schema(
            arrow_of(polars_scan(table).head(0)).schema, prefer_timestamp_ntz=True
        )

    def frame(self, name: str, value: Any) -> Any:
        del name
        return self._spark.createDataFrame(_plain(arrow_of(value)))

    def sql(self, cell: SqlCell, tables: Mapping[str, Any]) -> Any:
        for name, lazy in tables.items():
            lazy.createOrReplaceTempView(name)
        found = self._spark.sql(translated(cell.tree, "spark"))
        kinds = {name: _SPARK_TYPES.get(kind) for name, kind in cell.types.items()}
        if not kinds or len(set(kinds)) != len(found.columns):
            return found
        from pyspark.sql import functions as fn

        return found.select(
            *(
                fn.col(f"`{have}`").cast(kind).alias(name)
                if kind
                else fn.col(f"`{have}`").alias(name)
                for have, (name, kind) in zip(found.columns, kinds.items(), strict=True)
            )
        )

    def speak(self, lazy: Any) -> Any:
        import narwhals as nw

        return nw.from_native(lazy)

    def native(self, spoken: Any) -> Any:
        return spoken.to_native()

    def collect(self, lazy: Any, limit: int | None = None) -> Any:
        import polars as pl

        return pl.from_arrow((lazy if limit is None else lazy.limit(limit)).toArrow())

    def write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.sink.is_folder and output.sink.format == PARQUET:
                self._write_folder(output.lazy, output.path, output.sink.partition_by)
                continue
            with self._shared() as folder:
                self._write_folder(output.lazy, folder / "result", ())
                back = self._read_back(folder / "result")
                self._here.write(
                    [Output(lazy=back, path=output.path, sink=output.sink, meter=output.meter)]
                )

    def _write_folder(self, lazy: Any, path: Path, partition_by: Sequence[str]) -> None:
        """The files of a folder; the cluster's workers must see the path."""
        writer = lazy.write.mode("overwrite").option("compression", "zstd")
        if partition_by:
            writer = writer.partitionBy(*partition_by)
        writer.parquet(path.as_uri())
        if not path.is_dir():
            raise BadInput(
                f"Spark's workers do not see {str(path.parent)!r}",
                hint="name a sink on a file system that they share with this machine, or -o",
            )
        for extra in [*path.rglob("_*"), *path.rglob(".*")]:
            extra.unlink(missing_ok=True) if extra.is_file() else shutil.rmtree(extra)

    def _read_back(self, path: Path) -> Any:
        import polars as pl

        return pl.scan_parquet(sorted(path.glob("*.parquet")), glob=False)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[Path]:
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Path(folder)

    @contextlib.contextmanager
    def errors(self, code: str) -> Iterator[None]:
        from pyspark.errors import PySparkException

        try:
            yield
        except CloudMLError:
            raise
        except PySparkException as exc:
            raise self._sentence(exc, code) from exc
        except Exception as exc:
            known = polars_error(exc, code, self._tables)
            if known is None:
                raise
            raise known from exc

    def _sentence(self, exc: Any, code: str) -> CloudMLError:
        kind, said = str(exc.getCondition() or ""), exc.getMessageParameters() or {}
        if kind.startswith("UNRESOLVED_COLUMN"):
            name = said.get("objectName", "").replace("`", "").rpartition(".")[2]
            return unknown_column(name, said.get("proposal", "").replace("`", ""), code)
        if "FAILED_READ" in kind or "MALFORMED" in kind or "PARQUET" in kind:
            found = fault_in(self._tables)
            if found is not None:
                return found
        line = re.sub(r"^\[[A-Z0-9_.]+\]\s*", "", _first_line(exc))
        return BadInput(f"Spark: {line}")

    def close(self) -> None:
        with contextlib.suppress(Exception):  # the server may be gone
            self._spark.stop()


_SPARK_TYPES = {"HUGEINT": "bigint", "BIGINT": "bigint", "INTEGER": "int", "DOUBLE": "double"}
_FAR_SCHEMES = {"s3": "s3a", "az": "wasbs"}


def _far(uri: str) -> str:
    """The URI as Hadoop's file systems spell it; they take paths as they are, without ``%``."""
    scheme = scheme_of(uri)
    if scheme == "file":
        return f"file://{uri}"
    return (
        uri.replace(f"{scheme}://", f"{_FAR_SCHEMES[scheme]}://", 1)
        if scheme in _FAR_SCHEMES
        else uri
    )


def _folder(table: Table) -> str:
    """The folder that the partitions are below."""
    first = table.places[0]
    found = re.search(r"/[^/=]+=[^/]*/", first)
    return first[: found.start()] if found else first.rpartition("/")[0]


def _plain(table: Any) -> Any:
    """Arrow types that Spark has none of as those that it has: unsigned and large ones, dictionaries, nanoseconds."""
    import pyarrow as pa

    wider = {"uint8": pa.int16(), "uint16": pa.int32(), "uint32": pa.int64(), "uint64": pa.int64()}

    def kind(field: Any) -> Any:
        found = field.type
        if pa.types.is_dictionary(found):
            found = found.value_type
        if pa.types.is_large_string(found) or str(found) == "string_view":
            return pa.string()
        if pa.types.is_timestamp(found):
            return pa.timestamp("us", found.tz)
        return wider.get(str(found), found)

    return table.cast(pa.schema([pa.field(f.name, kind(f), f.nullable) for f in table.schema]))


def _hush() -> None:
    """What pyspark says to developers of it: pandas 3, and a JSON line for each error that is raised anyway."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _without_token(remote: str) -> str:
    return remote.partition(";")[0]


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
