"""BigQuery: the query goes to where the data lies.

``--source t=bq://project.dataset.table`` is read there, ``--sink bq://project.dataset.table`` written there; neither passes
through this machine. Files and frames are uploaded as tables of a dataset that goes with the job. Python cells become
one query: narwhals speaks to Ibis, which writes the SQL. Project and credentials are Google's defaults.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import BadInput, CloudMLError, NotFound, PermissionDenied, Unavailable
from ..arrow import arrow_of
from ..formats import BIGQUERY
from ..sql import translated
from ..tables import Table
from .polars import PolarsEngine
from .polars import scan as polars_scan
from .polars_errors import polars_error, unknown_column
from .port import Limits, Output, SqlCell

EXPIRES_MS = 24 * 3600 * 1000
"""Uploaded tables go by themselves after a day, should the job be killed."""

_HINT = "set GOOGLE_CLOUD_PROJECT, and see gcloud auth application-default login"


@dataclass(frozen=True, slots=True)
class BigQueryTable:
    """A lazy frame: a table or a query, as ``SELECT`` text of BigQuery, and the Arrow schema where it is known."""

    text: str
    name: str = ""
    path: str = ""


class BigQueryEngine:
    """See ``port.Engine``."""

    name = "bigquery"

    def __init__(self, limits: Limits) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import bigquery

        self.version: str = bigquery.__version__
        self._here = PolarsEngine(limits)
        self._dataset = ""
        self._paths: dict[str, str] = {}
        try:
            self._client = bigquery.Client(**_for_emulator())
        except (GoogleAuthError, GoogleAPIError, OSError) as exc:
            raise Unavailable(f"BigQuery cannot be asked: {_first_line(exc)}", hint=_HINT) from exc

    def scan(self, table: Table) -> Any:
        if table.format == BIGQUERY:
            path = table.uri.removeprefix("bq://")
            if path.count(".") == 1:
                path = f"{self._client.project}.{path}"
            self._client.get_table(path)
            return self._named(table.name, path)
        with self._here.errors(""):
            frame = polars_scan(table).collect(engine="streaming")
        return self._uploaded(table.name, frame)

    def frame(self, name: str, value: Any) -> Any:
        import polars as pl

        return self._uploaded(name, pl.from_arrow(arrow_of(value)))

    def _named(self, name: str, path: str) -> BigQueryTable:
        self._paths[name] = path
        return BigQueryTable(text=_all_of(path), name=name, path=path)

    def _uploaded(self, name: str, frame: Any) -> BigQueryTable:
        from google.cloud import bigquery

        if not self._dataset:
            self._dataset = f"{self._client.project}.cloudprep_{secrets.token_hex(6)}"
            dataset = bigquery.Dataset(self._dataset)
            dataset.default_table_expiration_ms = EXPIRES_MS
            self._client.create_dataset(dataset)
        path = f"{self._dataset}.{name}"
        self._client.create_table(bigquery.Table(path, schema=_fields(frame)))
        data = io.BytesIO()
        frame.write_parquet(data)
        data.seek(0)
        config = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET)
        self._client.load_table_from_file(data, path, job_config=config).result()
        return self._named(name, path)

    def sql(self, cell: SqlCell, tables: Mapping[str, Any]) -> Any:
        del tables  # they are known by their paths
        query = BigQueryTable(text=self._placed(translated(cell.tree, "bigquery")))
        if not cell.types:  # nobody has looked at its columns yet
            self._dry_run(query.text)
        return query

    def _dry_run(self, text: str) -> None:
        from google.cloud import bigquery

        self._client.query(text, job_config=bigquery.QueryJobConfig(dry_run=True))

    def _placed(self, text: str) -> str:
        """The query with the tables' own names instead of those of the cell."""
        import sqlglot
        from sqlglot import exp

        tree = sqlglot.parse_one(text, read="bigquery")
        own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
        paths = {name.lower(): path for name, path in self._paths.items()}
        for table in list(tree.find_all(exp.Table)):
            path = paths.get(table.name.lower())
            if path is None or table.name.lower() in own or table.args.get("db"):
                continue
            alias = table.alias or table.name
            table.replace(exp.to_table(path, dialect="bigquery", alias=alias))
        return str(tree.sql(dialect="bigquery"))

    def speak(self, lazy: Any) -> Any:
        import ibis
        import narwhals as nw

        columns = {
            field.name: _IBIS.get(field.field_type, "string")
            for field in self._client.get_table(lazy.path).schema
        }
        return nw.from_native(ibis.table(columns, name=lazy.name))

    def native(self, spoken: Any) -> Any:
        import ibis

        text = str(ibis.to_sql(spoken.to_native(), dialect="bigquery"))
        return BigQueryTable(text=self._placed(text))

    def collect(self, lazy: Any, limit: int | None = None) -> Any:
        import polars as pl

        text = lazy.text if limit is None else f"SELECT * FROM ({lazy.text}) LIMIT {limit}"  # noqa: S608 - a subquery
        found = self._client.query(text).result().to_arrow(create_bqstorage_client=False)
        return pl.from_arrow(_without_extensions(found))

    def write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            frame = self.collect(output.lazy)
            self._here.write(
                [Output(lazy=frame.lazy(), path=output.path, sink=output.sink, meter=output.meter)]
            )

    def store(self, lazy: Any, uri: str) -> Any:
        """Write the result into the table ``uri``, whole or not at all; a frame of its first rows, and its counts."""
        path = uri.removeprefix("bq://")
        path = path if path.count(".") == 2 else f"{self._client.project}.{path}"
        self._client.query(f"CREATE OR REPLACE TABLE `{path}` AS {lazy.text}").result()
        return BigQueryTable(text=_all_of(path), path=path)

    def count(self, lazy: Any) -> tuple[int, dict[str, int]]:
        """Rows, and missing values by column, counted there."""
        columns = [field.name for field in self._client.get_table(lazy.path).schema]
        nulls = "".join(f", COUNTIF(`{name}` IS NULL)" for name in columns)
        text = f"SELECT COUNT(*){nulls} FROM `{lazy.path}`"  # noqa: S608
        row = tuple(next(iter(self._client.query(text).result())))
        return row[0], dict(zip(columns, row[1:], strict=True))

    @contextlib.contextmanager
    def errors(self, code: str) -> Iterator[None]:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            yield
        except CloudMLError:
            raise
        except exceptions.NotFound as exc:
            raise NotFound(f"BigQuery: {_said(exc)}", hint="bq://project.dataset.table") from exc
        except exceptions.Forbidden as exc:
            raise PermissionDenied(f"BigQuery: {_said(exc)}", hint=_HINT) from exc
        except exceptions.ClientError as exc:
            raise _sentence(_said(exc), code) from exc
        except (exceptions.GoogleAPIError, GoogleAuthError) as exc:
            raise Unavailable(f"BigQuery does not answer: {_first_line(exc)}", hint=_HINT) from exc
        except Exception as exc:
            known = polars_error(exc, code, [])
            if known is None:
                raise
            raise known from exc

    def close(self) -> None:
        if self._dataset:
            with contextlib.suppress(Exception):  # it expires by itself
                self._client.delete_dataset(self._dataset, delete_contents=True, not_found_ok=True)
        self._client.close()


def _all_of(path: str) -> str:
    return f"SELECT * FROM `{path}`"  # noqa: S608 - a table's own name


def _fields(frame: Any) -> list[Any]:
    """The columns of a Polars frame as BigQuery has them.

    Raises:
        BadInput: a nested column.
    """
    import polars as pl
    from google.cloud import bigquery

    fields = []
    for name, kind in frame.schema.items():
        if kind.is_nested():
            raise BadInput(
                f"column {name!r} is nested ({kind})", hint="unnest it before BigQuery gets it"
            )
        found = next(
            (word for known, word in _KINDS.items() if str(kind).startswith(known)), "STRING"
        )
        zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
        fields.append(bigquery.SchemaField(name, "TIMESTAMP" if zoned else found))
    return fields


_KINDS = {
    "Int": "INT64",
    "UInt": "INT64",
    "Float": "FLOAT64",
    "Boolean": "BOOL",
    "Datetime": "DATETIME",
    "Date": "DATE",
    "Time": "TIME",
    "Decimal": "NUMERIC",
    "Binary": "BYTES",
}


_IBIS = {
    "INTEGER": "int64",
    "INT64": "int64",
    "FLOAT": "float64",
    "FLOAT64": "float64",
    "BOOLEAN": "boolean",
    "BOOL": "boolean",
    "DATE": "date",
    "TIME": "time",
    "DATETIME": "timestamp(6)",
    "TIMESTAMP": "timestamp('UTC', 6)",
    "BYTES": "binary",
    "NUMERIC": "decimal(38, 9)",
}


def _without_extensions(table: Any) -> Any:
    """The table with Arrow's own types: BigQuery marks its DATETIME and others as extensions of them."""
    import pyarrow as pa

    plain = pa.schema([pa.field(field.name, field.type, field.nullable) for field in table.schema])
    return pa.Table.from_arrays(table.columns, schema=plain)


def _sentence(said: str, code: str) -> BadInput:
    missing = re.search(r"Unrecognized name: (\w+)|column \"(\w+)\" not found", said)
    if missing:
        return unknown_column(next(filter(None, missing.groups())), "", code)
    return BadInput(f"BigQuery: {said}")


def _said(exc: Any) -> str:
    errors = getattr(exc, "errors", None) or []
    text = str(errors[0].get("message", "")) if errors and isinstance(errors[0], dict) else ""
    return (text or str(getattr(exc, "message", exc))).strip().splitlines()[0][:300]


def _for_emulator() -> dict[str, Any]:
    """``BIGQUERY_EMULATOR_HOST`` is honoured by the client; it wants credentials nevertheless."""
    if not os.environ.get("BIGQUERY_EMULATOR_HOST"):
        return {}
    from google.auth.credentials import AnonymousCredentials

    return {"credentials": AnonymousCredentials()}  # type: ignore[no-untyped-call]


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
