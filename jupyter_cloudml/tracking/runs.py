"""What a job's run says about the job: name, tags, parameters, status. Pure functions of spec and state."""

from __future__ import annotations

import json
from typing import Any

from ..core.spec import JobSpec
from ..core.states import JobState

JOB_TAG = "cloudml.job_id"

_STATUS = {
    JobState.SUCCEEDED: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.LOST: "FAILED",
    JobState.CANCELLED: "KILLED",
}


def run_status(state: JobState) -> str:
    """MLflow's word for a final state; ``RUNNING`` for every other one."""
    return _STATUS.get(state, "RUNNING")


def run_name(spec: JobSpec) -> str:
    """What the user called the run, or else the job; never empty, so that MLflow invents no name."""
    return spec.run_name or spec.name or f"job {spec.id}"


def start_tags(spec: JobSpec) -> dict[str, str]:
    """The tags that the run carries from its first instant. The user's own tags win over ours, but for the job id."""
    origin = spec.origin
    source = origin.notebook or spec.name or "cell"
    tags = {
        "mlflow.runName": run_name(spec),
        "mlflow.user": origin.user,
        "mlflow.source.type": "NOTEBOOK" if origin.notebook else "LOCAL",
        "mlflow.source.name": source,
        "mlflow.source.git.commit": origin.git_commit,
        "mlflow.source.git.dirty": str(origin.git_dirty).lower() if origin.git_commit else "",
        "cloudml.target": str(spec.target),
        "cloudml.kind": spec.kind,
        "cloudml.cell_id": origin.cell_id,
        "cloudml.host": origin.host,
        "cloudml.python": origin.python_version,
        "cloudml.resumed_from": spec.resume_from,
    }
    return {**{k: v for k, v in tags.items() if v}, **spec.tags, JOB_TAG: spec.id}


def resource_tags(spec: JobSpec) -> dict[str, str]:
    """What the job asked for, as ``cloudml.resources.*``; wishes that were not made are left out."""
    asked = {**spec.resources.to_json(), "max_runtime_s": spec.max_runtime_s}
    return {f"cloudml.resources.{key}": str(value) for key, value in asked.items() if value}


def parameters(spec: JobSpec) -> dict[str, str]:
    """The ``-p`` parameters as MLflow texts: strings as they are, the rest as JSON where that can say them."""
    return {name: text_of(value) for name, value in spec.params.items()}


def text_of(value: Any) -> str:
    """``value`` as MLflow itself would show it: ``str`` for scalars, JSON for containers."""
    if isinstance(value, (dict, list, tuple)):
        try:
            return json.dumps(value, default=str)
        except ValueError:  # it contains itself
            return repr(value)
    return str(value)


def capture_digests(manifest: Any) -> dict[str, str]:
    """Digest of every blob of a bundle's manifest, by its path inside the manifest: ``values.X.data`` → ``x3-…``.

    Any JSON object with a text ``digest`` counts, wherever it stands; so the map needs no knowledge of the codecs.
    """
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", manifest)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("digest"), str):
                found[path] = node["digest"]
            stack.extend(
                (f"{path}.{key}" if path else str(key), item) for key, item in node.items()
            )
        elif isinstance(node, list):
            stack.extend((f"{path}[{i}]", item) for i, item in enumerate(node))
    return dict(sorted(found.items()))
