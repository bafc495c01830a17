"""The targets of the agent's jobs: opened as the job's own project configures them, this machine's with the warm pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.spec import JobSpec, TargetRef
from ..journal.home import DataHome
from ..targets.config import load_config
from ..targets.local.target import LocalTarget
from ..targets.port import Launcher, Target
from ..targets.registry import open_target


class Places:
    """Opens targets; keeps none, because ``cloudml.toml`` may change at any time and opening talks to nobody."""

    def __init__(self, home: DataHome, launcher: Launcher) -> None:
        self._home = home
        self._launcher = launcher

    def open(self, ref: TargetRef, spec: JobSpec) -> Target:
        """The target of one job. Raises what ``targets.registry.open_target`` raises."""
        config = load_config(Path(spec.origin.cwd or "/"))
        target = open_target(ref, config=config, home=self._home)
        if not isinstance(target, LocalTarget):
            return target
        options: Mapping[str, Any] = config.targets.get("local", {}).get(target.name, {})
        return LocalTarget.from_config(
            target.name, options, home=self._home, launcher=self._launcher
        )
