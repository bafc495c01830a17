"""The targets of the agent's jobs: opened as the job's own project configures them, this machine's with the warm pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.spec import JobSpec, TargetRef
from ..journal.home import DataHome
from ..targets.config import Config, load_config
from ..targets.local.target import LocalTarget
from ..targets.port import Launcher, Target
from ..targets.registry import open_target


class Places:
    """Opens each target once per configuration of it: ``cloudml.toml`` may change, and finding a kind takes 20 ms."""

    def __init__(self, home: DataHome, launcher: Launcher) -> None:
        self._home = home
        self._launcher = launcher
        self._opened: dict[tuple[TargetRef, str], Target] = {}

    def open(self, ref: TargetRef, spec: JobSpec) -> Target:
        """The target of one job. Raises what ``targets.registry.open_target`` raises."""
        config = load_config(Path(spec.origin.cwd or "/"))
        key = (ref, repr(config.targets.get(ref.kind)))
        if key not in self._opened:
            self._opened[key] = self._open(ref, config)
        return self._opened[key]

    def _open(self, ref: TargetRef, config: Config) -> Target:
        target = open_target(ref, config=config, home=self._home)
        if not isinstance(target, LocalTarget):
            return target
        options: Mapping[str, Any] = config.targets.get(ref.kind, {}).get(target.name, {})
        return LocalTarget.from_config(
            target.name, options, home=self._home, launcher=self._launcher
        )
