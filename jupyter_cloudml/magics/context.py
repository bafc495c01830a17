"""Where a magic runs: which front end is there, which notebook, which cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..client.origin import origin
from ..core.spec import Origin


def is_batch(shell: Any, environ: Mapping[str, str], wish: bool | None) -> bool:
    """Whether nobody watches: papermill, nbconvert, a script. ``wish`` (``%cloudconfig --batch``) decides over all.

    A kernel is watched when a Jupyter server started it (the server's own file in the runtime directory says so) or an
    editor did; a terminal always is.
    """
    if wish is not None:
        return wish
    if not hasattr(shell, "kernel"):
        return False
    if any(name.startswith("VSCODE_") for name in environ):
        return False
    return not _has_server(environ.get("JPY_PARENT_PID", ""))


@lru_cache(maxsize=4)
def _has_server(pid: str) -> bool:
    from jupyter_core.paths import jupyter_runtime_dir

    return bool(pid) and (Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").is_file()


def cell_origin(shell: Any, environ: Mapping[str, str]) -> Origin:
    """The origin of a job that this cell starts."""
    return origin(environ, cell_id=_cell_id(shell), kernel_id=_kernel_id(shell))


def _cell_id(shell: Any) -> str:
    get_parent = getattr(shell, "get_parent", None)
    message = get_parent() if callable(get_parent) else {}
    metadata = message.get("metadata") or {} if isinstance(message, dict) else {}
    return str(metadata.get("cellId") or "")


def _kernel_id(shell: Any) -> str:
    try:
        return Path(shell.config["IPKernelApp"]["connection_file"]).stem.removeprefix("kernel-")
    except (KeyError, TypeError):
        return ""
