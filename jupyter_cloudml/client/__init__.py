"""The use cases that every surface calls: submit, wait, follow, pull, cancel, retry. Each name loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .job import Job
    from .lookup import get, jobs
    from .python import RemoteFunction, cancel, remote, retry, submit

__all__ = ["Job", "RemoteFunction", "cancel", "get", "jobs", "remote", "retry", "submit"]

_HOMES = {
    "Job": ".job",
    "get": ".lookup",
    "jobs": ".lookup",
    "RemoteFunction": ".python",
    "cancel": ".python",
    "remote": ".python",
    "retry": ".python",
    "submit": ".python",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = found
    return found
