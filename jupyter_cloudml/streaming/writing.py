"""Shards that stream fast: Parquet, an array a sample as its bytes, with its type and shape beside the column."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..core.errors import BadInput, NotInstalled
from ..stores.aside import aside
from ..stores.open import open_store

_GROUP_BYTES = 8 << 20
_PAGE_BYTES = 1 << 30
"""Larger than a row group: a column of it is one page, whose values are used where they lie."""


def write(
    uri: str,
    samples: Iterable[Mapping[str, Any]],
    *,
    shard_bytes: int = 128 << 20,
    rows: int | None = None,
) -> list[str]:
    """Write ``samples`` (dicts of numbers, strings, bytes, arrays and tensors) as Parquet shards below the folder ``uri``.

    A shard is about ``shard_bytes`` large and has row groups of about 8 MiB, or of ``rows`` samples. Returns the URIs of
    the shards. A shard appears whole or not at all; an exception leaves the shards that were finished. Arrays of a column
    have one type and shape.

    Raises:
        BadInput: a sample differs in its columns, types or shapes.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise NotInstalled("writing shards needs pyarrow", hint="pip install pyarrow") from exc
    written: list[str] = []
    schema = None
    source = iter(samples)
    while True:
        file, rest = io.BytesIO(), shard_bytes
        writer = None
        while rest > 0 and (group := _group(source, rows)):
            table = _table(group)
            schema = schema or table.schema
            if not table.schema.equals(schema, check_metadata=True):
                raise BadInput(
                    f"a sample has {table.schema.to_string()}, the first had {schema.to_string()}",
                    hint="give every sample the same columns, types and shapes",
                )
            writer = writer or pq.ParquetWriter(
                file,
                schema,
                compression="none",
                use_dictionary=False,
                write_statistics=False,
                data_page_size=_PAGE_BYTES,
            )
            writer.write_table(table, row_group_size=len(group))
            rest -= table.nbytes
        if writer is None:
            return written
        writer.close()
        name = f"{uri.rstrip('/')}/shard-{len(written):06d}.parquet"
        aside(name, put, name, file.getvalue())
        written.append(name)


def put(uri: str, data: bytes) -> None:
    """Store ``data`` at ``uri``."""
    store, key = open_store(uri)
    store.put(key, data)


def _group(source: Iterator[Mapping[str, Any]], rows: int | None) -> list[Mapping[str, Any]]:
    """The samples of one row group."""
    if rows is not None:
        return list(islice(source, rows))
    group: list[Mapping[str, Any]] = []
    size = 0
    for sample in source:
        group.append(sample)
        size += sum(getattr(value, "nbytes", 64) for value in sample.values())
        if size >= _GROUP_BYTES:
            break
    return group


def _table(group: list[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    fields, arrays = [], []
    for name in group[0]:
        try:
            values = [sample[name] for sample in group]
        except KeyError as exc:
            raise BadInput(f"a sample has no {name!r}", hint="the first sample has") from exc
        field, array = _column(name, values)
        fields.append(field)
        arrays.append(array)
    return pa.table(arrays, schema=pa.schema(fields))


def _column(name: str, values: list[Any]) -> tuple[Any, Any]:
    import numpy as np
    import pyarrow as pa

    if not hasattr(values[0], "shape") or not values[0].shape:
        array = pa.array([value.item() if hasattr(value, "item") else value for value in values])
        return pa.field(name, array.type), array
    arrays = [np.ascontiguousarray(value) for value in values]
    kinds = {(array.dtype, array.shape) for array in arrays}
    if len(kinds) > 1 or arrays[0].dtype.kind not in "biufc":
        told = ", ".join(sorted(f"{dtype}{list(shape)}" for dtype, shape in kinds))
        raise BadInput(f"the arrays of {name!r} are {told}", hint="one type and shape a column")
    dtype, shape = kinds.pop()
    data = pa.py_buffer(np.stack(arrays))
    binary = pa.binary(arrays[0].nbytes)
    beside = {"dtype": dtype.str, "shape": json.dumps(shape)}
    field = pa.field(name, binary, nullable=False, metadata=beside)
    return field, pa.FixedSizeBinaryArray.from_buffers(binary, len(arrays), [None, data])
