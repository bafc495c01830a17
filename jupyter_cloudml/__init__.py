"""A notebook cell runs anywhere as if it ran here.

Importing this package loads no SDK, no torch and no mlflow: every public name is resolved on first use::

    import jupyter_cloudml as cloudml

    job = cloudml.submit("print('there')", on="local")
    job.result()

In a cell or function at the far end: ``log``, ``progress``, ``checkpoint``, and the values ``params``, ``data`` and ``rank``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import prep
    from .client import Job, cancel, get, jobs, remote, retry, submit
    from .streaming import stream
    from .worker import checkpoint
    from .worker.channels import Channels
    from .worker.sdk import log, progress

    data: Channels
    params: dict[str, Any]
    rank: int
    world_size: int

__all__ = [
    "Job",
    "cancel",
    "checkpoint",
    "data",
    "get",
    "jobs",
    "log",
    "params",
    "prep",
    "progress",
    "rank",
    "remote",
    "retry",
    "stream",
    "submit",
    "world_size",
]

_CLIENT = frozenset({"Job", "cancel", "get", "jobs", "remote", "retry", "submit"})
_SDK = frozenset({"checkpoint", "log", "progress"})
_SDK_VALUES = frozenset({"data", "params", "rank", "world_size"})


def __getattr__(name: str) -> Any:
    if name in _CLIENT:
        found = getattr(import_module(".client", __name__), name)
    elif name == "prep":
        found = import_module(".prep", __name__)
    elif name == "stream":
        found = import_module(".streaming", __name__).stream
    elif name in _SDK:
        found = getattr(import_module(".worker.sdk", __name__), name)
    elif name in _SDK_VALUES:
        return getattr(import_module(".worker.sdk", __name__), name)()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext jupyter_cloudml``: magics, completion, and the start of the agent in the background."""
    from .magics.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext jupyter_cloudml``: completion goes; jobs go on."""
    from .magics.extension import unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server asks a package that it was told to load."""
    from .server.extension import CloudMLExtension

    return [{"module": "jupyter_cloudml", "app": CloudMLExtension}]
