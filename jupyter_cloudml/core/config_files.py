"""``cloudml.toml``: where the files are, how they are merged, and how a table becomes a dataclass.

The user's file, and over it the project's nearest one upwards from the working directory. What the sections mean is said
where they are used (``targets/config.py``, ``stores/config.py``). Every error names the file, the key and the value.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import BadInput, NotInstalled

FILE_NAME = "cloudml.toml"
_T = TypeVar("_T")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_TABLES = {
    "targets": "write [targets.KIND.NAME] and its options below",
    "stores": "write [stores.NAME] and its options below",
}


@dataclass(frozen=True, slots=True)
class Table(Mapping[str, Any]):
    """One table of the merged file; ``where(key)`` says which file the value comes from."""

    path: str
    values_: Mapping[str, Any]
    files: Mapping[str, Path]

    def __getitem__(self, key: str) -> Any:
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def where(self, key: str) -> str:
        return f"{self.files[key]}: {self.path}.{key} = {self.values_[key]!r}"


_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
"""Annotations, resolved once: it takes a millisecond, and every cell's launch asks."""


def config_files(cwd: Path, *, user_file: Path | None = None) -> list[Path]:
    """The user's file and the project's, weakest first; they need not exist."""
    files = [user_file or user_config_file()]
    project = project_config_file(cwd)
    return files if project is None or project == files[0] else [*files, project]


def user_config_file() -> Path:
    """``~/.config/jupyter_cloudml/cloudml.toml`` or the platform's like; a bare far end has only the first."""
    try:
        import platformdirs
    except ImportError:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(base) / "jupyter_cloudml" / FILE_NAME
    return platformdirs.user_config_path("jupyter_cloudml") / FILE_NAME


def project_config_file(cwd: Path) -> Path | None:
    """The nearest ``cloudml.toml`` in ``cwd`` or above it."""
    return next((d / FILE_NAME for d in (cwd, *cwd.parents) if (d / FILE_NAME).is_file()), None)


def read_files(files: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """What the files say; a missing one is left out.

    Raises:
        BadInput: a file cannot be read or parsed.
    """
    return {path: _read(path) for path in files if path.is_file()}


def parse_options(kind: type[_T], table: Mapping[str, Any]) -> _T:
    """``table`` as the dataclass ``kind``, every value checked against its annotation.

    Raises:
        BadInput: a key that ``kind`` has not (with the nearest that it has), or a value of another type.
    """
    hints = _hints(kind)
    for key, value in table.items():
        where = table.where(key) if isinstance(table, Table) else f"{key} = {value!r}"
        if key not in hints:
            raise BadInput(f"{where}: no such key", hint=did_you_mean(key, hints))
        if not _fits(value, hints[key]):
            raise BadInput(f"{where} should be {_in_words(hints[key])}")
    return kind(**table)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``did you mean 'x'? there are: …``: the hint that every wrong name gets."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1)
    listed = f"there are: {', '.join(known)}" if known else "there are none"
    return f"did you mean {near[0]!r}? {listed}" if near else listed


def merged(table: str, parts: list[tuple[Path, Mapping[str, Any]]]) -> Table:
    """One table of what several files say about it, weakest first; inner tables are merged by their keys."""
    values: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for path, part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = {**values[key], **value} if both else value
            files[key] = path
    return Table(table, values, files)


def check_table(path: Path, key: str, value: Any) -> None:
    """Raises ``BadInput`` when the value at ``key`` is no table."""
    if not isinstance(value, dict):
        room = key.partition(".")[0]
        hint = _TABLES.get(room, "")
        raise BadInput(f"{path}: {key} = {value!r} should be a table", hint=hint)


def _read(path: Path) -> dict[str, Any]:
    try:
        return _toml(path.read_text("utf-8"))
    except ValueError as exc:
        raise BadInput(f"{path} is not TOML: {exc}") from exc
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror}") from exc


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # a far end on Python 3.10
        try:
            import tomli as tomllib
        except ImportError as exc:
            raise NotInstalled(
                f"{FILE_NAME} cannot be read with Python 3.10 alone", hint="pip install tomli"
            ) from exc
    return tomllib.loads(text)


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_fits(value, arg) for arg in args)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(v, args[1]) for v in value.values())
    if origin is list:
        return isinstance(value, list) and all(_fits(v, args[0]) for v in value)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _in_words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return " or ".join(_in_words(arg) for arg in args if arg is not NoneType)
    if origin is dict:
        return f"a table whose values are {_in_words(args[1])}"
    if origin is list:
        return f"a list of {_in_words(args[0])}"
    return _WORDS[hint]
