"""The journal line of a metric: names as JSON, numbers as the bytes of their doubles in hexadecimal.

A training loop has thrown Python's code out of the processor's caches between two calls, and finding the shortest decimal
form of four doubles then costs as much as the ``write``: packed numbers cost half, and come back to the last bit, NaN too.
``{"k":"metric","n":["loss"],"b":"…"}`` holds the Unix time (double), the step (64-bit integer) and a double for each name,
little-endian. Readers make the event of it that other kinds have as text: ``{"t", "k", "m": {name: value}, "s"}``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from operator import index
from typing import Any, SupportsIndex

from ..core import events

__all__ = ["END", "Layouts", "beginning", "layout", "packed_with_care", "unpacked"]

END = b'"}\n'
_MAX_KNOWN = 1_000


Layout = tuple[bytes, Callable[..., bytes]]


class Layouts(dict[tuple[str, ...], Layout]):
    """By names: how their line begins, and what packs time, step and values. Found at the first look, then known."""

    def __missing__(self, names: tuple[str, ...]) -> Layout:
        if len(self) >= _MAX_KNOWN:
            self.clear()
        return self.setdefault(names, (beginning(names), _struct(len(names)).pack))


def beginning(names: Iterable[str]) -> bytes:
    """The line up to its packed numbers, which ``END`` follows."""
    told = json.dumps([str(name) for name in names], separators=(",", ":"))
    return f'{{"k":"{events.METRIC}","n":{told},"b":"'.encode()


def layout(count: int) -> str:
    """Time, step and ``count`` values, as ``struct`` writes it."""
    return f"dq{count}d"


def packed_with_care(
    pack: Callable[..., bytes], at: float, step: SupportsIndex, values: Iterable[Any]
) -> bytes:
    """What ``pack`` gives for values that it refuses, and ``float`` takes.

    Raises:
        TypeError, ValueError: a value is no number, or ``step`` no whole one.
        OverflowError: ``step`` has more than 64 bits.
    """
    whole = index(step)
    if not -(2**63) <= whole < 2**63:
        raise OverflowError(f"step {whole} has more than 64 bits")
    return pack(at, whole, *map(float, values))


def unpacked(event: dict[str, Any]) -> dict[str, Any] | None:
    """The metric event of a packed line; None when it is damaged."""
    names = event.get("n")
    if not isinstance(names, list):
        return None
    try:
        at, step, *values = _struct(len(names)).unpack(bytes.fromhex(event["b"]))
    except (struct.error, TypeError, ValueError):
        return None
    return {"t": at, "k": event["k"], "m": dict(zip(names, values, strict=True)), "s": step}


def _struct(count: int) -> struct.Struct:
    return struct.Struct("<" + layout(count))
