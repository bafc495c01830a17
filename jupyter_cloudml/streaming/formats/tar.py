"""Tar shards as WebDataset has them: members ``KEY.EXT`` that follow each other and share KEY are one sample.

A column is an extension: ``npy`` arrays, ``cls`` and ``index`` numbers, ``txt`` text, ``json`` values, all else bytes;
``__key__`` is the key. A tar tells the number of its samples nowhere, so it is read through once to count
them; what was found is kept in the cache. The layout of a header is POSIX.1-1988 (ustar), with GNU and pax long names.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import BadInput, Corrupt
from ..columns import stacked
from ..shards import UNIT_BYTES, Found, Reading, Shard, Unit
from .headers import read_array, read_header

if TYPE_CHECKING:
    from ...stores.port import ObjectInfo, Store

SUFFIXES = (".tar",)
IS_READ_THROUGH = True
_BLOCK = 512
_STEP_BYTES = 16 << 20


def find(store: Store, info: ObjectInfo, shard: int, columns: Sequence[str] | None) -> Found:  # noqa: ARG001 - the port
    """Units of whole samples, of about ``UNIT_BYTES`` each."""
    units: list[Unit] = []
    begin, rows, key, last = 0, 0, None, 0
    for start, end, name in _walk(store, info):
        now = name.split("/")[-1]
        now = name[: len(name) - len(now)] + now.split(".", 1)[0]
        if now != key:
            if rows and start - begin >= UNIT_BYTES:
                units.append(Unit(shard=shard, rows=rows, ranges=((begin, start - begin),)))
                begin, rows = start, 0
            rows, key = rows + 1, now
        last = end
    if rows:
        units.append(Unit(shard=shard, rows=rows, ranges=((begin, last - begin),)))
    return Found(header=b"", units=tuple(units))


def columns(shard: Shard, unit: Unit, data: Sequence[bytes], reading: Reading) -> dict[str, Any]:  # noqa: ARG001 - the port
    """The samples of the unit; every sample must have the columns of the first."""
    values: dict[str, list[Any]] = {}
    key, count = None, 0
    for name, body in _members(memoryview(data[0]), shard):
        folder, _, base = name.rpartition("/")
        stem, _, extension = base.partition(".")
        stem = f"{folder}/{stem}" if folder else stem
        if stem != key:
            _check(values, count, key, shard)
            key, count = stem, count + 1
            values.setdefault("__key__", []).append(stem)
        if reading.columns is None or extension in reading.columns:
            values.setdefault(extension, []).append(_value(extension, body, reading, shard, name))
    _check(values, count, key, shard)
    if reading.columns is not None:
        for name in reading.columns:
            if name not in values:
                raise BadInput(
                    f"the samples of {shard.key!r} have no {name!r}", hint="see columns="
                )
        values = {name: values[name] for name in reading.columns}
    return {name: stacked(column) for name, column in values.items()}


def _check(values: dict[str, list[Any]], count: int, key: str | None, shard: Shard) -> None:
    for name, column in values.items():
        if len(column) != count:
            raise BadInput(
                f"sample {key!r} of {shard.key!r} has {'no' if len(column) < count else 'a second'} {name!r}",
                hint="leave it out with columns=, or write the shard again",
            )


def _value(extension: str, body: memoryview, reading: Reading, shard: Shard, name: str) -> Any:
    kind = extension.rsplit(".", 1)[-1]
    own = reading.decode.get(extension) or reading.decode.get(kind)
    try:
        if own is not None:
            return own(bytes(body))
        if kind == "npy":
            return array_of(body)
        if kind in ("cls", "index", "inx", "id", "count"):
            return int(bytes(body))
        if kind in ("txt", "text", "transcript"):
            return str(body, "utf-8")
        return json.loads(bytes(body)) if kind in ("json", "jsn") else bytes(body)
    except (ValueError, EOFError) as exc:
        raise Corrupt(
            f"{name!r} in {shard.key!r} cannot be read: {exc}", hint="write it again"
        ) from exc


_headers: dict[bytes, tuple[np.dtype[Any], tuple[int, ...]]] = {}


def array_of(body: memoryview) -> Any:
    """The array of an ``.npy`` file in memory, without a copy. Samples mostly have one header: it is parsed once."""
    length = int.from_bytes(body[8:10], "little") + 10
    header = bytes(body[:length])
    known = _headers.get(header)
    if known is None:
        if header[:7] != b"\x93NUMPY\x01":
            return read_array(io.BytesIO(body))
        shape, is_fortran, dtype = read_header(io.BytesIO(header))
        if is_fortran or dtype.hasobject or len(_headers) > 1000:
            return read_array(io.BytesIO(body))
        known = _headers.setdefault(header, (dtype, shape))
    dtype, shape = known
    return np.frombuffer(body, dtype, count=int(np.prod(shape)), offset=length).reshape(shape)


def _members(data: memoryview, shard: Shard) -> Iterator[tuple[str, memoryview]]:
    at, long_name = 0, None
    while at + _BLOCK <= len(data):
        header = data[at : at + _BLOCK]
        if not header[0]:
            return
        name, size, kind = _parse(header, shard.key)
        body = data[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if kind in b"Lx":
            long_name = _long_name(kind, bytes(body)) or long_name
        elif kind in b"0\0":
            yield long_name or name, body
            long_name = None


def _walk(store: Store, info: ObjectInfo) -> Iterator[tuple[int, int, str]]:
    """(start with its long name, end, name) of every file in the archive. Reads in large steps, skips large members."""
    at, start, long_name = 0, None, None
    begin, data = 0, b""
    if info.size % _BLOCK:
        raise BadInput(
            f"{info.key!r} is not a tar archive, or ends too early",
            hint="compressed tars do not stream: unpack them; else write the shard again",
        )
    while at + _BLOCK <= info.size:
        if not begin <= at <= begin + len(data) - _BLOCK:
            begin, data = at, store.read(info.key, at, _STEP_BYTES, if_match=info.etag)
        header = memoryview(data)[at - begin : at - begin + _BLOCK]
        if not header[0]:
            return
        name, size, kind = _parse(header, info.key)
        end = at + _BLOCK + -(-size // _BLOCK) * _BLOCK
        if at + _BLOCK + size > info.size:
            raise BadInput(f"{info.key!r} ends within {name!r}", hint="write the shard again")
        start = at if start is None else start
        if kind in b"Lx":
            body = store.read(info.key, at + _BLOCK, size, if_match=info.etag)
            long_name = _long_name(kind, body) or long_name
        else:
            if kind in b"0\0":
                yield start, end, long_name or name
            start, long_name = None, None
        at = end


def _parse(header: memoryview, key: str) -> tuple[str, int, bytes]:
    raw = bytes(header)
    try:
        size = (
            int.from_bytes(raw[125:136], "big")
            if raw[124] & 0x80
            else int(raw[124:136].strip(b" \0") or b"0", 8)
        )
        checksum = int(raw[148:156].strip(b" \0") or b"0", 8)
    except ValueError as exc:
        raise BadInput(
            f"{key!r} is not a tar archive", hint="compressed tars do not stream: unpack"
        ) from exc
    if checksum != sum(raw[:148]) + 256 + sum(raw[156:]):
        raise BadInput(f"{key!r} is not a tar archive, or damaged", hint="write the shard again")
    name = raw[:100].split(b"\0", 1)[0].decode("utf-8", "replace")
    if raw[257:262] == b"ustar" and raw[345] and raw[257:263] == b"ustar\0":
        name = raw[345:500].split(b"\0", 1)[0].decode("utf-8", "replace") + "/" + name
    return name, size, raw[156:157]


def _long_name(kind: bytes, body: bytes) -> str | None:
    if kind == b"L":
        return body.split(b"\0", 1)[0].decode("utf-8", "replace")
    at = 0
    while at < len(body):
        length = int(body[at:].split(b" ", 1)[0])
        word, _, value = body[at : at + length].split(b" ", 1)[1].partition(b"=")
        if word == b"path":
            return value[:-1].decode("utf-8", "replace")
        at += length
    return None
