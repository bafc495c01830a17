"""The code that a process imported a module from, where the module's file says something else by now.

A notebook goes on with what it imported until ``reload``; so must its jobs, which import afresh. The home side finds what
was imported: code that it has seen when the file still agreed, or the compiled file that Python leaves beside the source.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib
import importlib.util
import io
import marshal
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_TAG = sys.implementation.cache_tag
_Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was found of a module, good while it has this ``spec`` (a reload gives it another) and its file this stamp.

    ``%autoreload`` may also put new code into the functions of a module that keeps its spec.

    ``code`` is what it was imported from; None: that is not known.
    """

    spec: ModuleSpec | None
    stamp: _Stamp
    code: CodeType | None
    is_current: bool


_seen: dict[str, _Seen] = {}


def outdated(modules: Mapping[str, ModuleType]) -> tuple[dict[str, Any], list[str]]:
    """The code of those ``modules`` whose file is another now (JSON values); the names of those whose code is lost."""
    codes: dict[str, Any] = {}
    lost: list[str] = []
    for name, module in modules.items():
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        found = _look(name, module, file)
        if found.is_current:
            continue
        if found.code is None:
            lost.append(name)
            continue
        text = base64.b64encode(marshal.dumps(found.code)).decode()
        codes[name] = {
            "tag": _TAG,
            "code": text,
            "file": file,
            "folders": [*module.__path__] if hasattr(module, "__path__") else None,
        }
    return codes, lost


def _look(name: str, module: ModuleType, file: str) -> _Seen:
    before = _seen.get(name)
    if before is not None and before.spec is not module.__spec__:
        before = None
    stamp = _stamp(file)
    if before is not None and before.stamp == stamp:
        return before
    now = _compiled(file)
    known = None if before is None else before.code
    if known is not None and _fits(module, file, known):
        is_current = now is not None and _print(now) == _print(known)
    else:
        known = _code_of(module, file, now)
        is_current = known is not None and known is now
    _seen[name] = _Seen(spec=module.__spec__, stamp=stamp, code=known, is_current=is_current)
    return _seen[name]


def _stamp(file: str) -> _Stamp:
    try:
        info = Path(file).stat()
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size


def _compiled(file: str) -> CodeType | None:
    """The file's code as it is now; None where there is none."""
    try:
        return SourceFileLoader("", file).source_to_code(Path(file).read_bytes(), file)
    except (OSError, SyntaxError, ValueError):
        return None


def _code_of(module: ModuleType, file: str, now: CodeType | None) -> CodeType | None:
    """Which code ``module`` runs: that of the file ``now``, or the one that Python left beside it; None: another."""
    if now is not None and _fits(module, file, now):
        return now
    left = _left_beside(module, file)
    if left is None and now is not None and _fits(module, file, now, set(now.co_names)):
        return now  # a reload leaves behind what the file no longer defines
    return left


def _left_beside(module: ModuleType, file: str) -> CodeType | None:
    """The code in ``__pycache__``, where it is what ``module`` runs."""
    try:
        code = marshal.loads(Path(importlib.util.cache_from_source(file)).read_bytes()[16:])  # noqa: S302 - Python itself would load it
    except (OSError, NotImplementedError, EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) and _fits(module, file, code) else None


def _fits(
    module: ModuleType, file: str, code: CodeType, names: Collection[str] | None = None
) -> bool:
    """Whether every function that ``module`` has from ``file`` (under one of ``names``) is one of ``code``."""
    prints = {_print(one) for one in _nested(code)}
    return all(_print(own) in prints for own in _own_codes(module, file, names))


def _own_codes(module: ModuleType, file: str, names: Collection[str] | None) -> Iterator[CodeType]:
    for name, value in list(vars(module).items()):
        if names is not None and name not in names:
            continue
        if isinstance(value, type) and value.__module__ == module.__name__:
            members = list(vars(value).values())
        else:
            members = [value]
        for member in members:
            for function in _functions(member):
                if function.__code__.co_filename == file:
                    yield function.__code__


def _functions(member: Any) -> Iterator[FunctionType]:
    if isinstance(member, property):
        parts = [member.fget, member.fset, member.fdel]
    elif isinstance(member, (staticmethod, classmethod)):
        parts = [member.__func__]
    else:
        parts = [member]
    for part in parts:
        if isinstance(part, functools._lru_cache_wrapper):
            part = part.__wrapped__
        if isinstance(part, FunctionType):
            yield part


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)


def _print(code: CodeType) -> tuple[Any, ...]:
    """Two codes with equal prints do the same, be it in other lines."""
    consts = tuple(
        _print(const) if isinstance(const, CodeType) else (type(const).__name__, _text(const))
        for const in code.co_consts
    )
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return names, code.co_flags, code.co_code, consts


def _text(const: Any) -> str:
    if isinstance(const, frozenset):
        return repr(sorted(map(repr, const)))
    return repr(const)


def follow(codes: Mapping[str, Any]) -> list[str]:
    """From now on these modules are imported from their given code, once each; the names of those that cannot be."""
    forget()
    taken = {name: given for name, given in codes.items() if given["tag"] == _TAG}
    if taken:
        sys.meta_path.insert(0, _Finder(taken))
    return [name for name in codes if name not in taken]


def forget() -> None:
    """Import every module from its file; nothing was met."""
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, _Finder)]
    _met.clear()


_met: dict[str, tuple[ModuleType, ModuleSpec | None]] = {}


def meet(module: ModuleType) -> None:
    """Remember that ``module`` was imported just now."""
    _met[module.__name__] = module, module.__spec__


def reloaded() -> list[str]:
    """The modules that were met and then reloaded."""
    return [
        name
        for name, (module, spec) in _met.items()
        if sys.modules.get(name) is module and module.__spec__ is not spec
    ]


def reload_too(names: Sequence[str]) -> None:
    """Reload these modules here, silently: what they print was shown where they were reloaded first."""
    for name in names:
        module = sys.modules.get(name)
        if module is None:
            continue
        silence = io.StringIO()
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            try:
                importlib.reload(module)
            except Exception:  # noqa: BLE001, S112 - a module of the user's may raise anything; it stays as far as it came
                continue


class _Finder(MetaPathFinder):
    """Finds each of its modules once: a reload takes the file."""

    def __init__(self, codes: dict[str, Any]) -> None:
        self._codes = codes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        given = self._codes.pop(fullname, None)
        if given is None:
            return None
        code = marshal.loads(base64.b64decode(given["code"]))  # noqa: S302 - from this user's own notebook
        return importlib.util.spec_from_file_location(
            fullname,
            given["file"],
            loader=_Loader(fullname, given["file"], code),
            submodule_search_locations=given["folders"],
        )


class _Loader(SourceFileLoader):
    def __init__(self, name: str, file: str, code: CodeType) -> None:
        super().__init__(name, file)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self._code
