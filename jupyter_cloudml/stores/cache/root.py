"""Where this machine keeps copies of what lies in stores, and how large they may grow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ...core.errors import BadInput
from ...core.resources import parse_memory_mib

VARIABLE = "CLOUDML_CACHE"
LIMIT_VARIABLE = "CLOUDML_CACHE_LIMIT"


def cache_root(environ: Mapping[str, str]) -> Path:
    """``$CLOUDML_CACHE``, else a folder in the user's cache directory. Pure: makes nothing.

    It belongs to the user, not to a data directory: all jobs of this machine share it.
    """
    named = environ.get(VARIABLE, "")
    if named:
        return Path(named).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "jupyter_cloudml" / "data"


def cache_limit(environ: Mapping[str, str], root: Path) -> int:
    """Bytes: ``$CLOUDML_CACHE_LIMIT`` (``20G``), else half of the disk.

    Raises:
        BadInput: the variable is no size.
    """
    named = environ.get(LIMIT_VARIABLE, "")
    if named:
        try:
            return parse_memory_mib(named) << 20
        except BadInput as exc:
            raise BadInput(f"{LIMIT_VARIABLE}={named!r} is no size", hint="e.g. 20G") from exc
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    return shutil.disk_usage(there).total // 2
