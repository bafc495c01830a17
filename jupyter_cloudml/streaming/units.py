"""Units in memory: fetched and decoded by threads, a few ahead of need, each one once while it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

Load = Callable[[int], dict[str, Any]]


class Units:
    """A sliding view on a sequence of units. For one consumer; the threads are its own.

    A unit that could not be loaded raises when it is asked for, not before. Threads are daemons: they never keep a
    process from ending.
    """

    def __init__(self, sequence: Sequence[int], load: Load, ahead: int) -> None:
        self._sequence, self._load, self._ahead = sequence, load, ahead
        self._held: dict[int, Future[dict[str, Any]]] = {}
        self._is_closed = False

    def between(self, first: int, last: int) -> dict[int, dict[str, Any]]:
        """The units at the places ``[first, last)``, by their number. Earlier ones are let go, later ones begun."""
        for place in [place for place in self._held if place < first]:
            del self._held[place]
        is_start = not self._held
        self._want(first, last)
        if is_start:  # nothing else shares the link until there is something to hand over
            wait([self._held[place] for place in range(first, last)])
        self._want(last, last + self._ahead)
        return {self._sequence[place]: self._held[place].result() for place in range(first, last)}

    def close(self) -> None:
        """Begin nothing more and hold nothing more. What is on its way is dropped when it arrives."""
        self._is_closed = True
        self._held.clear()

    def _want(self, first: int, last: int) -> None:
        for place in range(first, min(last, len(self._sequence))):
            if place not in self._held:
                self._held[place] = self._begin(self._sequence[place])

    def _begin(self, unit: int) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()

        def fetch() -> None:
            try:
                future.set_result({} if self._is_closed else self._load(unit))
            except BaseException as exc:  # noqa: BLE001 - it is raised where the unit is asked for
                future.set_exception(exc)

        threading.Thread(target=fetch, daemon=True, name=f"cloudml-unit-{unit}").start()
        return future
