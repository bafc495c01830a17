"""The journal line of a metric: names as JSON, numbers as the bytes of their doubles in hexadecimal.

A training loop has thrown Python's code out of the processor's caches between two calls, and finding the shortest decimal
form of four doubles then costs as much as the ``write``: packed numbers cost half, and come back to the last bit, NaN too.
``{"k":"metric","n":["loss"],"b":"…"}`` holds the Unix time (double), the step (64-bit integer) and a double for each name,
little-endian. Readers make the event of it that other kinds have as text: ``{"t", "k", "m": {name: value}, "s"}``.
"""

from __future__ import annotations

import json
import struct
from binascii import hexlify
from collections.abc import Callable, Iterable
from typing import Any

from ..core import events

__all__ = ["MetricLines", "unpacked"]

_MAX_KNOWN = 1_000


class MetricLines:
    """Makes lines; remembers what lines with the same names have in common."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[bytes, Callable[..., bytes]]] = {}

    def line(self, names: tuple[str, ...], values: Iterable[Any], step: int, at: float) -> bytes:
        """A whole line. Values may be anything that ``float`` takes.

        Raises:
            TypeError, ValueError: a value is no number.
            OverflowError: ``step`` has more than 64 bits.
        """
        head, pack = self._known.get(names) or self._learn(names)
        try:
            packed = pack(at, step, *values)
        except struct.error:
            packed = pack(at, _of_64_bits(step), *map(float, values))
        return head + hexlify(packed) + b'"}\n'

    def _learn(self, names: tuple[str, ...]) -> tuple[bytes, Callable[..., bytes]]:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        told = json.dumps([str(name) for name in names], separators=(",", ":"))
        head = f'{{"k":"{events.METRIC}","n":{told},"b":"'.encode()
        return self._known.setdefault(names, (head, _layout(len(names)).pack))


def unpacked(event: dict[str, Any]) -> dict[str, Any] | None:
    """The metric event of a packed line; None when it is damaged."""
    names = event.get("n")
    if not isinstance(names, list):
        return None
    try:
        at, step, *values = _layout(len(names)).unpack(bytes.fromhex(event["b"]))
    except (struct.error, TypeError, ValueError):
        return None
    return {"t": at, "k": event["k"], "m": dict(zip(names, values, strict=True)), "s": step}


def _layout(count: int) -> struct.Struct:
    return struct.Struct(f"<dq{count}d")


def _of_64_bits(step: int) -> int:
    if not -(2**63) <= step < 2**63:
        raise OverflowError(f"step {step} has more than 64 bits")
    return step
