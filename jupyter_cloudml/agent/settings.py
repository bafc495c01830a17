"""What an agent may be told through its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .warm import preload


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``CLOUDML_AGENT_IDLE_S``: end after so long without a job. ``CLOUDML_TIDY_S``: idle so long, prune. ``CLOUDML_GRACE_S``: between SIGTERM and SIGKILL.

    ``CLOUDML_SPARES``: children kept ready. ``CLOUDML_PRELOAD``: none, light or full. ``CLOUDML_FORWARDER``: 0 for none.
    """

    idle_s: float = 1800.0
    tidy_s: float = 60.0
    grace_s: float = 10.0
    spares: int = 2
    preload: str = "full"
    forwards: bool = True

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """A value that is no number counts as missing."""
        return cls(
            idle_s=_number(environ, "CLOUDML_AGENT_IDLE_S", 1800.0),
            tidy_s=_number(environ, "CLOUDML_TIDY_S", 60.0),
            grace_s=_number(environ, "CLOUDML_GRACE_S", 10.0),
            spares=max(1, int(_number(environ, "CLOUDML_SPARES", 2))),
            preload=preload.level(environ),
            forwards=environ.get("CLOUDML_FORWARDER", "1") != "0",
        )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environ.get(name, default))
    except ValueError:
        return default
