"""One job as the registry knows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from ..core.collector import paused_collector
from ..core.resources import Resources
from ..core.spec import JobSpec
from ..core.states import JobState

_HEAD_LENGTH = 200


class _Columns(NamedTuple):
    """The columns of the table ``jobs``, by name and in order."""

    id: str
    name: str
    kind: str
    target: str
    state: str
    reason: str
    intent: str
    ref: str
    attempt: int
    notebook: str
    cell_id: str
    experiment: str
    run_id: str
    experiment_id: str
    tracking_uri: str
    tracking_state: str
    tracking_error: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    updated_at: float
    error: str
    source_head: str
    resources_json: str


COLUMNS = _Columns._fields
_STATES = {state.value: state for state in JobState}


class JobRow(_Columns):
    """A job's record, as it was when it was read. Times are Unix seconds.

    ``intent`` is what the user wants (``run`` or ``cancel``), ``state`` what is; the agent makes them agree. A named tuple
    and not a dataclass: SQLite's own tuple becomes one for nothing, a list of 10,000 dataclasses costs 25 ms more.
    """

    __slots__ = ()

    @property
    def state(self) -> JobState:
        return _STATES[super().state]

    @property
    def resources(self) -> Resources:
        return _resources(self.resources_json)

    def to_json(self) -> dict[str, Any]:
        known = self._asdict()
        del known["resources_json"]
        return {**known, "state": self.state.value, "resources": self.resources.to_json()}


_as_row: Callable[[list[Any]], JobRow] = partial(tuple.__new__, JobRow)


def rows_of(texts: Iterable[str]) -> list[JobRow]:
    """The rows whose columns are the JSON arrays ``texts``."""
    with paused_collector():  # a third of the time of reading 10,000 rows
        return list(map(_as_row, json.loads(f"[{','.join(texts)}]")))


@lru_cache(maxsize=256)
def _resources(text: str) -> Resources:
    return Resources.from_json(json.loads(text))


def _packed_resources(resources: Resources) -> str:
    """Only what differs from the default: most rows are short then, and read faster."""
    default = Resources().to_json()
    wishes = {k: v for k, v in resources.to_json().items() if v != default[k]}
    return json.dumps(wishes, sort_keys=True)


def values_of(spec: JobSpec, now: float) -> dict[str, Any]:
    """Column values of a job that was just submitted."""
    return {
        "id": spec.id,
        "name": spec.name,
        "kind": spec.kind,
        "target": str(spec.target),
        "state": JobState.QUEUED.value,
        "reason": "",
        "intent": "run",
        "ref": "",
        "attempt": 1,
        "notebook": spec.origin.notebook,
        "cell_id": spec.origin.cell_id,
        "experiment": spec.experiment,
        "run_id": "",
        "experiment_id": "",
        "tracking_uri": spec.tracking_uri,
        "tracking_state": "pending",
        "tracking_error": "",
        "created_at": now,
        "started_at": None,
        "ended_at": None,
        "updated_at": now,
        "error": "",
        "source_head": _head(spec.source),
        "resources_json": _packed_resources(spec.resources),
    }


def _head(source: str) -> str:
    """The first line that says something."""
    lines = (line.strip() for line in source.splitlines())
    return next((line for line in lines if line), "")[:_HEAD_LENGTH]
