"""What a stream was asked for, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of ``cloudml.stream`` that say what a batch is."""

    batch_size: int
    shuffle: bool = False
    seed: int = 0
    columns: tuple[str, ...] | None = None
    window: int = 1024
    drop_last: bool = False
    ahead: int = 2
    format: str | None = None
    decode: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict)
    transform: Callable[[dict[str, Any]], Any] | None = None

    def checked(self) -> Options:
        """These options.

        Raises:
            BadInput: one of them is out of range.
        """
        for name, least in (("batch_size", 1), ("window", 1), ("ahead", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise BadInput(
                    f"{name}={value!r} is not a whole number of {least} or more",
                    hint="cloudml.stream(uri, batch_size=64)",
                )
        if self.columns is not None and not self.columns:
            raise BadInput("columns=() leaves nothing to read", hint="leave columns out for all")
        return self

    def order(self) -> dict[str, Any]:
        """What the order of the samples depends on; a saved position fits only the same."""
        return {
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed if self.shuffle else 0,
            "window": self.window if self.shuffle else 0,
            "drop_last": self.drop_last,
        }
