"""A lane: the batches that one DataLoader worker makes, in turn, from the units of its stretch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import Allocate, gather
from .order import Order, Picked
from .units import Load, Units


class Lane:
    """Batches of one lane by their place, asked for in growing order. Holds the units of a window and those ahead."""

    def __init__(self, order: Order, lane: int, load: Load, ahead: int) -> None:
        self._order, self._lane = order, lane
        self._begin, self._end = order.lane_span(lane)
        self._first_unit, last = order.reach(self._begin, self._end) if self._end else (0, 0)
        sequence = [order.unit(place) for place in range(self._first_unit, last)]
        self._units = Units(sequence, load, ahead)
        self._window: tuple[int, int] = (0, 0)
        self._picked: Picked | None = None

    def batch(self, place: int, new: Allocate) -> dict[str, Any]:
        """The batch at a place, one array (from ``new``) or list a column.

        Raises:
            BadInput: its units differ in their columns.
            What reading a unit raised.
        """
        begin, end = self._order.span(self._lane, place)
        picked, reached = self._pick(begin, end)
        first, last = self._order.reach(*reached)
        held = self._units.between(first - self._first_unit, last - self._first_unit)
        wanted = [int(unit) for unit in np.unique(picked.units)]
        return {
            name: gather(
                name, {unit: held[unit][name] for unit in wanted}, picked.units, picked.rows, new
            )
            for name in held[wanted[0]]
        }

    def close(self) -> None:
        self._units.close()

    def _pick(self, begin: int, end: int) -> tuple[Picked, tuple[int, int]]:
        """The samples of the batch, and the part of the line in which their windows lie."""
        units, rows = [], []
        at, reached = begin, begin
        low = begin
        while at < end:
            picked = self._enter_window(at)
            first, last = self._window
            low, reached = min(low, first), last
            until = min(last, end)
            units.append(picked.units[at - first : until - first])
            rows.append(picked.rows[at - first : until - first])
            at = until
        return Picked(units=np.concatenate(units), rows=np.concatenate(rows)), (low, reached)

    def _enter_window(self, at: int) -> Picked:
        first, last = self._window
        if self._picked is None or not first <= at < last:
            size = self._order.window if self._order.shuffle else self._order.batch_size
            first = self._begin + (at - self._begin) // size * size
            last = min(first + size, self._end)
            self._window, self._picked = (first, last), self._order.pick(first, last)
        return self._picked
