"""Which Python a job needs, as far as a process that is already running could have it wrong. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PREFIXES = (
    "PYTHON",
    "LD_",
    "LC_",
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "OPENBLAS_",
    "NUMEXPR_",
    "TORCH_",
    "TORCHDYNAMO_",
    "PYTORCH_",
)
_NAMES = frozenset({"LANG", "HOME", "TZ", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"})
_SET_BY_IMPORTS = frozenset({"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"})


def sensitive(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that the loader, Python or the heavy packages read once: at start or at import.

    A variable that scikit-learn and others set themselves as they are imported does not count.
    """
    return {
        name: value
        for name, value in environ.items()
        if (name.startswith(_PREFIXES) or name in _NAMES) and name not in _SET_BY_IMPORTS
    }


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter and the variables that a running process cannot change any more; the key of a zygote."""

    python: str
    variables: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, python: str, environ: Mapping[str, str]) -> Environment:
        """The environment that ``python`` has when it is started with ``environ``."""
        return cls(python, tuple(sorted(sensitive(environ).items())))

    def applied_to(self, environ: Mapping[str, str]) -> dict[str, str]:
        """``environ`` with exactly the sensitive variables of this environment."""
        kept = {name: value for name, value in environ.items() if name not in sensitive(environ)}
        return {**kept, **dict(self.variables)}


def site_stamp(folders: Iterable[str]) -> tuple[int, ...]:
    """Changes when a package was installed into, or removed from, one of ``folders``; 0 for a missing one."""
    return tuple(_mtime_ns(folder) for folder in folders)


def _mtime_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 - on the launch path
    except OSError:
        return 0
