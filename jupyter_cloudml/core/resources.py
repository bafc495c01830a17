"""What a job asks for, and how people write it: ``A100:4``, ``16G``, ``4h``."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from .errors import BadInput

_MEMORY_UNITS_MIB = {"": 1.0, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
_TIME_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one job needs. ``gpus`` and ``cpus`` are per node; ``memory_mib`` 0 means: no wish."""

    gpus: int = 0
    gpu_type: str = ""
    cpus: int = 1
    memory_mib: int = 0
    num_nodes: int = 1
    nproc_per_node: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Resources:
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        return cls(**known)


def parse_gpus(text: str) -> tuple[str, int]:
    """``"2"`` → ``("", 2)``; ``"A100:4"`` → ``("A100", 4)``; ``"A100"`` → ``("A100", 1)``.

    Raises:
        BadInput: the count is not a whole number of 0 or more.
    """
    kind, _, count = text.rpartition(":")
    if not kind and not count.isdigit() and re.fullmatch(r"[A-Za-z][\w-]*", count):
        return count, 1
    if not count.isdigit() or (":" in text and not kind):
        raise BadInput(
            f"--gpus {text!r} is not a number of GPUs", hint="write --gpus 2 or --gpus A100:4"
        )
    return kind, int(count)


def parse_memory_mib(text: str) -> int:
    """``"16G"`` → 16384 (MiB). Units K, M, G, T are powers of 1024; a bare number is MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not match:
        raise BadInput(
            f"--memory {text!r} is not a size", hint="write --memory 16G or --memory 512M"
        )
    return int(float(match[1]) * _MEMORY_UNITS_MIB[match[2].upper()])


def parse_duration_s(text: str) -> float:
    """``"4h"`` → 14400.0 seconds; ``"1h30m"`` adds up; a bare number is seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != re.sub(r"\s+", "", text):
        raise BadInput(f"{text!r} is not a duration", hint="write 90s, 30m, 4h or 1h30m")
    return sum(float(number) * _TIME_UNITS_S[unit] for number, unit in parts)
