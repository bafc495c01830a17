"""The targets of a user: which there are, whether they answer, what is free there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..agent.ledger import Capacity
from ..agent.nudge import NobodyThere, request
from ..core.errors import CloudMLError
from ..core.spec import TargetRef
from ..core.states import JobState
from ..journal.home import DataHome
from ..journal.lease import lease_holder
from ..targets.config import Config
from ..targets.port import Target
from ..targets.registry import names
from ..tracking.config import tracking_uri, without_userinfo
from .session import Session, configuration

OK, DEGRADED, DOWN = "ok", "degraded", "down"
_ASK_S = 2.0


def places(session: Session, environ: Mapping[str, str], cwd: Path | None) -> list[dict[str, Any]]:
    """Every target with its health and what is free there. Never starts anything; bounded in time (seconds).

    A figure that a target cannot tell is null. Of a target that is wrongly configured the message is the reason.

    Raises:
        BadInput: ``cloudml.toml`` cannot be read.
    """
    config = configuration(cwd)
    active = session.registry.active()
    found = []
    for name in names(config):
        mine = [row for row in active if row.target in (name, f"{name}:default")]
        queued = sum(row.state is JobState.QUEUED for row in mine)
        found.append(
            {
                "name": name,
                "kind": name.partition(":")[0],
                **_health(session, name, config, environ),
                "queued": queued,
                "running": len(mine) - queued,
            }
        )
    return found


def settings(session: Session, environ: Mapping[str, str], cwd: Path | None) -> dict[str, Any]:
    """What a job is like unless it says otherwise, where runs are kept (no password), where the data directory is."""
    defaults = configuration(cwd).defaults
    uri = defaults.tracking_uri or tracking_uri(environ, session.home.root)
    given = {key: value for key, value in asdict(defaults).items() if value not in (None, {})}
    if "env" in given:  # values of the environment may be anything
        given["env"] = dict.fromkeys(given["env"], "…")
    if defaults.tracking_uri:
        given["tracking_uri"] = without_userinfo(defaults.tracking_uri)
    return {
        "defaults": given,
        "tracking_uri": without_userinfo(uri),
        "home": str(session.home.root),
        "version": version("jupyter-cloudml"),
    }


def _health(
    session: Session, name: str, config: Config, environ: Mapping[str, str]
) -> dict[str, Any]:
    nothing = {"total": None, "free": None}
    unknown = {"gpus": nothing, "cpus": nothing, "memory": nothing}
    try:
        target = session.target(TargetRef.parse(name), config)
    except CloudMLError as exc:
        return {"health": DOWN, "message": str(exc), **unknown}
    if not target.shares_machine:
        return {"health": OK, "message": _said(target), **unknown}
    health, message = _agent(session.home)
    return {"health": health, "message": message, **_machine(session.home, environ)}


def _said(target: Target) -> str:
    return f"{target.kind} target, configured"


def _agent(home: DataHome) -> tuple[str, str]:
    try:
        request(home, {"op": "ping"}, timeout_s=_ASK_S)
    except NobodyThere:
        return OK, "ready; the agent starts with the next job"
    except CloudMLError as exc:
        return DEGRADED, str(exc)
    return OK, "ready"


def _machine(home: DataHome, environ: Mapping[str, str]) -> dict[str, Any]:
    """What this machine has, and what no job holds; memory in MiB is what the system could give now."""
    import psutil

    capacity = Capacity.detect(environ).seen_by(environ)
    memory = psutil.virtual_memory()
    return {
        "gpus": _slots(home, "gpu", capacity.gpus),
        "cpus": _slots(home, "cpu", [str(index) for index in range(capacity.cpus)]),
        "memory": {"total": memory.total >> 20, "free": memory.available >> 20},
    }


def _slots(home: DataHome, kind: str, slots: list[str] | tuple[str, ...]) -> dict[str, int]:
    held = sum(lease_holder(home.slot_lock(kind, slot)) is not None for slot in slots)
    return {"total": len(slots), "free": len(slots) - held}
