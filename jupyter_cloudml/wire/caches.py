"""What an ``lru_cache`` around a function of the notebook has remembered, and how to make another remember the same."""

from __future__ import annotations

import functools
import gc
import types
from typing import Any

MAX_ENTRIES = 100_000
MAX_HITS = 2_000_000
Memory = tuple[list[tuple[tuple[Any, ...], dict[str, Any], Any]], int, int]
_NOTHING: Memory = ([], 0, 0)


def is_of_notebook(cached: Any, namespace: dict[str, Any]) -> bool:
    """Whether it is a cache around a plain function whose globals are ``namespace``."""
    if type(cached) is not functools._lru_cache_wrapper:
        return False
    function = getattr(cached, "__wrapped__", None)
    return type(function) is types.FunctionType and function.__globals__ is namespace


def memory_of(cached: Any) -> Memory:
    """Calls with their results, the oldest first, and the counts of hits and misses."""
    info = cached.cache_info()
    if not info.currsize or info.currsize > MAX_ENTRIES or info.hits > MAX_HITS:
        return _NOTHING
    held = gc.get_referents(cached)
    at = next(i for i, part in enumerate(held) if part is cached.__wrapped__ and i)
    pairs = _pairs(held[: at - 1], held[at - 1], info.currsize)
    is_typed = cached.cache_parameters()["typed"]
    calls = [(*_call(key, held[at + 1], is_typed), result) for key, result in pairs]
    return calls, info.hits, info.misses


def _pairs(held: list[Any], table: dict[Any, Any], count: int) -> list[tuple[Any, Any]]:
    """An unbounded cache has its results in a table; a bounded one has keys and results in a ring."""
    ring = held[1:] if held and held[0] is functools._lru_cache_wrapper else held
    if len(ring) < 2 * count:
        return list(table.items())
    step = len(ring) // count
    return [(ring[i], ring[i + 1]) for i in range(0, len(ring), step)]


def _call(key: Any, mark: Any, is_typed: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if type(key) is not tuple:
        return (key,), {}
    at = next((i for i, part in enumerate(key) if part is mark), None)
    if at is None:
        return key[: len(key) // 2] if is_typed else key, {}
    named = key[at + 1 :]
    if is_typed:
        named = named[: (len(named) - at) * 2 // 3]
    return key[:at], dict(zip(named[::2], named[1::2], strict=False))


def remember(cached: Any, memory: Memory) -> None:
    """Make ``cached`` hold these entries and counts. Its function is not called: another code stands in for it."""
    calls, hits, misses = memory
    cached.cache_clear()
    if not calls:
        return
    function = cached.__wrapped__
    own, results = function.__code__, [result for *_, result in calls]
    function.__code__ = _stand_in(own.co_freevars, results.pop)
    try:
        for _ in range(misses - len(calls)):
            try:
                results.append(_Missed)
                function.__code__ = _stand_in(own.co_freevars, _miss)
                cached(*calls[0][0], **calls[0][1])
            except _Missed:
                results.pop()
        results.reverse()
        function.__code__ = _stand_in(own.co_freevars, results.pop)
        for args, named, _ in calls:
            cached(*args, **named)
        args, named, _ = calls[-1]
        for _ in range(hits):
            cached(*args, **named)
    finally:
        function.__code__ = own


class _Missed(Exception):
    """A call that is to be counted and to leave nothing."""


def _miss() -> None:
    raise _Missed


def _stand_in(free: tuple[str, ...], give: Any) -> types.CodeType:
    """Code that takes any arguments and answers with ``give()``; it has the free variables that the function has."""
    outer = "".join(f" {name} = None\n" for name in free)
    inner = "".join(f"  {name}\n" for name in free)
    source = f"def f():\n{outer} def g(*a, **k):\n  if 0:\n   pass\n{inner}  return 'give'.__call__()\n return g\n"
    module = compile(source, "<lru_cache>", "exec")
    made = _inner_code(_inner_code(module))
    return made.replace(
        co_consts=tuple(give if const == "give" else const for const in made.co_consts)
    )


def _inner_code(code: types.CodeType) -> types.CodeType:
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))
