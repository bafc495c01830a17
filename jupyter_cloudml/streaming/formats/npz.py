"""``.npz``: arrays with one first axis, the sample; a column each. A unit is a whole file."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import BadInput, Corrupt
from ...stores.ranged import RangedFile
from ..shards import Found, Reading, Shard, Unit
from .headers import read_array, read_header

if TYPE_CHECKING:
    from ...stores.port import ObjectInfo, Store

SUFFIXES = (".npz",)
_DAMAGES = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What ``zipfile`` and NumPy raise for archives that are no archives, cut short, encrypted, or packed in unknown ways."""


def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:
    """One unit, by the directory of the archive and the arrays' headers."""
    try:
        with zipfile.ZipFile(io.BufferedReader(RangedFile(store, info), 64 << 10)) as archive:
            shapes = {name: _shape(archive, name) for name in _names(archive)}
    except _DAMAGES as exc:
        raise BadInput(f"{info.key!r} is not an .npz file: {exc}", hint="np.savez") from exc
    for name in columns or ():
        if name not in shapes:
            raise BadInput(
                f"{info.key!r} has no array {name!r}", hint="it has " + ", ".join(shapes)
            )
    kept = {name: shapes[name] for name in (columns or shapes)}
    rows = {shape[0] if shape else -1 for shape, _ in kept.values()}
    if len(rows) != 1 or -1 in rows:
        told = ", ".join(f"{name} {list(shape)}" for name, (shape, _) in kept.items())
        raise BadInput(
            f"the arrays of {info.key!r} differ in their first axis: {told}",
            hint="choose with columns=",
        )
    unit = Unit(shard=shard, rows=rows.pop(), ranges=((0, info.size),))
    schema = tuple((name, f"{dtype}{list(shape[1:])}") for name, (shape, dtype) in kept.items())
    return Found(header=b"", units=(unit,), schema=schema)


def columns(shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading) -> dict[str, Any]:  # noqa: ARG001 - the port
    """The arrays."""
    try:
        with zipfile.ZipFile(io.BytesIO(data[0])) as archive:
            return {name: _array(archive, name) for name in reading.columns or _names(archive)}
    except _DAMAGES as exc:
        raise Corrupt(f"{shard.key!r} cannot be read: {exc}", hint="write it again") from exc


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name[:-4] for name in archive.namelist() if name.endswith(".npy")]


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray[Any, Any]:
    with archive.open(f"{name}.npy") as member:
        return read_array(member)


def _shape(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(f"{name}.npy") as member:
        shape, _, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError(f"{name!r} holds objects")
    return shape, dtype
