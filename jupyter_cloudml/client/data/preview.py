"""The head of an object: its schema and first rows, or its first lines; by ranges, whatever its size."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ...core.errors import BadInput, Corrupt
from ...prep.formats import ARROW, CSV, JSONL, PARQUET, known_format
from ...stores.port import ObjectInfo, Store
from .ranged import BlockFile

MOST_ROWS = 1000
TEXT = "text"
_HEAD = 1 << 20
_CELL = 1000
_UNREADABLE = (OSError, ValueError, OverflowError, RecursionError, zlib.error)
_EXACT = 2**53
"""Whole numbers beyond this are told as text: a browser's numbers are doubles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """``rows`` holds a list for each row, of values that JSON has; ``total_rows`` is None where the file does not say."""

    format: str
    columns: tuple[tuple[str, str], ...] = ()
    rows: list[list[Any]] = field(default_factory=list)
    total_rows: int | None = None
    text: str = ""
    fetched: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "rows": self.rows,
            "total_rows": self.total_rows,
            "text": self.text,
            "fetched": self.fetched,
        }


def preview(store: Store, info: ObjectInfo, rows: int = 10) -> Preview:
    """The first ``rows`` rows of a table (Parquet, CSV, JSON lines, Arrow; the last three also ``.gz``), or lines of a text.

    Raises:
        BadInput: it is neither a table that we know nor text.
        Corrupt: its name says a format that its bytes are not.
    """
    import pyarrow as pa

    rows = min(rows, MOST_ROWS)
    name = info.key.removesuffix(".gz")
    found = known_format(name)
    read = {PARQUET: _parquet, ARROW: _arrow, CSV: _csv, JSONL: _jsonl}.get(found)
    file = BlockFile(store, info)
    try:
        if read is None or (name != info.key and found in (PARQUET, ARROW)):
            return _text(file, rows)
        return read(file, rows)
    except (*_UNREADABLE, pa.ArrowException) as exc:
        said = str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__
        hint = f"is it really {found}?" if found else ""
        raise Corrupt(
            f"{info.key.rpartition('/')[2]!r} cannot be read as {found or 'text'}: {said}",
            hint=hint,
        ) from exc


def _parquet(file: BlockFile, rows: int) -> Preview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(pa.PythonFile(file, "r"), pre_buffer=False, buffer_size=64 << 10)
    batch = next(table.iter_batches(batch_size=max(rows, 1), use_threads=False), None)
    return _of_arrow(PARQUET, table.schema_arrow, batch, rows, table.metadata.num_rows, file)


def _arrow(file: BlockFile, rows: int) -> Preview:
    import pyarrow as pa

    if file.read(6) == b"ARROW1":
        file.seek(0)
        reader: Any = pa.ipc.open_file(pa.PythonFile(file, "r"))
        batch = reader.get_batch(0) if reader.num_record_batches else None
    else:
        file.seek(0)
        reader = pa.ipc.open_stream(pa.PythonFile(file, "r"))
        batch = next(iter(reader), None)
    return _of_arrow(ARROW, reader.schema, batch, rows, None, file)


def _csv(file: BlockFile, rows: int) -> Preview:
    import pyarrow as pa
    from pyarrow import csv

    data, is_whole = _lines(file)
    if not data.strip():
        return Preview(format=CSV, fetched=file.fetched)
    options = csv.ReadOptions(block_size=max(len(data) + 1, 1 << 16), use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(pa.BufferReader(data), read_options=options, parse_options=parse)
    total = table.num_rows if is_whole else None
    return _of_arrow(CSV, table.schema, table, rows, total, file)


def _jsonl(file: BlockFile, rows: int) -> Preview:
    import pyarrow as pa

    data, is_whole = _lines(file)
    lines = [line for line in data.splitlines() if line.strip()]
    records = [json.loads(line) for line in lines[: max(rows, 100)]]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("a line is no JSON object")
    names = list(dict.fromkeys(name for record in records for name in record))
    table = pa.table({name: pa.array([r.get(name) for r in records]) for name in names})
    total = len(lines) if is_whole else None
    return _of_arrow(JSONL, table.schema, table, rows, total, file)


def _of_arrow(
    kind: str,
    schema: Any,
    batch: Any,
    rows: int,
    total: int | None,
    file: BlockFile,
) -> Preview:
    columns = tuple((field.name, str(field.type)) for field in schema)
    head = batch.slice(0, rows) if batch is not None else None
    values = [_cells(column) for column in head.columns] if head is not None else []
    return Preview(
        format=kind,
        columns=columns,
        rows=[[plain(value) for value in row] for row in zip(*values, strict=True)],
        total_rows=total,
        fetched=file.fetched,
    )


def _cells(column: Any) -> list[Any]:
    """The values; as text where Python has none for them (a date of the year 12,000)."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast("string").to_pylist())


def _text(file: BlockFile, rows: int) -> Preview:
    data = _head(file)
    if len(data) >= _HEAD:  # a character may be cut in two
        data = data[: data.rfind(b"\n") + 1] or data[: data.rfind(b" ") + 1]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        hint = "heads are shown of Parquet, CSV, JSON lines, Arrow and text"
        raise BadInput(
            f"{file.info.key.rpartition('/')[2]!r} is neither a table nor text", hint=hint
        )
    shown = "\n".join(line[:_CELL] for line in text.splitlines()[:rows])
    return Preview(format=TEXT, text=shown, fetched=file.fetched)


def _head(file: BlockFile) -> bytes:
    """The first MiB of what the file holds, unpacked where it is packed."""
    data = file.read(_HEAD)
    if not file.info.key.endswith(".gz"):
        return data
    return zlib.decompressobj(wbits=31).decompress(data, 4 * _HEAD)


def _lines(file: BlockFile) -> tuple[bytes, bool]:
    """The first MiB up to the end of a line, and whether that is all."""
    data = _head(file)
    if not file.info.key.endswith(".gz") and len(data) == file.info.size:
        return data, True
    cut = data.rfind(b"\n") + 1
    return (data[:cut] if cut else data), False


def plain(value: Any) -> Any:
    """A cell as JSON has it; long ones are cut, what JSON has no form for is text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value[:_CELL]).decode() + ("…" if len(value) > _CELL else "")
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, dict | list | tuple):
        return _cut(json.dumps(_nested(value), ensure_ascii=False))
    return _cut(str(value))


def _nested(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _nested(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(item) for item in value[:_CELL]]
    return plain(value)


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else text[:_CELL] + "…"
