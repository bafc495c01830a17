"""``.npy``: one array whose first axis is the sample, as the column ``data``. A unit is a run of rows, read by its range."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import BadInput, Corrupt
from ..shards import UNIT_BYTES, Found, Reading, Shard, Unit
from .headers import read_header

if TYPE_CHECKING:
    from ...stores.port import ObjectInfo, Store

SUFFIXES = (".npy",)
COLUMN = "data"
_HEADER_GUESS = 4096


def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:
    """Runs of rows of about ``UNIT_BYTES``, by the header."""
    if columns is not None and tuple(columns) != (COLUMN,):
        raise BadInput(f"{info.key!r} has the column {COLUMN!r} only, not {', '.join(columns)}")
    shape, dtype, begin = _header(store.read(info.key, 0, _HEADER_GUESS), info.key)
    row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    if begin + shape[0] * row_bytes > info.size:
        raise BadInput(f"{info.key!r} is shorter than its header says", hint="write it again")
    step = max(1, UNIT_BYTES // max(1, row_bytes))
    units = tuple(
        Unit(
            shard=shard,
            rows=min(step, shape[0] - row),
            ranges=((begin + row * row_bytes, min(step, shape[0] - row) * row_bytes),),
        )
        for row in range(0, shape[0], step)
    )
    header = json.dumps({"dtype": dtype.str, "shape": shape[1:]}).encode()
    return Found(header=header, units=units, schema=((COLUMN, f"{dtype}{list(shape[1:])}"),))


def columns(shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading) -> dict[str, Any]:  # noqa: ARG001 - the port
    """The rows, without a copy."""
    told = json.loads(shard.header)
    try:
        flat = np.frombuffer(data[0], np.dtype(told["dtype"]))
        return {COLUMN: flat.reshape(unit.rows, *told["shape"])}
    except ValueError as exc:
        raise Corrupt(f"{shard.key!r} ends too early: {exc}", hint="write it again") from exc


def _header(head: bytes, key: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type, and where the rows begin."""
    file = io.BytesIO(head)
    try:
        shape, is_fortran, dtype = read_header(file)
    except ValueError as exc:
        raise BadInput(f"{key!r} is not an .npy file: {exc}", hint="write it with np.save") from exc
    if is_fortran or dtype.hasobject or not shape:
        what = "column-major" if is_fortran else "of objects" if dtype.hasobject else "a scalar"
        raise BadInput(
            f"{key!r} is {what}",
            hint="np.save(file, np.ascontiguousarray(numbers_with_a_sample_axis))",
        )
    return shape, dtype, file.tell()
