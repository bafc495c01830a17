"""One job in full: what was asked for, what travelled, where it ran, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import CloudMLError
from ..core.ids import checked_job_id
from ..core.spec import JobSpec
from ..journal.atomic import read_json
from ..journal.paths import JobPaths
from ..journal.rows import JobRow
from ..tracking.config import without_userinfo
from .pages import below
from .runs import index_of
from .secrets import split_environ
from .session import Session

HIDDEN = "…"


def details(session: Session, job_id: str, *, root: Path | None = None) -> dict[str, Any]:
    """The job's spec (without what may be a secret), its bundle, environment, source, executed cell and lineage.

    Raises:
        BadInput, NotFound: there is no such job, or its folder is gone.
    """
    row = session.registry.get(checked_job_id(job_id))
    paths, spec = session.paths(row.id), session.spec(row.id)
    return {
        "spec": spec_to_show(spec),
        "bundle": _bundle(paths),
        "environment": _environment(paths) or spec.requirements or None,
        "source": spec.source,
        "executed": _executed(paths, root),
        "lineage": _lineage(session, row, paths),
    }


def spec_to_show(spec: JobSpec) -> dict[str, Any]:
    """The spec as JSON, without passwords and without the values of variables that look like secrets."""
    shown, hidden = split_environ(spec.env)
    env = {**shown, **dict.fromkeys(hidden, HIDDEN)}
    known = {**spec.to_json(), "env": dict(sorted(env.items()))}
    known["tracking_uri"] = without_userinfo(spec.tracking_uri)
    known["target"] = str(spec.target)
    del known["source"]
    return known


def _bundle(paths: JobPaths) -> list[dict[str, Any]]:
    """What travelled, and what stayed at home with the reason. Sizes are null for jobs of older versions."""
    manifest = read_json(paths.bundle_manifest) or {}
    known = {entry["name"]: entry for entry in manifest.get("report", ())}
    nothing = {"how": "", "bytes": None, "note": ""}
    travelled = [known.get(name, {"name": name, **nothing}) for name in manifest.get("names", ())]
    stayed = manifest.get("left_out", {}).items()
    return travelled + [
        {"name": name, "how": "stayed", "bytes": 0, "note": why} for name, why in stayed
    ]


def _environment(paths: JobPaths) -> str | None:
    """The lock that tracking has recorded; None before it has, and for jobs of older versions."""
    try:
        return paths.environment.read_text("utf-8")
    except FileNotFoundError:
        return None


def _executed(paths: JobPaths, root: Path | None) -> str | None:
    if not paths.result_cell.is_file():
        return None
    return below(str(paths.result_cell), root) or str(paths.result_cell)


def _lineage(session: Session, row: JobRow, paths: JobPaths) -> dict[str, Any]:
    run = read_json(paths.run) or {}
    run_id = str(run.get("run_id") or row.run_id)
    if not run_id:
        return {"run": None, "models": [], "experiment": row.experiment}
    uri = str(run.get("tracking_uri") or row.tracking_uri)
    try:
        models = index_of(session, uri).models(run_id)
    except CloudMLError:
        models = []
    known = {
        "run_id": run_id,
        "experiment_id": str(run.get("experiment_id") or row.experiment_id),
        "tracking_uri": without_userinfo(uri),
        "state": row.tracking_state,
    }
    return {"run": known, "models": models, "experiment": row.experiment}
