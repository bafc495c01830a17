"""``cloudml.toml``: the user's file, and over it the project's nearest one upwards from the working directory.

::

    [defaults]                     # what %cloudconfig sets, in the words of the flags
    on = "slurm:hpc"
    experiment = "churn"

    [targets.local.default]        # options of one named target
    cpus = 8

    [retention]                    # of ended jobs, in the user's file; the agent tidies up when it is idle
    max_age = "90d"
    max_size = "50G"

Every error names the file, the key and the value.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import platformdirs
import tomllib

from ..core.errors import BadInput
from ..core.resources import parse_duration_s, parse_memory_mib

FILE_NAME = "cloudml.toml"
_SECTIONS = ("defaults", "retention", "targets")
_T = TypeVar("_T")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a cell gets when its own line does not say it. None: nobody said; values are as flags take them."""

    on: str | None = None
    gpus: str | int | None = None
    cpus: int | None = None
    memory: str | int | None = None
    num_nodes: int | None = None
    nproc_per_node: int | None = None
    experiment: str | None = None
    tracking_uri: str | None = None
    requirements: str | None = None
    checkpoint: str | None = None
    retries: int | None = None
    max_runtime: str | int | None = None
    autolog: bool | None = None
    detach: bool | None = None
    env: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """Only what the files say."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in pairs if value not in (None, {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long and how much of ended jobs stays on the disk; ``"0"`` means: without end. The agent tidies up when idle."""

    max_age: str = "90d"
    max_size: str = "50G"

    @property
    def max_age_s(self) -> float | None:
        return parse_duration_s(self.max_age) or None

    @property
    def max_bytes(self) -> int | None:
        return parse_memory_mib(self.max_size) << 20 or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The merged configuration; ``files`` are those it was read from, weakest first."""

    defaults: Defaults = field(default_factory=Defaults)
    targets: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    files: tuple[Path, ...] = ()


_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
"""Annotations, resolved once: it takes a millisecond, and every cell's launch asks."""


def load_config(cwd: Path, *, user_file: Path | None = None) -> Config:
    """Read and merge the user's file and the project's; a missing file counts as empty. Never writes.

    Raises:
        BadInput: a file cannot be read or parsed, or a section, key or type is wrong.
    """
    files = [user_file or user_config_file()]
    project = project_config_file(cwd)
    if project is not None and project != files[0]:
        files.append(project)
    read = {path: _read(path) for path in files if path.is_file()}
    for path, document in read.items():
        _check_sections(path, document)
    return Config(
        defaults=parse_options(Defaults, _section("defaults", read)),
        targets=_merged_targets(read),
        retention=_retention(_section("retention", read)),
        files=tuple(read),
    )


def user_config_file() -> Path:
    return platformdirs.user_config_path("jupyter_cloudml") / FILE_NAME


def project_config_file(cwd: Path) -> Path | None:
    """The nearest ``cloudml.toml`` in ``cwd`` or above it."""
    return next((d / FILE_NAME for d in (cwd, *cwd.parents) if (d / FILE_NAME).is_file()), None)


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


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} is not TOML: {exc}") from exc
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror}") from exc


def _check_sections(path: Path, document: Mapping[str, Any]) -> None:
    for key, value in document.items():
        if key not in _SECTIONS:
            hint = did_you_mean(key, _SECTIONS)
            raise BadInput(f"{path}: no such section [{key}]", hint=hint)
        _check_table(path, key, value)
    for kind, named in document.get("targets", {}).items():
        _check_table(path, f"targets.{kind}", named)
        for name, options in named.items():
            _check_table(path, f"targets.{kind}.{name}", options)


def _check_table(path: Path, key: str, value: Any) -> None:
    if not isinstance(value, dict):
        hint = "write [targets.KIND.NAME] and its options below" if "targets" in key else ""
        raise BadInput(f"{path}: {key} = {value!r} should be a table", hint=hint)


def _section(name: str, read: Mapping[Path, Mapping[str, Any]]) -> Table:
    return _merged(name, [(path, document.get(name, {})) for path, document in read.items()])


def _retention(table: Table) -> Retention:
    found = parse_options(Retention, table)
    for key, read in (("max_age", parse_duration_s), ("max_size", parse_memory_mib)):
        try:
            read(getattr(found, key))
        except BadInput as exc:
            raise BadInput(
                f"{table.where(key)} cannot be read", hint="write max_age = '90d', max_size = '50G'"
            ) from exc
    return found


def _merged_targets(read: Mapping[Path, Mapping[str, Any]]) -> dict[str, dict[str, Table]]:
    found: dict[str, dict[str, list[tuple[Path, Mapping[str, Any]]]]] = {}
    for path, document in read.items():
        for kind, named in document.get("targets", {}).items():
            for name, options in named.items():
                found.setdefault(kind, {}).setdefault(name, []).append((path, options))
    return {
        kind: {name: _merged(f"targets.{kind}.{name}", parts) for name, parts in named.items()}
        for kind, named in found.items()
    }


def _merged(table: str, parts: list[tuple[Path, Mapping[str, Any]]]) -> Table:
    values: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for path, part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = {**values[key], **value} if both else value
            files[key] = path
    return Table(table, values, files)


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
