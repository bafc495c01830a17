"""What a job has told so far, in pieces that a browser can take: its outputs by offset, whole curves, resources."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..core import events
from ..journal.paths import JobPaths
from ..journal.reader import Event, JournalReader, read_events
from ..journal.series import finite, thinned

CHUNK_BYTES = 256 * 1024
"""Read at once: little enough that parsing it keeps no other thread waiting for more than a few milliseconds."""
MAX_POINTS = 2000
MAX_SAMPLES = 1000


def outputs_from(paths: JobPaths, offset: int) -> tuple[list[dict[str, Any]], int, bool]:
    """The output events from byte ``offset`` of the journal on, where to go on, and whether that is the end for now.

    Chunks of one stream that follow each other are joined; an event comes exactly once, however the offsets fall, as
    long as a caller asks with 0 or an offset that it was given. One answer is about `CHUNK_BYTES`.
    """
    path = paths.journal()
    found, after = read_events(path, offset, CHUNK_BYTES)
    outputs = _joined(event for event in found if event["k"] == events.OUTPUT)
    return outputs, after, after == offset or not read_events(path, after, CHUNK_BYTES)[0]


def metric_series(paths: JobPaths) -> dict[str, dict[str, Any]]:
    """Every metric's curve: ``points`` of ``[step, value, time]`` (at most `MAX_POINTS`, spikes kept), and ``last``.

    Values that are no number are no points, but can be ``last``: then they are the text ``nan``, ``inf`` or ``-inf``.
    """
    curves: dict[str, list[tuple[float, float, float]]] = {}
    last: dict[str, float] = {}
    for event in _events(paths):
        if event["k"] != events.METRIC or not isinstance(event.get("m"), dict):
            continue
        for name, value in event["m"].items():
            if not isinstance(value, int | float):
                continue
            points = curves.setdefault(name, [])
            last[name] = value
            step = event.get("s")
            if math.isfinite(value):
                points.append((len(points) if step is None else step, value, event["t"]))
    return {
        name: {
            "points": thinned(points, MAX_POINTS, lambda point: point[1]),
            "last": finite(last[name]),
        }
        for name, points in curves.items()
    }


def resource_samples(paths: JobPaths) -> list[dict[str, Any]]:
    """The samples of CPU, memory and GPUs, at most `MAX_SAMPLES`, the peaks of memory kept."""
    found = [
        {key: value for key, value in event.items() if key != "k"}
        for event in _events(paths)
        if event["k"] == events.RESOURCE
    ]
    return thinned(found, MAX_SAMPLES, lambda sample: sample.get("rss") or 0)


def _events(paths: JobPaths) -> Iterator[Event]:
    reader = JournalReader(paths.journal())
    while batch := reader.read(CHUNK_BYTES):
        yield from batch


def _joined(found: Iterator[Event]) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = []
    for event in found:
        output = event.get("output")
        if not isinstance(output, dict):
            continue
        before = outputs[-1] if outputs else {}
        if _is_text(output) and _is_text(before) and before.get("name") == output.get("name"):
            outputs[-1] = {**before, "text": before["text"] + output["text"]}
        else:
            outputs.append(output)
    return outputs


def _is_text(output: dict[str, Any]) -> bool:
    return output.get("output_type") == "stream" and isinstance(output.get("text"), str)
