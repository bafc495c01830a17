"""What to run and where: the one value that every surface builds and every target reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .errors import BadInput, Corrupt
from .resources import Resources

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class TargetRef:
    """A target on the command line: ``kind[:name]``; an empty name is the default of its kind."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @classmethod
    def parse(cls, text: str) -> TargetRef:
        kind, _, name = text.strip().partition(":")
        if not kind.replace("_", "").replace("-", "").isalnum():
            raise BadInput(
                f"--on {text!r} names no target",
                hint="write --on kind or --on kind:name, e.g. --on local",
            )
        return cls(kind=kind, name=name)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a job came from: enough to find its cell again, and to start the same Python."""

    python: str = ""
    python_version: str = ""
    cwd: str = ""
    host: str = ""
    user: str = ""
    notebook: str = ""
    cell_id: str = ""
    kernel_id: str = ""
    git_commit: str = ""
    git_dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """All there is to say about a job before it runs. Immutable; never holds a secret's value.

    ``inputs`` None: capture what the cell reads; a tuple restricts or adds (``-i``).
    ``outputs`` None: bring home what it bound and changed; ``()`` is ``--no-return``; names restrict (``-o``).
    ``prep`` is not empty for a preparation: what ``prep.request`` made of ``%%cloudprep``; ``source`` is SQL or Python.
    """

    id: str
    source: str
    name: str = ""
    kind: str = "cell"
    target: TargetRef = field(default_factory=lambda: TargetRef(kind="local"))
    resources: Resources = field(default_factory=Resources)
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    requirements: str = ""
    experiment: str = "Default"
    run_name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    tracking_uri: str = ""
    retries: int = 0
    max_runtime_s: float = 0.0
    prep: dict[str, Any] = field(default_factory=dict)
    checkpoint_uri: str = ""
    resume_from: str = ""
    autolog: bool = False
    detach: bool = False
    origin: Origin = field(default_factory=Origin)
    created_at: float = 0.0
    execution_count: int = 1

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON; a parameter that JSON has no form for is its text (its value travels in the bundle)."""
        params = {name: _recorded(value) for name, value in self.params.items()}
        return {"schema": SCHEMA, **asdict(replace(self, params=params))}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobSpec:
        """The spec that ``to_json`` wrote; unknown keys of a newer version are ignored.

        Raises:
            Corrupt: a required key is missing or of the wrong shape.
        """
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        try:
            known["target"] = TargetRef(**known["target"])
            known["resources"] = Resources.from_json(known["resources"])
            known["origin"] = Origin(
                **{k: v for k, v in known["origin"].items() if k in Origin.__dataclass_fields__}
            )
            for key in ("inputs", "outputs", "secrets"):
                known[key] = None if known[key] is None else tuple(known[key])
            return cls(**known)
        except (KeyError, TypeError) as exc:
            raise Corrupt(
                f"the job's spec cannot be read: {exc}",
                hint="the job folder is damaged; submit again",
            ) from exc


def _recorded(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value
