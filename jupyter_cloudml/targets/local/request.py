"""The pure plan of a local job: its argv, environment and slots."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import BadInput
from ...core.resources import Resources
from ...core.spec import JobSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What ``[targets.local.NAME]`` may say. ``cpus`` and ``gpus`` cap one job; None: whatever the machine has.

    ``env`` wins over the notebook's own environment, and a job's ``--env`` over both.
    """

    python: str = ""
    cpus: int | None = None
    gpus: int | None = None
    env: dict[str, str] = field(default_factory=dict)
    max_bundle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRequest:
    """One process to start. ``env`` is added to the launcher's own; the worker itself goes to the spec's directory.

    ``cwd`` is the job folder, so that no file of the user's can shadow a module while the worker starts.
    """

    job_id: str
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    cpus: int
    gpus: int
    gpu_type: str = ""
    memory_mib: int = 0
    secrets: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return Path(self.cwd)

    def to_json(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in ("argv", "secrets", "packages")}
        return asdict(self) | lists

    def __str__(self) -> str:
        """The shell line that does the same by hand, and the slots it waits for."""
        env = [f"{key}={shlex.quote(value)}" for key, value in sorted(self.env.items())]
        line = " ".join([*env, shlex.join(self.argv)])
        gpus = f"{self.gpus} x {self.gpu_type or 'gpu'}" if self.gpus else "no gpu"
        memory = f", {self.memory_mib} MiB" if self.memory_mib else ""
        secret = f"\nsecrets: {', '.join(self.secrets)}" if self.secrets else ""
        packages = f"\npackages: {', '.join(self.packages)}" if self.packages else ""
        slots = f"{self.cpus} x cpu, {gpus}{memory}"
        return f"cd {shlex.quote(self.cwd)} && {line}\nslots: {slots}{secret}{packages}"


def plan_local(spec: JobSpec, folder: Path, options: LocalOptions, *, python: str) -> LocalRequest:
    """The request for ``spec`` in ``folder``; ``python`` is used where neither options nor spec name one. Pure.

    Raises:
        BadInput: more nodes, CPUs or GPUs than this target may give to one job.
    """
    _check(spec.resources, options)
    interpreter = options.python or spec.origin.python or python
    pairs = (f"{key}={value}" for key, value in sorted(options.env.items()) if key not in spec.env)
    lasting = [word for pair in pairs for word in ("--env", pair)]
    return LocalRequest(
        job_id=spec.id,
        argv=(interpreter, "-m", "jupyter_cloudml.worker", str(folder), *lasting),
        cwd=str(folder),
        env={**options.env, **spec.env},
        cpus=spec.resources.cpus,
        gpus=spec.resources.gpus,
        gpu_type=spec.resources.gpu_type,
        memory_mib=spec.resources.memory_mib,
        secrets=spec.secrets,
        packages=tuple(
            line for line in spec.requirements.splitlines() if line and line[0] not in "-#"
        ),
    )


def _check(wanted: Resources, options: LocalOptions) -> None:
    if wanted.num_nodes != 1:
        raise BadInput(
            f"--num-nodes {wanted.num_nodes}: target 'local' is one machine",
            hint="leave the flag out, or name a cluster with --on",
        )
    for flag, asked, most in (
        ("--cpus", wanted.cpus, options.cpus),
        ("--gpus", wanted.gpus, options.gpus),
    ):
        if most is not None and asked > most:
            raise BadInput(
                f"{flag} {asked} is more than the {most} that target 'local' gives to one job",
                hint=f"ask for {most} or less, or raise {flag[2:]} in cloudml.toml",
            )
