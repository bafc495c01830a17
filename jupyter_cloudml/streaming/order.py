"""Which samples make up batch k. Pure arithmetic: the same on every rank and in every worker, with no word between them.

The samples of an epoch are a line: unit after unit (in random order when shuffled), sample after sample (too). Ranks
take equal stretches of the line, so they never overlap and nothing is left out. A rank's stretch is cut into batches,
and its batches into *lanes*: batch k lies in lane ``k % lanes``. A DataLoader takes batches from its workers in turn, so
with as many lanes as workers each worker reads one stretch of units and no other's, and yet batch k is the same batch
with any number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_UNITS, _ROWS, _WINDOW = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Picked:
    """Samples in the order in which they are handed over: sample i is row ``rows[i]`` of unit ``units[i]``."""

    units: Ints
    rows: Ints


@dataclass(frozen=True, kw_only=True)
class Order:
    """One epoch of one rank. ``rows`` is the number of samples of each unit."""

    rows: Sequence[int]
    batch_size: int
    epoch: int
    shuffle: bool
    seed: int
    window: int
    drop_last: bool
    rank: int
    world_size: int
    lanes: int
    _line: Ints = field(init=False, repr=False)
    _ends: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        line = np.arange(len(self.rows), dtype=np.int64)
        if self.shuffle:
            line = self._random(_UNITS, 0).permutation(line)
        object.__setattr__(self, "_line", line)
        counts = np.asarray(self.rows, dtype=np.int64)[line]
        object.__setattr__(self, "_ends", np.cumsum(counts, dtype=np.int64))

    @property
    def samples(self) -> int:
        """Of all ranks."""
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def stretch(self) -> tuple[int, int]:
        """The part of the line that is this rank's."""
        begin, end = (self.samples * r // self.world_size for r in (self.rank, self.rank + 1))
        return begin, end

    @property
    def batches(self) -> int:
        """Of this rank; the same on every rank that has as many samples as that."""
        least, most = self.samples // self.world_size, -(-self.samples // self.world_size)
        if self.drop_last:
            return least // self.batch_size
        begin, end = self.stretch
        return min(-(-most // self.batch_size), end - begin)

    def lane_of(self, batch: int) -> tuple[int, int]:
        """The lane of a batch, and its place in the lane."""
        return batch % self.lanes, batch // self.lanes

    def length(self, lane: int) -> int:
        """How many batches a lane has."""
        return self.batches // self.lanes + (lane < self.batches % self.lanes)

    def span(self, lane: int, place: int) -> tuple[int, int]:
        """The part of the line that is the batch at a place in a lane."""
        first = sum(self.length(other) for other in range(lane)) + place
        return self._begin(first), self._begin(first + 1)

    def lane_span(self, lane: int) -> tuple[int, int]:
        """The part of the line that a lane reads."""
        length = self.length(lane)
        return self.span(lane, 0)[0], self.span(lane, length - 1)[1] if length else 0

    def reach(self, begin: int, end: int) -> tuple[int, int]:
        """The units (first, and one behind the last, by their place in the line) that a part of the line lies in."""
        first = int(np.searchsorted(self._ends, begin, side="right"))
        return first, int(np.searchsorted(self._ends, end, side="left")) + 1

    def unit(self, place: int) -> int:
        """The unit at a place in the line."""
        return int(self._line[place])

    def pick(self, begin: int, end: int) -> Picked:
        """The samples of one window ``[begin, end)`` of the line, mixed when shuffled."""
        at = np.arange(begin, end, dtype=np.int64)
        places = np.searchsorted(self._ends, at, side="right")
        offsets = at - np.concatenate([[0], self._ends])[places]
        units = self._line[places]
        if not self.shuffle:
            return Picked(units=units, rows=offsets)
        rows = np.empty_like(offsets)
        for unit in np.unique(units):
            inside = units == unit
            mixed = self._random(_ROWS, int(unit)).permutation(self.rows[unit])
            rows[inside] = mixed[offsets[inside]]
        mixed = self._random(_WINDOW, begin).permutation(end - begin)
        return Picked(units=units[mixed], rows=rows[mixed])

    def _begin(self, batch: int) -> int:
        """Where a batch begins on the line; the last batches shrink, so that each has a sample."""
        begin, end = self.stretch
        if self.drop_last:
            return begin + batch * self.batch_size
        return begin + min(batch * self.batch_size, end - begin - (self.batches - batch))

    def _random(self, what: int, which: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, self.epoch, what, which]))
