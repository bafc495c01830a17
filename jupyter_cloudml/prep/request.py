"""What one ``%%cloudprep`` cell asks for; crosses the wire inside the job's spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..core.errors import BadInput

AUTO = "auto"
ENGINES = (AUTO, "polars", "duckdb", "spark", "bigquery")
SQL, PYTHON = "sql", "python"
DEFAULT_ROWS = 10
RESULT = "result"
"""What the one result is called where nothing gives it a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepRequest:
    """``sources`` and ``sinks`` are URIs by name; ``frames`` the notebook's frames that the cell reads by name.

    ``outputs`` are the names that come home. ``rows`` is how many are shown; without sink and output no more than those
    are computed.
    """

    language: str
    engine: str = AUTO
    sources: dict[str, str] = field(default_factory=dict)
    frames: tuple[str, ...] = ()
    sinks: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    rows: int = DEFAULT_ROWS
    partition_by: tuple[str, ...] = ()
    format: str = ""
    is_cached: bool = True

    @property
    def results(self) -> tuple[str, ...]:
        """The names of the frames that the cell has to make, sinks first."""
        return tuple(dict.fromkeys((*self.sinks, *self.outputs))) or (RESULT,)

    @property
    def is_preview(self) -> bool:
        return not self.sinks and not self.outputs

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PrepRequest:
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        for key in ("frames", "outputs", "partition_by"):
            known[key] = tuple(known.get(key, ()))
        return cls(**known)


def checked_engine(name: str) -> str:
    """``name``, which is an engine's.

    Raises:
        BadInput: it is none.
    """
    if name not in ENGINES:
        raise BadInput(f"--engine {name!r} is none", hint="known: " + ", ".join(ENGINES))
    return name
