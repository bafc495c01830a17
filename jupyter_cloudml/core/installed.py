"""What came with Python or was installed, and what is a file of the user's own."""

from __future__ import annotations

import functools
import site
import sysconfig
from pathlib import Path

_LIBRARIES = frozenset({"site-packages", "dist-packages"})


@functools.lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Whether the path ``file`` is of the standard library or of an installed package, of this environment or of another
    one that ``sys.path`` leads to."""
    return file.startswith(_folders()) or not _LIBRARIES.isdisjoint(Path(file).parts)


@functools.lru_cache(maxsize=1)
def _folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    folders |= {str(Path(folder).resolve()) for folder in folders}
    return tuple(f"{folder}/" for folder in folders)
