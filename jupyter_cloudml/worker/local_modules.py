"""The state of the user's own modules: plain globals and class attributes that a notebook changes (``helpers.RATE = 2``).

A fresh import at the other end has none of those changes. Modules that came with Python or were installed are left
alone. What is plain is data: numbers, text, containers, arrays, and instances of the user's classes that hold such.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import sys
from collections import deque
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from ..core.installed import is_installed

PREFIX = "module "
"""Before the module's name: the name under which a state travels among the values. No cell can have such a name."""
MAX_ITEMS = 20_000
MAX_ARRAY_BYTES = 16 << 20
_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_DEFINITIONS = (type, FunctionType, functools._lru_cache_wrapper)
_NEVER = frozenset({"__main__", "__mp_main__", "builtins", "jupyter_cloudml"})


def reached(values: Iterable[Any]) -> dict[str, ModuleType]:
    """The local modules that ``values`` come from, or are, and those that these modules use, by name."""
    found: dict[str, ModuleType] = {}
    work = [name for value in values for name in _homes(value)]
    while work:
        name = work.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not is_local(module):
            continue
        found[name] = module
        work += [home for value in list(vars(module).values()) for home in _homes(value)]
    return found


def is_local(module: ModuleType) -> bool:
    """Whether it is a file of the user's own."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or module.__name__.partition(".")[0] in _NEVER:
        return False
    return not is_installed(file)


def state_of(module: ModuleType) -> dict[str, Any]:
    """The plain globals of ``module``, and the plain attributes of its classes; the very objects, no copies."""
    budget = _Budget()
    members = {name: value for name, value in list(vars(module).items()) if name[:2] != "__"}
    classes = {
        name: attributes
        for name, value in members.items()
        if isinstance(value, type) and value.__module__ == module.__name__
        if not issubclass(value, enum.Enum)
        if (attributes := _plain_attributes(value, budget))
    }
    own = {name: value for name, value in members.items() if budget.is_plain(value)}
    return {"globals": own, "classes": classes}


def restore(module: ModuleType, state: dict[str, Any]) -> None:
    """Make ``module`` have ``state``: what has another value is bound anew, the rest is not touched.

    A module that refuses a name (one whose class has a ``__setattr__`` of its own) keeps what it has.
    """
    for name, value in state["globals"].items():
        if vars(module).get(name, module) is not value:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(module, name, value)
    for kind, attributes in state["classes"].items():
        found = getattr(module, kind, None)
        for name, value in attributes.items():
            if isinstance(found, type) and vars(found).get(name, found) is not value:
                with contextlib.suppress(AttributeError, TypeError):
                    setattr(found, name, value)


def snapshot(state: dict[str, Any]) -> dict[str, Any]:
    """What ``differs`` compares with: the same objects, held in dicts of its own."""
    classes = {name: dict(attributes) for name, attributes in state["classes"].items()}
    return {"globals": dict(state["globals"]), "classes": classes}


def differs(state: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether anything is bound to another object; what changed inside an object is for others to see."""
    return not (
        _same(state["globals"], before["globals"])
        and state["classes"].keys() == before["classes"].keys()
        and all(_same(found, before["classes"][name]) for name, found in state["classes"].items())
    )


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        value is right[name]
        or (type(value) in _ATOMS and type(value) is type(right[name]) and value == right[name])
        for name, value in left.items()
    )


def _homes(value: Any) -> tuple[str, ...]:
    """The names of the modules that a value is, or that it or its class was defined in."""
    if type(value) in _ATOMS:
        return ()
    if isinstance(value, ModuleType):
        return (value.__name__,)
    kind = value if isinstance(value, _DEFINITIONS) else type(value)
    return (kind.__module__,) if isinstance(kind.__module__, str) else ()


def _plain_attributes(kind: type, budget: _Budget) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if name[:2] != "__" and name != "_abc_impl" and budget.is_plain(value)
    }


class _Budget:
    """Tells plain data, and stops looking when a module holds very much of it."""

    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def is_plain(self, value: Any, depth: int = 0) -> bool:
        self._left -= 1
        if type(value) in _ATOMS:
            return True
        if self._left < 0 or depth > 20 or isinstance(value, (type, ModuleType)):
            return False
        if isinstance(value, dict):
            return all(
                self.is_plain(key, depth + 1) and self.is_plain(item, depth + 1)
                for key, item in list(value.items())
            )
        if isinstance(value, (list, tuple, set, frozenset, deque)):
            return all(self.is_plain(item, depth + 1) for item in list(value))
        if isinstance(value, bytearray):
            return True
        return self._is_plain_object(value, depth)

    def _is_plain_object(self, value: Any, depth: int) -> bool:
        kind = type(value)
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            return not value.dtype.hasobject and value.nbytes <= MAX_ARRAY_BYTES
        home = sys.modules.get(kind.__module__)
        if home is None or not is_local(home) or getattr(home, kind.__name__, None) is not kind:
            return False
        return hasattr(value, "__dict__") and self.is_plain(vars(value), depth + 1)
