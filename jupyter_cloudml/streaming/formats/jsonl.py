"""JSON lines: an object a line; its keys are the columns. Read through once to count the lines, as tars are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import BadInput, Corrupt
from ..columns import stacked
from ..shards import Found, Reading, Shard, Unit

if TYPE_CHECKING:
    from ...stores.port import ObjectInfo, Store

SUFFIXES = (".jsonl", ".ndjson")
IS_READ_THROUGH = True
_UNIT_BYTES = 4 << 20


def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:  # noqa: ARG001 - the port
    """Units of whole lines."""
    units, at, rest = [], 0, b""
    while at + len(rest) < info.size:
        data = rest + store.read(info.key, at + len(rest), _UNIT_BYTES, if_match=info.etag)
        cut = len(data) if at + len(data) >= info.size else data.rfind(b"\n") + 1
        lines = data[:cut]
        rows = sum(1 for line in lines.split(b"\n") if line.strip())
        if rows:
            units.append(Unit(shard=shard, rows=rows, ranges=((at, cut),)))
        at, rest = at + cut, data[cut:]
    return Found(header=b"", units=tuple(units))


def columns(shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading) -> dict[str, Any]:
    """The values by key; every line must have the keys of the first."""
    try:
        found = [json.loads(line) for line in data[0].split(b"\n") if line.strip()]
    except ValueError as exc:
        raise Corrupt(
            f"{shard.key!r} has a line that is not JSON: {exc}", hint="write it again"
        ) from exc
    if len(found) != unit.rows or not all(isinstance(row, dict) for row in found):
        raise Corrupt(f"{shard.key!r} has lines that are no JSON objects", hint="{...} a line")
    names = reading.columns or tuple(found[0])
    try:
        return {name: stacked([_value(row[name]) for row in found]) for name in names}
    except KeyError as exc:
        raise BadInput(
            f"a line of {shard.key!r} has no {exc.args[0]!r}", hint="leave it out with columns="
        ) from exc


def _value(value: Any) -> Any:
    """A list of numbers is an array."""
    if isinstance(value, list) and value:
        try:
            array = np.asarray(value)
        except ValueError:
            return value
        if array.dtype.kind in "bif":
            return array
    return value
