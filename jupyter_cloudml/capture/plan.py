"""Which of a cell's names must travel, and which travel if they can."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import BadInput
from .names import CellNames

_HISTORY = frozenset({"_", "__", "___", "_i", "_ii", "_iii"})
_HISTORY_TABLES = frozenset({"In", "Out", "_ih", "_oh", "_dh"})
_OF_THE_SHELL = frozenset(
    """get_ipython exit quit open display __name__ __doc__ __package__ __loader__ __spec__ __builtin__
    __builtins__ __file__""".split()  # noqa: SIM905
)
_NUMBERED = re.compile(r"_i?\d+")
_DYNAMIC_NAMES = frozenset({"exec", "eval", "globals", "get_ipython", "__main__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePlan:
    """``required`` values must travel, or the cell is refused; ``optional`` ones travel if they can.

    ``must_exist`` names (among the optional) are only deleted by the cell: any value will do for them.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    must_exist: tuple[str, ...] = ()


def plan(
    names: CellNames,
    namespace: Mapping[str, Any],
    *,
    inputs: Collection[str] | None = None,
    hidden: Collection[str] = (),
) -> CapturePlan:
    """Choose from ``namespace`` what the cell of ``names`` needs; names that it lacks are builtins or errors.

    ``hidden`` are the shell's own names (``user_ns_hidden``): they never travel for a dynamic cell.
    ``inputs`` (``-i``) are required and limit the data to themselves; modules, functions and classes
    that the cell reads still travel if they can.

    Raises:
        BadInput: a name of ``inputs`` is not in the notebook.
    """
    needed = {n for n in names.reads if n in namespace and n not in _OF_THE_SHELL}
    needed -= _HISTORY_TABLES
    wanted = {n for n in names.may_read | names.must_exist if n in namespace} - _OF_THE_SHELL
    wanted |= {n for n in names.reads & _HISTORY_TABLES if n in namespace}
    if names.is_dynamic or _reaches_all(needed, namespace):
        wanted |= user_names(namespace, hidden)
    elif names.unpickles:
        every = user_names(namespace, hidden)
        wanted |= {n for n in every if is_own_definition(namespace[n])}
    if inputs is not None:
        unknown = sorted(set(inputs) - namespace.keys())
        if unknown:
            raise BadInput(f"-i {unknown[0]}: the notebook has no such name", hint="see %who")
        wanted = {n for n in wanted | needed if _is_code(namespace[n])}
        needed = set(inputs)
    optional = wanted - needed
    return CapturePlan(
        required=tuple(sorted(needed)),
        optional=tuple(sorted(optional)),
        must_exist=tuple(sorted(names.must_exist & optional)),
    )


def user_names(namespace: Mapping[str, Any], hidden: Collection[str] = ()) -> set[str]:
    """The names that a user made: neither hidden, nor the shell's, nor input and output history."""
    return {
        name
        for name in namespace
        if name not in hidden
        and name not in _HISTORY | _HISTORY_TABLES | _OF_THE_SHELL
        and not _NUMBERED.fullmatch(name)
    }


def is_own_definition(value: object) -> bool:
    """Whether ``value`` is a function or class that the notebook itself defined."""
    return (
        isinstance(value, (type, types.FunctionType))
        and getattr(value, "__module__", "") == "__main__"
    )


def sets_global(value: object, name: str) -> bool:
    """Whether ``value`` is a function or class of the notebook that may bind the global ``name`` when it is called."""
    if isinstance(value, type) and value.__module__ == "__main__":
        return any(sets_global(_unwrapped(member), name) for member in vars(value).values())
    if not isinstance(value, types.FunctionType):
        return False
    return any(
        name in code.co_names or _DYNAMIC_NAMES.intersection(code.co_names)
        for code in _codes(value.__code__)
    )


def _is_code(value: object) -> bool:
    return isinstance(
        value, (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
    )


def _reaches_all(names: Iterable[str], namespace: Mapping[str, Any]) -> bool:
    """Whether a notebook function that the cell can call uses ``globals()``, ``eval`` or ``exec``."""
    seen: set[int] = set()
    work = [namespace[name] for name in names]
    while work:
        value = work.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, type) and value.__module__ == "__main__":
            work += [_unwrapped(member) for member in vars(value).values()]
        elif isinstance(value, types.FunctionType) and value.__globals__ is namespace:
            for code in _codes(value.__code__):
                if _DYNAMIC_NAMES.intersection(code.co_names):
                    return True
                work += [namespace[n] for n in code.co_names if n in namespace]
            work += [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
        elif type(value).__module__ == "__main__" and type(value) is not types.ModuleType:
            work.append(type(value))
    return False


def _unwrapped(member: object) -> object:
    if isinstance(member, (staticmethod, classmethod)):
        return member.__func__
    return member.fget if isinstance(member, property) else member


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _codes(code: types.CodeType) -> list[types.CodeType]:
    found = [code]
    for inner in found:
        found += [c for c in inner.co_consts if isinstance(c, types.CodeType)]
    return found
