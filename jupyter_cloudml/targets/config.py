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

    [stores.lake]                  # see stores/config.py
    uri = "s3://bucket/prefix"

Every error names the file, the key and the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..core.config_files import (
    Table,
    check_table,
    config_files,
    did_you_mean,
    merged,
    parse_options,
    read_files,
)
from ..core.errors import BadInput
from ..core.resources import parse_duration_s, parse_memory_mib

_SECTIONS = ("defaults", "retention", "stores", "targets")


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


def load_config(cwd: Path, *, user_file: Path | None = None) -> Config:
    """Read and merge the user's file and the project's; a missing file counts as empty. Never writes.

    Raises:
        BadInput: a file cannot be read or parsed, or a section, key or type is wrong.
    """
    read = read_files(config_files(cwd, user_file=user_file))
    for path, document in read.items():
        _check_sections(path, document)
    return Config(
        defaults=parse_options(Defaults, _section("defaults", read)),
        targets=_merged_targets(read),
        retention=_retention(_section("retention", read)),
        files=tuple(read),
    )


def _check_sections(path: Path, document: Mapping[str, Any]) -> None:
    for key, value in document.items():
        if key not in _SECTIONS:
            hint = did_you_mean(key, _SECTIONS)
            raise BadInput(f"{path}: no such section [{key}]", hint=hint)
        check_table(path, key, value)
    for kind, named in document.get("targets", {}).items():
        check_table(path, f"targets.{kind}", named)
        for name, options in named.items():
            check_table(path, f"targets.{kind}.{name}", options)


def _section(name: str, read: Mapping[Path, Mapping[str, Any]]) -> Table:
    return merged(name, [(path, document.get(name, {})) for path, document in read.items()])


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
        kind: {name: merged(f"targets.{kind}.{name}", parts) for name, parts in named.items()}
        for kind, named in found.items()
    }
