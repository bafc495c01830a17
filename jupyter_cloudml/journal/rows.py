"""One job as the registry knows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from ..core.resources import Resources
from ..core.spec import JobSpec
from ..core.states import JobState

_HEAD_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A job's record, as it was when it was read. Times are Unix seconds.

    ``intent`` is what the user wants (``run`` or ``cancel``), ``state`` what is; the agent makes them agree.
    """

    # No slots: ``row_from`` fills ``__dict__`` at once, which makes a list of 10,000 rows eight times faster.
    id: str
    name: str
    kind: str
    target: str
    state: JobState
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
    resources: Resources

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "state": self.state.value, "resources": self.resources.to_json()}


COLUMNS = tuple(column.name for column in fields(JobRow))
_STATE = COLUMNS.index("state")
_RESOURCES = COLUMNS.index("resources")
_STATES = {state.value: state for state in JobState}


def row_from(values: Sequence[Any]) -> JobRow:
    """The row whose ``COLUMNS`` have these values."""
    row = object.__new__(JobRow)
    known = row.__dict__
    known.update(zip(COLUMNS, values, strict=True))
    known["state"] = _STATES[values[_STATE]]
    known["resources"] = _resources(values[_RESOURCES])
    return row


@lru_cache(maxsize=256)
def _resources(text: str) -> Resources:
    return Resources.from_json(json.loads(text))


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
        "resources": json.dumps(spec.resources.to_json(), sort_keys=True),
    }


def _head(source: str) -> str:
    """The first line that says something."""
    lines = (line.strip() for line in source.splitlines())
    return next((line for line in lines if line), "")[:_HEAD_LENGTH]
