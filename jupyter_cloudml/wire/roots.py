"""Reads the graph stream root by root, so that one value that cannot be rebuilt does not cost the others."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import CloudMLError, Corrupt, FarSideError, NotInstalled

_REMEMBERED = frozenset({"GET", "BINGET", "LONG_BINGET"})


@dataclass(kw_only=True)
class Roots:
    """The values of a stream by number. ``failed`` tells why a root, or another that shares a part with it, is missing."""

    values: dict[int, Any] = field(default_factory=dict)
    failed: dict[int, CloudMLError] = field(default_factory=dict)
    memo: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Segment:
    start: int
    memo_start: int
    memo_end: int
    buffers_start: int
    used: frozenset[int]


def read_roots(
    stream: memoryview,
    count: int,
    buffers: list[memoryview],
    persistent_load: Callable[[Any], Any] | None,
) -> Roots:
    """All roots. Objects of roots that failed are in no ``memo``: nothing refers to a half-made object.

    Raises:
        Corrupt: the stream is no pickle stream.
    """
    roots = Roots()
    unpickler = _fast_unpickler(io.BytesIO(stream), buffers, persistent_load)
    for number in range(count):
        try:
            roots.values[number] = unpickler.load()
        except Exception as exc:  # noqa: BLE001  a user's __setstate__ may raise anything
            roots.failed[number] = _told(exc)
            roots.memo = unpickler.memo.copy()
            _read_others(roots, stream, count, buffers, persistent_load)
            return roots
    roots.memo = unpickler.memo.copy()
    return roots


def _read_others(
    roots: Roots,
    stream: memoryview,
    count: int,
    buffers: list[memoryview],
    persistent_load: Callable[[Any], Any] | None,
) -> None:
    """The roots behind the one that failed, slowly: Python's unpickler lets its memo be set."""
    (failed,) = roots.failed
    segments = _segments(stream, count)
    lost: set[int] = set()
    _lose(segments[failed], roots.memo, lost)
    for number in range(failed + 1, count):
        segment = segments[number]
        if not segment.used.isdisjoint(lost):
            roots.failed[number] = roots.failed[failed]
            _lose(segment, roots.memo, lost)
            continue
        file = io.BytesIO(stream[segment.start :])
        unpickler: Any = pickle._Unpickler(file, buffers=buffers[segment.buffers_start :])
        if persistent_load is not None:
            unpickler.persistent_load = persistent_load
        unpickler.memo = {**roots.memo, **dict.fromkeys(lost)}
        try:
            roots.values[number] = unpickler.load()
        except Exception as exc:  # noqa: BLE001  a user's __setstate__ may raise anything
            roots.failed[number] = _told(exc)
            _lose(segment, roots.memo, lost)
        else:
            new = range(segment.memo_start, segment.memo_end)
            roots.memo.update({index: unpickler.memo[index] for index in new})


def _lose(segment: _Segment, memo: dict[int, Any], lost: set[int]) -> None:
    for index in range(segment.memo_start, segment.memo_end):
        memo.pop(index, None)
        lost.add(index)


def _segments(stream: memoryview, count: int) -> list[_Segment]:
    """Where each root begins, which objects it numbers, and which earlier ones it uses."""
    file = io.BytesIO(stream)
    segments, memoized, taken = [], 0, 0
    for _ in range(count):
        start, memo_start, buffers_start, used = file.tell(), memoized, taken, set()
        for code, argument, _place in pickletools.genops(file):
            if code.name == "MEMOIZE":
                memoized += 1
            elif code.name == "NEXT_BUFFER":
                taken += 1
            elif code.name in _REMEMBERED:
                used.add(int(argument))  # type: ignore[arg-type]
        segments.append(
            _Segment(
                start=start,
                memo_start=memo_start,
                memo_end=memoized,
                buffers_start=buffers_start,
                used=frozenset(used),
            )
        )
    return segments


def _fast_unpickler(file: io.BytesIO, buffers: list[memoryview], persistent_load: Any) -> Any:
    if persistent_load is None:
        return pickle.Unpickler(file, buffers=buffers)  # noqa: S301 - `Reader.root` asks for trust first

    class Homeward(pickle.Unpickler):
        def persistent_load(self, ref: int) -> Any:
            return persistent_load(ref)

    return Homeward(file, buffers=buffers)


def _told(exc: Exception) -> CloudMLError:
    if isinstance(exc, CloudMLError):
        return exc
    told: CloudMLError
    if isinstance(exc, ModuleNotFoundError):
        told = NotInstalled(
            f"module {exc.name!r} is missing where the cell runs",
            hint=f"pip install {exc.name} there, or add it to the job's requirements",
        )
    elif isinstance(exc, pickle.UnpicklingError):
        told = Corrupt(f"the values cannot be read: {exc}", hint="submit the job again")
    else:
        told = FarSideError(
            f"the values cannot be rebuilt here: {type(exc).__name__}: {exc}",
            hint="the packages at the two ends may differ in version",
        )
    told.__cause__ = exc
    return told
