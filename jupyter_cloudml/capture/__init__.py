"""What a cell reads and changes, and what must travel with it. Pure: syntax trees in, names out."""

from __future__ import annotations

from .analyse import analyse
from .modules import LocalModule, ModuleFile, modules
from .names import CellNames
from .plan import CapturePlan, plan, sets_global

__all__ = [
    "CapturePlan",
    "CellNames",
    "LocalModule",
    "ModuleFile",
    "analyse",
    "modules",
    "plan",
    "sets_global",
]
