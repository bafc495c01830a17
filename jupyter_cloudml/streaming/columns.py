"""Columns of samples: arrays whose first axis is the sample, or lists; and a batch gathered from several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadInput
from .order import Ints

Column = Any
"""An ``ndarray`` of shape ``(samples, …)``, ``Rows``, or a list as long."""

Allocate = Callable[[tuple[int, ...], "np.dtype[Any]"], NDArray[Any]]
"""Makes the array that a batch is packed into (in shared memory, where it goes to another process)."""

_LARGE_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays of one shape and type that lie where they were read: packing a batch is then their only copy."""

    arrays: Sequence[NDArray[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.arrays), *self.arrays[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.arrays[0].dtype

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.arrays[row]


def stacked(values: Sequence[Any]) -> Column:
    """Values of a column as one array where they are numbers or arrays of one shape and type, else the list of them."""
    first = values[0] if values else None
    if isinstance(first, bool | int | float | np.generic) and all(
        type(v) is type(first) for v in values
    ):
        array = np.asarray(values)
        return list(values) if array.dtype == object else array
    if isinstance(first, np.ndarray) and all(
        isinstance(v, np.ndarray) and v.shape == first.shape and v.dtype == first.dtype
        for v in values
    ):
        if first.dtype == object:
            return list(values)
        return Rows(values) if first.nbytes >= _LARGE_BYTES else np.stack(values)
    return list(values)


def gather(name: str, parts: dict[int, Column], units: Ints, rows: Ints, new: Allocate) -> Column:
    """The samples ``rows[i]`` of ``parts[units[i]]``, in this order, in an array from ``new`` or a list.

    Raises:
        BadInput: the units hold this column in different shapes or types.
    """
    first = parts[int(units[0])]
    if not all(isinstance(part, np.ndarray | Rows) for part in parts.values()):
        return [parts[int(unit)][int(row)] for unit, row in zip(units, rows, strict=True)]
    for part in parts.values():
        if part.shape[1:] != first.shape[1:] or part.dtype != first.dtype:
            raise BadInput(
                f"column {name!r} is {first.dtype}{list(first.shape[1:])} in one shard and "
                f"{part.dtype}{list(part.shape[1:])} in another",
                hint="write all shards alike, or choose other columns=",
            )
    out = new((len(rows), *first.shape[1:]), first.dtype)
    _fill(out, parts, units, rows)
    return out


def _fill(out: NDArray[Any], parts: dict[int, Column], units: Ints, rows: Ints) -> None:
    """One copy from where the samples lie to where they go."""
    if (len(rows) and out[0].nbytes >= _LARGE_BYTES) or not all(
        isinstance(part, np.ndarray) for part in parts.values()
    ):
        for i, (unit, row) in enumerate(zip(units.tolist(), rows.tolist(), strict=True)):
            out[i] = parts[unit][row]
    elif len(parts) == 1:
        np.take(next(iter(parts.values())), rows, axis=0, out=out, mode="clip")
    else:
        for unit, part in parts.items():
            inside = units == unit
            out[inside] = part[rows[inside]]
