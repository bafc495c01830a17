"""Which of how many processes this one is."""

from __future__ import annotations

import os
import sys

from ..core.errors import BadInput


def ranks(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Rank and number of ranks: as given, else those of ``torch.distributed``, else ``RANK`` and ``WORLD_SIZE``, else one.

    Raises:
        BadInput: one of them alone is given, or the rank is out of range.
    """
    if (rank is None) != (world_size is None):
        raise BadInput("rank and world_size go together", hint="give both, or neither")
    if rank is None or world_size is None:
        rank, world_size = _told()
    if not 0 <= rank < world_size:
        raise BadInput(f"rank {rank} is none of {world_size}", hint="ranks count from 0")
    return rank, world_size


def _told() -> tuple[int, int]:
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    size = int(os.environ.get("WORLD_SIZE") or 1)
    return int(os.environ.get("RANK") or 0) if size > 1 else 0, size
