"""Which globals a code object touches, read straight from its byte code."""

from __future__ import annotations

import dis
import sys
import types
import weakref
from collections.abc import Iterator

_SHIFT = 1 if sys.version_info >= (3, 11) else 0
_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_OTHERS = frozenset(
    dis.opmap[name]
    for name in (
        "STORE_GLOBAL",
        "DELETE_GLOBAL",
        "LOAD_NAME",
        "LOAD_FROM_DICT_OR_GLOBALS",
    )
    if name in dis.opmap
)
_known: weakref.WeakKeyDictionary[types.CodeType, tuple[str, ...]] = weakref.WeakKeyDictionary()


def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Names that ``code`` and the code nested in it read, set or delete as globals, each once."""
    found = _known.get(code)
    if found is None:
        found = _known[code] = tuple(dict.fromkeys(_names(code)))
    return found


def _names(code: types.CodeType) -> Iterator[str]:
    raw, names, high = code.co_code, code.co_names, 0
    for at in range(0, len(raw), 2):
        op, arg = raw[at], raw[at + 1] | high
        high = arg << 8 if op == _EXTENDED_ARG else 0
        if op == _LOAD_GLOBAL:
            yield names[arg >> _SHIFT]
        elif op in _OTHERS:
            yield names[arg]
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)
