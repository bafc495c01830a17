"""Where a stream is: epoch and batch, and all that the order of its samples depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.errors import BadInput

_VERSION = 1


@dataclass(kw_only=True)
class Position:
    """The next batch to hand over. ``lanes`` 0: not decided yet, the number of workers will be taken."""

    epoch: int = 0
    batch: int = 0
    lanes: int = 0

    def state(self, order: dict[str, Any], fingerprint: str, world_size: int) -> dict[str, Any]:
        """The position as JSON values, with what it is only right for."""
        return {
            "version": _VERSION,
            "epoch": self.epoch,
            "batch": self.batch,
            "lanes": self.lanes,
            "samples": fingerprint,
            "world_size": world_size,
            **order,
        }


def position_of(
    state: dict[str, Any], order: dict[str, Any], fingerprint: str, world_size: int
) -> Position:
    """The position that ``state`` tells. At the start of an epoch the rest may differ; within one it must not.

    Raises:
        BadInput: it is no state of a stream, or is of other samples, options or ranks; the message names the first.
    """
    try:
        if state["version"] != _VERSION:
            raise BadInput(f"the position has the version {state['version']}, not {_VERSION}")
        found = Position(**{name: int(state[name]) for name in ("epoch", "batch", "lanes")})
        if min(found.epoch, found.batch, found.lanes) < 0:
            raise ValueError("it counts from 0")
    except (KeyError, TypeError, ValueError) as exc:
        raise BadInput(
            f"{state!r:.80} is no position of a stream", hint="give what state_dict() returned"
        ) from exc
    if found.batch == 0:
        return Position(epoch=found.epoch)
    now = {**order, "world_size": world_size, "samples": fingerprint}
    for name, value in now.items():
        if state.get(name) != value:
            what = "the shards have changed" if name == "samples" else f"{name}={value!r}"
            was = "" if name == "samples" else f", it was {state.get(name)!r} when it was saved"
            raise BadInput(
                f"the position is in the middle of epoch {found.epoch} and does not fit: {what}{was}",
                hint="make the stream as it was, or begin the next epoch with set_epoch()",
            )
    return found
