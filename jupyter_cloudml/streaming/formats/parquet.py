"""Parquet: a unit is a row group; of it only the columns that are asked for are fetched.

A column of fixed-size binary whose field has the metadata ``dtype`` and ``shape`` (``streaming.write`` makes such) is an
array of that type a sample: this is how images and the like stream fastest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import BadInput, Corrupt
from ...stores.ranged import RangedFile
from ..columns import Rows
from ..pieces import Pieces
from ..shards import Found, Reading, Shard, Unit
from .pages import values

if TYPE_CHECKING:
    from ...stores.port import ObjectInfo, Store

SUFFIXES = (".parquet",)
_GAP_BYTES = 1 << 20
_FOOTER_GUESS = 64 << 10


def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:
    """One unit a row group, by the footer."""
    uri = f"{store.root}/{info.key}"
    try:
        file = io.BufferedReader(RangedFile(store, info), _FOOTER_GUESS)
        tail = _footer(file, info.size)
        metadata = pq.read_metadata(pa.BufferReader(tail))
        schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, ValueError) as exc:
        raise BadInput(f"{uri} is not a Parquet file: {exc}", hint="write it again") from exc
    for name in columns or ():
        if name not in schema.names:
            raise BadInput(
                f"{uri} has no column {name!r}", hint="it has " + ", ".join(schema.names)
            )
    wanted = set(schema.names if columns is None else columns)
    units = tuple(
        Unit(
            shard=shard,
            rows=metadata.row_group(i).num_rows,
            ranges=_ranges(metadata.row_group(i), wanted),
            part=i,
        )
        for i in range(metadata.num_row_groups)
    )
    told = tuple((field.name, str(field.type)) for field in schema if field.name in wanted)
    return Found(header=tail, units=units, schema=told)


def columns(shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading) -> dict[str, Any]:
    """The row group as arrays and lists."""
    pieces = list(zip([start for start, _ in unit.ranges], data, strict=True))
    metadata = pq.read_metadata(pa.BufferReader(shard.header))
    schema = metadata.schema.to_arrow_schema()
    names = schema.names if reading.columns is None else list(reading.columns)
    as_they_are = _as_they_are(metadata, schema, unit, names, pieces)
    rest = [name for name in names if name not in as_they_are]
    try:
        file = pq.ParquetFile(
            pa.PythonFile(Pieces(shard.size, pieces), mode="r"), metadata=metadata
        )
        table = file.read_row_group(unit.part, columns=rest, use_threads=False)
    except (pa.ArrowException, EOFError, OSError) as exc:
        raise Corrupt(
            f"row group {unit.part} of {shard.key!r} cannot be read: {exc}", hint="write it again"
        ) from exc
    decoded = {
        field.name: _column(field, table.column(i), shard) for i, field in enumerate(table.schema)
    }
    found = {**as_they_are, **decoded}
    return {name: found[name] for name in schema.names if name in found}


def _as_they_are(
    metadata: Any, schema: Any, unit: Unit, names: Sequence[str], pieces: list[tuple[int, bytes]]
) -> dict[str, Any]:
    """The columns whose values are arrays that can be used where the pages lie (``pages``)."""
    found = {}
    group = metadata.row_group(unit.part)
    for i in range(group.num_columns):
        chunk = group.column(i)
        name = chunk.path_in_schema
        if name not in names or chunk.compression != "UNCOMPRESSED":
            continue
        field, column = schema.field(name), metadata.schema.column(i)
        if column.max_definition_level or b"dtype" not in (field.metadata or {}):
            continue
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        begin, data = next((b, d) for b, d in pieces if b <= start < b + len(d))
        view = memoryview(data)[start - begin : start - begin + size]
        if chunk.has_dictionary_page or len(view) < size:
            continue
        pages = values(view, field.type.byte_width, unit.rows)
        if pages is not None:
            dtype = np.dtype(field.metadata[b"dtype"].decode())
            shape = json.loads(field.metadata[b"shape"])
            arrays = [np.frombuffer(page, dtype).reshape(-1, *shape) for page in pages]
            found[name] = arrays[0] if len(arrays) == 1 else Rows([r for a in arrays for r in a])
    return found


def _footer(file: Any, size: int) -> bytes:
    """The end of the file from the footer on (``PAR1`` in front, so that it is a file by itself)."""
    if size < 12:
        raise ValueError(f"it has {size} bytes")
    guess = min(size, _FOOTER_GUESS)
    file.seek(size - guess)
    tail = file.read(guess)
    if tail[-4:] != b"PAR1":
        raise ValueError("it does not end with PAR1")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > size:
        raise ValueError("its footer is longer than the file")
    if length > guess:
        file.seek(size - length)
        tail = file.read(length)
    return b"PAR1" + bytes(tail[-length:])


def _ranges(group: Any, wanted: set[str]) -> tuple[tuple[int, int], ...]:
    """The bytes of the column chunks, those near each other in one range."""
    spans = []
    for i in range(group.num_columns):
        chunk = group.column(i)
        if chunk.path_in_schema.split(".")[0] in wanted:
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            start = min(start, chunk.data_page_offset)
            spans.append((start, start + chunk.total_compressed_size))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= _GAP_BYTES:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple((start, end - start) for start, end in merged)


def _column(field: Any, chunked: Any, shard: Shard) -> Any:
    array = chunked.chunk(0) if chunked.num_chunks == 1 else chunked.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], field.type)
    kind = field.type
    meta = field.metadata or {}
    if pa.types.is_fixed_size_binary(kind) and b"dtype" in meta and not array.null_count:
        return _tensor(array, meta[b"dtype"].decode(), json.loads(meta[b"shape"]))
    if isinstance(array, pa.FixedShapeTensorArray) and not array.null_count:
        if kind.permutation is not None or not _is_number(kind.value_type):
            return array.to_numpy_ndarray()
        return _values(array.storage.flatten()).reshape(len(array), *kind.shape)
    if pa.types.is_fixed_size_list(kind) and _is_number(kind.value_type) and not array.null_count:
        flat = array.flatten()
        if not flat.null_count:
            return _values(flat).reshape(len(array), kind.list_size)
    if _is_number(kind):
        return _numbers(field.name, array, shard)
    if pa.types.is_list(kind) and _is_number(kind.value_type) and not array.null_count:
        return _lists(array)
    return array.to_pylist()


def _numbers(name: str, array: Any, shard: Shard) -> Any:
    if array.null_count and not pa.types.is_floating(array.type):
        raise BadInput(
            f"column {name!r} of {shard.key!r} has {array.null_count} nulls, which no {array.type} tensor can hold",
            hint="fill them when preparing the data, or leave the column out with columns=",
        )
    return _values(array)


_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


def _values(array: Any) -> Any:
    """The numbers where they lie. pyarrow's own ``to_numpy`` imports pandas, 0.3 s in each worker before its first batch;
    it is asked where there are nulls. Its types have NumPy's names, but for floats."""
    kind, buffer = array.type, array.buffers()[1]
    if array.null_count or not len(array):
        return array.to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind):
        bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
        return bits[array.offset : array.offset + len(array)].astype(bool)
    dtype = np.dtype(_FLOATS.get(str(kind), str(kind)))
    return np.frombuffer(buffer, dtype, len(array), array.offset * dtype.itemsize)


def _tensor(array: Any, dtype: str, shape: list[int]) -> Any:
    kind = np.dtype(dtype)
    start = array.offset * array.type.byte_width
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    mine = raw[start : start + len(array) * array.type.byte_width]
    return mine.view(kind).reshape(len(array), *shape)


def _lists(array: Any) -> Any:
    """Lists of one length as an array, others as a list of arrays."""
    offsets = _values(array.offsets)
    lengths = np.diff(offsets)
    flat = array.flatten()
    if flat.null_count:
        return array.to_pylist()
    values = _values(flat)
    if len(lengths) and (lengths == lengths[0]).all():
        return values.reshape(len(array), int(lengths[0]))
    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _is_number(kind: Any) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )
