"""Where a job comes from: its notebook and cell, its Python, its commit. Cheap enough for every launch."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ..core.spec import Origin

_dirty: dict[str, bool] = {}


def origin(
    environ: Mapping[str, str], *, notebook: str = "", cell_id: str = "", kernel_id: str = ""
) -> Origin:
    """The origin of a job that starts now in this process. Reads two small files of git, starts nothing that it awaits."""
    cwd = str(Path.cwd())
    root = _git_root(cwd)
    commit = _commit(root) if root else ""
    return Origin(
        python=sys.executable,
        python_version=platform.python_version(),
        cwd=cwd,
        host=platform.node(),
        user=_user(),
        notebook=notebook or environ.get("JPY_SESSION_NAME", ""),
        cell_id=cell_id,
        kernel_id=kernel_id,
        git_commit=commit,
        git_dirty=_dirty.get(str(root), False) if commit else False,
    )


def look_at_git(cwd: str) -> None:
    """Find out in the background whether the work tree around ``cwd`` has changes; later origins say so."""
    root = _git_root(cwd)
    if root is not None:
        threading.Thread(target=_look, args=(root,), name="cloudml-git", daemon=True).start()


def _look(root: Path) -> None:
    argv = [
        "git",
        "-C",
        str(root),
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--untracked-files=no",
    ]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    _dirty[str(root)] = bool(done.stdout.strip())


@lru_cache(maxsize=32)
def _git_root(cwd: str) -> Path | None:
    return next((p for p in (Path(cwd), *Path(cwd).parents) if (p / ".git").exists()), None)


def _git_folders(root: Path) -> tuple[Path, Path]:
    """The folder of this work tree's HEAD, and the one that it shares with others (gitrepository-layout(5)).

    ``.git`` is a file that names the folder in submodules and in work trees that ``git worktree`` added.
    """
    own = root / ".git"
    if own.is_file():
        own = root / own.read_text().strip().removeprefix("gitdir: ")
    common = own / "commondir"
    return own, own / common.read_text().strip() if common.is_file() else own


def _commit(root: Path) -> str:
    """The commit that HEAD names, from git's own files; empty when there is none yet."""
    try:
        own, common = _git_folders(root)
        head = (own / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        for loose in (own / ref, common / ref):
            if loose.is_file():
                return loose.read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.split(" ", 1)[0] for line in packed if line.endswith(f" {ref}")), "")


@lru_cache(maxsize=1)
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
