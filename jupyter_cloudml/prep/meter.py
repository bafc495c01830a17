"""What passes on its way into a sink: rows and missing values, counted as the batches stream by.

Nothing more is done there: a batch is looked at on a thread of the engine, and work that the engine would share out
among its threads can wait for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

EVERY_S = 0.2

Report = Callable[[str, int, str, bool], None]
"""``report(bar, rows, words, is_done)``: how far a result is."""


@dataclass(slots=True)
class Meter:
    """The counts of one result. ``look`` may be called from several threads."""

    name: str
    rows: int = 0
    nulls: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, batch: Any) -> Any:
        """Count a batch (a Polars frame) and hand it on unchanged."""
        rows, names = batch.height, batch.columns
        counts = [column.null_count() for column in batch.iter_columns()]
        with self._lock:
            self.rows += rows
            for name, count in zip(names, counts, strict=True):
                self.nulls[name] = self.nulls.get(name, 0) + count
        return batch


@contextmanager
def ticking(
    report: Report | None, measure: Callable[[], tuple[int, int]], what: str
) -> Iterator[None]:
    """While the block runs, say five times a second how many rows and bytes ``measure`` gives; and once at its end."""
    if report is None:
        yield
        return
    over = threading.Event()
    last = (0, 0)

    def tell(*, is_done: bool = False) -> None:
        nonlocal last
        now = measure()
        if now != last or is_done:
            rows, size = last = now
            report(what, rows, f"{what}: {rows:,} rows, {megabytes(size)}", is_done)

    def run() -> None:
        while not over.wait(EVERY_S):
            tell()

    thread = threading.Thread(target=run, name="cloudprep-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell(is_done=True)


def megabytes(size: int) -> str:
    """``12.3 MB``; bytes and kilobytes where it is less."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} bytes"
