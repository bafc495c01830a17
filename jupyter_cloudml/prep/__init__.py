"""Data preparation: lazily from sources to sinks, larger than memory, the same cell on every engine.

Standard library only at import time; each engine's package is imported where it is used. The public names are the
functions that prepare a lazy table for training (docs/preparation.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .splitting import Split, split
    from .steps import TRUSTED_TYPES, impute, keep, one_hot, standardise
    from .transformer import Preparation, fit

__all__ = [
    "TRUSTED_TYPES",
    "Preparation",
    "Split",
    "fit",
    "impute",
    "keep",
    "one_hot",
    "split",
    "standardise",
]

_HOMES = {
    "Preparation": "transformer",
    "Split": "splitting",
    "TRUSTED_TYPES": "steps",
    "fit": "transformer",
    "impute": "steps",
    "keep": "steps",
    "one_hot": "steps",
    "split": "splitting",
    "standardise": "steps",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
