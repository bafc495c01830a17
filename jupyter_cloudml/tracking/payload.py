"""From journal events to what MLflow can take: limits kept, odd names cleaned, bad events skipped and said so. Pure."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..core import events
from .runs import text_of

MAX_METRICS = 1000  # mlflow.utils.validation.MAX_METRICS_PER_BATCH
MAX_PAIRS = 100  # … MAX_PARAMS_TAGS_PER_BATCH, for parameters and tags alike
MAX_KEY = 250  # … MAX_ENTITY_KEY_LENGTH
MAX_PARAM = 6000  # … MAX_PARAM_VAL_LENGTH
MAX_TAG = 8000  # … MAX_TAG_VAL_LENGTH
MAX_SOURCE = 65_000  # … MAX_DATASET_SOURCE_SIZE
MAX_SCHEMA = 1_000_000  # … MAX_DATASET_SCHEMA_SIZE, less what the envelope takes
MAX_BYTES = 500_000  # half of … MAX_BATCH_LOG_REQUEST_SIZE: the envelope of JSON is not counted
SYSTEM_INTERVAL_S = 10  # MLflow's own sampling interval of system metrics
DENSE_S = 60  # the first minute keeps every sample, so that short jobs show something

_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value: ``timestamp_ms`` and ``step`` come from the journal, never from the clock of the forwarder."""

    key: str
    value: float
    timestamp_ms: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset that the run read or made; ``source``, ``schema`` and ``profile`` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str = ""
    profile: str = ""
    context: str = ""


_FIELDS = tuple(item.name for item in fields(Dataset))


@dataclass(slots=True)
class Payload:
    """What some events add to the run, in their order, and one sentence for everything that was not taken as it was."""

    metrics: list[MetricPoint] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    datasets: list[Dataset] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.metrics or self.params or self.tags or self.datasets)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def payload_of(
    happened: Iterable[dict[str, Any]], *, rank: str = "0", started_at: float = 0.0
) -> Payload:
    """What ``happened`` adds to the run.

    A replay of the same events gives the same payload, bit for bit: that is what lets MLflow's primary key drop
    what it already holds. Metrics of other ranks than 0 are named ``rank<n>/…``. Never raises for a bad event: it is
    skipped, with a note.
    """
    payload = Payload()
    for event in happened:
        try:
            _take(event, payload, rank, started_at)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as exc:
            payload.note(f"skipped a {event.get('k')!r} event: {_first_line(exc)}")
    return payload


def _take(event: dict[str, Any], payload: Payload, rank: str, started_at: float) -> None:
    kind = event.get("k")
    if kind == events.METRIC:
        prefix = "" if rank == "0" else f"rank{rank}/"
        _take_metrics(payload, event["m"], event, int(event.get("s") or 0), prefix)
    elif kind == events.RESOURCE:
        elapsed_s = max(0, int(event["t"] - started_at))
        if elapsed_s < DENSE_S or elapsed_s % SYSTEM_INTERVAL_S == 0:
            prefix = "system/" if rank == "0" else f"system/rank{rank}/"
            _take_metrics(payload, system_metrics(event), event, elapsed_s, prefix)
    elif kind == events.DATASET:
        _take_dataset(payload, event)
    elif kind == events.PARAM:
        for name, value in event["p"].items():
            _take_pair(payload, payload.params, name, value, MAX_PARAM)
    elif kind == events.TAG:
        for name, value in event["p"].items():
            _take_pair(payload, payload.tags, name, value, MAX_TAG)


def system_metrics(event: dict[str, Any]) -> dict[str, float]:
    """A ``resource`` event under the names of MLflow's own monitors (mlflow/system_metrics/metrics)."""
    out: dict[str, float] = {}
    if event.get("cpu") is not None:
        out["cpu_utilization_percentage"] = event["cpu"]
    if event.get("rss") is not None:
        out["system_memory_usage_megabytes"] = event["rss"] / 1e6
    for gpu in event.get("gpus") or ():
        name = f"gpu_{gpu['i']}"
        if gpu.get("util") is not None:
            out[f"{name}_utilization_percentage"] = gpu["util"]
        if gpu.get("mem") is not None:
            out[f"{name}_memory_usage_megabytes"] = gpu["mem"] / 1e6
            if gpu.get("mem_total"):
                out[f"{name}_memory_usage_percentage"] = 100 * gpu["mem"] / gpu["mem_total"]
        if gpu.get("watts") is not None:
            out[f"{name}_power_usage_watts"] = gpu["watts"]
    return out


def _take_metrics(
    payload: Payload, values: dict[str, Any], event: dict[str, Any], step: int, prefix: str
) -> None:
    timestamp_ms = round(event["t"] * 1000)
    if timestamp_ms < 0 or not _MIN_STEP <= step <= _MAX_STEP:
        raise ValueError(f"time {event['t']} or step {step} is out of range")
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            payload.note(f"skipped metric {name!r}: {str(value)[:40]!r} is not a number")
            continue
        key = _key(payload, prefix + str(name))
        payload.metrics.append(MetricPoint(key, number, timestamp_ms, step))


def _take_dataset(payload: Payload, event: dict[str, Any]) -> None:
    told: dict[str, Any] = {name: str(event[name]) for name in _FIELDS if name in event}
    dataset = Dataset(**told)
    for name, most in (("source", MAX_SOURCE), ("schema", MAX_SCHEMA)):
        if len(told.get(name, "")) > most:
            payload.note(f"the {name} of dataset {dataset.name!r} is too long for MLflow")
            dataset = replace(dataset, **{name: ""})
    payload.datasets.append(dataset)


def _take_pair(payload: Payload, into: dict[str, str], name: str, value: Any, limit: int) -> None:
    into[_key(payload, str(name))] = limited(payload, str(name), text_of(value), limit)


def limited(payload: Payload, name: str, text: str, limit: int) -> str:
    """``text`` cut to ``limit`` characters, with a note when something was cut."""
    if len(text) <= limit:
        return text
    payload.note(f"{name!r} has {len(text):,} characters; MLflow holds the first {limit:,}")
    return text[: limit - 1] + "…"


def _key(payload: Payload, name: str) -> str:
    key = safe_name(name)
    if key != name:
        payload.note(f"{name[:80]!r} is no name for MLflow; it is called {key[:80]!r} there")
    return key


def safe_name(name: str) -> str:
    """The nearest name that MLflow accepts: letters, digits, ``_-. :/``, a clean relative path, ≤ 250 characters."""
    key = re.sub(r"[^/\w.\- :]", "_", name)[:MAX_KEY]
    key = "/".join(part for part in key.split("/") if part not in ("", ".", "..")) or "_"
    return posixpath.normpath(key)


def batches(payload: Payload, max_metrics: int = MAX_METRICS) -> Iterator[Payload]:
    """``payload`` in pieces that MLflow takes in one call each: counts and request size kept."""
    for start in range(0, len(payload.metrics), max_metrics):
        yield Payload(metrics=payload.metrics[start : start + max_metrics])
    for params in _pairs_by_size(payload.params):
        yield Payload(params=params)
    for tags in _pairs_by_size(payload.tags):
        yield Payload(tags=tags)
    for dataset in payload.datasets:
        yield Payload(datasets=[dataset])


def _pairs_by_size(pairs: dict[str, str]) -> Iterator[dict[str, str]]:
    chunk: dict[str, str] = {}
    size = 0
    for key, value in pairs.items():
        weight = 6 * (len(key) + len(value))  # a character is at most "\\uXXXX" in JSON
        if chunk and (len(chunk) == MAX_PAIRS or size + weight > MAX_BYTES):
            yield chunk
            chunk, size = {}, 0
        chunk[key] = value
        size += weight
    if chunk:
        yield chunk


def halves(payload: Payload) -> list[Payload]:
    """A refused payload cut in two, to find the part that is refused; empty when it cannot be cut further."""
    if payload.metrics:
        middle = math.ceil(len(payload.metrics) / 2)
        parts = [
            Payload(metrics=payload.metrics[:middle]),
            Payload(metrics=payload.metrics[middle:]),
        ]
    elif payload.params:
        parts = [Payload(params=part) for part in _split(payload.params)]
    elif payload.datasets:
        return []
    else:
        parts = [Payload(tags=part) for part in _split(payload.tags)]
    kept = [part for part in parts if part]
    return kept if len(kept) == 2 else []


def _split(pairs: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    items = list(pairs.items())
    middle = math.ceil(len(items) / 2)
    return dict(items[:middle]), dict(items[middle:])


def describe(payload: Payload) -> str:
    """What a payload of one item is, for the sentence that says it was skipped."""
    if payload.metrics:
        return f"metric {payload.metrics[0].key!r} at step {payload.metrics[0].step}"
    if payload.params:
        return f"parameter {next(iter(payload.params))!r}"
    if payload.datasets:
        return f"dataset {payload.datasets[0].name!r}"
    return f"tag {next(iter(payload.tags), '')!r}"


def _first_line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0][:200]
