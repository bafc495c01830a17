"""Appending to a journal: microseconds an event, against one bare ``os.write`` of the same bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jupyter_cloudml.journal.reader import read_events
from jupyter_cloudml.journal.writer import JournalWriter

from .harness import machine, median, report, scratch, timed

EVENTS = 20_000
REPEAT = 5
ONE = {"loss": 0.123456789}
THREE = {"loss": 0.123456789, "accuracy": 0.987654321, "lr": 0.001}
STREAM = {"output_type": "stream", "name": "stdout", "text": "epoch 3: loss 0.1234\n"}


def main() -> None:
    with scratch() as folder:
        _compare(folder, "journal: 1 metric", lambda w, i: w.append_metrics(ONE, i), 6.0)
        _compare(folder, "journal: 3 metrics", lambda w, i: w.append_metrics(THREE, i), 8.0)
        _compare(
            folder, "journal: a line of output", lambda w, _i: w.append("output", output=STREAM)
        )
        _read(folder / "read.jsonl")


def _compare(
    folder: Path,
    bench: str,
    append: Callable[[JournalWriter, int], None],
    at_most_us: float | None = None,
) -> None:
    ours, raw = [], []
    for _ in range(REPEAT):
        path = folder / "0.jsonl"
        with JournalWriter(path) as writer:
            ours.append(timed(lambda: [append(writer, i) for i in range(EVENTS)]))
        line = path.read_bytes().splitlines(keepends=True)[-1]
        path.unlink()
        raw.append(_raw(path, line))
    per_event = 1e6 / EVENTS
    report(
        bench,
        median(ours) * per_event,
        median(raw) * per_event,
        unit="us",
        at_most=at_most_us,
        line_bytes=len(line),
        **machine(),
    )


def _raw(path: Path, line: bytes) -> float:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return timed(lambda: [os.write(fd, line) for _ in range(EVENTS)])
    finally:
        os.close(fd)
        path.unlink()


def _read(path: Path) -> None:
    with JournalWriter(path) as writer:
        for step in range(EVENTS):
            writer.append_metrics(THREE, step)
    took = median([timed(lambda: read_events(path)) for _ in range(REPEAT)])
    report("journal: read an event", 1e6 * took / EVENTS, unit="us")


if __name__ == "__main__":
    main()
