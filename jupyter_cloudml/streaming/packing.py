"""Batches as tensors, where another process can take them without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def in_shared_memory(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array in shared memory, as ``torch.utils.data.default_collate`` makes one: packing it is the only copy."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not size or dtype.kind not in "biufc":
        return np.empty(shape, dtype)
    storage = torch.UntypedStorage._new_shared(size, device="cpu")
    flat = torch.empty(0, dtype=torch.uint8).set_(storage)
    array: NDArray[Any] = flat.numpy().view(dtype).reshape(shape)
    return array


def packed(batch: dict[str, Any]) -> dict[str, Any]:
    """Arrays of numbers become tensors over the same memory; all else stays."""
    return {name: _tensor(column) for name, column in batch.items()}


def _tensor(column: Any) -> Any:
    if not isinstance(column, np.ndarray):
        return column
    if column.dtype.kind not in "biufc":
        return column.tolist()
    if not column.dtype.isnative:
        column = column.astype(column.dtype.newbyteorder("="))
    return torch.from_numpy(column)
