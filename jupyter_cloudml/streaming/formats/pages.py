"""Columns of Parquet whose bytes are their values: uncompressed, plain, of fixed size, without nulls. No copy, no decoding.

``streaming.write`` makes arrays like that. Of a page's header (Thrift's compact protocol, as parquet.thrift has it) only the
sizes, the kind and the encoding are read; anything else than plain data pages is left to PyArrow.
"""

from __future__ import annotations

from typing import Any

_DATA_PAGE, _PLAIN = 0, 0
_BYTES, _STRUCT, _INTEGERS = 8, 12, (4, 5, 6)
_SHIFTS = range(0, 70, 7)
_WIDTHS = {1: 0, 2: 0, 3: 1, 7: 8}
_TYPE, _SIZE, _PACKED_SIZE, _DATA = 1, 2, 3, 5
_COUNT, _ENCODING = 1, 2


def values(chunk: memoryview, width: int, rows: int) -> list[memoryview] | None:
    """The values of each page of a column chunk, ``width`` bytes a value; None when there is anything else in it."""
    found, at, count = [], 0, 0
    try:
        while count < rows:
            header, at = _struct(chunk, at)
            size, data = header[_SIZE], header.get(_DATA)
            if header[_TYPE] != _DATA_PAGE or data is None or data[_ENCODING] != _PLAIN:
                return None
            if size != header[_PACKED_SIZE] or size != data[_COUNT] * width:
                return None
            found.append(chunk[at : at + size])
            at, count = at + size, count + data[_COUNT]
    except (KeyError, IndexError, TypeError):
        return None
    return found if count == rows and len(found[-1]) % width == 0 else None


def _struct(data: memoryview, at: int) -> tuple[dict[int, Any], int]:
    """The integers and structs of a Thrift struct by field, and where it ends; other kinds are passed over."""
    fields: dict[int, Any] = {}
    field = 0
    while data[at]:
        delta, kind = data[at] >> 4, data[at] & 15
        at += 1
        if delta:
            field += delta
        else:
            field, at = _integer(data, at)
        if kind == _STRUCT:
            fields[field], at = _struct(data, at)
        elif kind in _INTEGERS:
            fields[field], at = _integer(data, at)
        else:
            at = _passed(data, at, kind)
    return fields, at + 1


def _passed(data: memoryview, at: int, kind: int) -> int:
    if kind in _WIDTHS:
        return at + _WIDTHS[kind]
    if kind == _BYTES:
        length, at = _varint(data, at)
        return at + length
    raise KeyError(kind)  # no page header has one


def _integer(data: memoryview, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in _SHIFTS:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, at
