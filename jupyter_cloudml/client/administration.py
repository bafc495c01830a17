"""Housekeeping: the agent, old jobs, the MLflow pages."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..agent.nudge import NobodyThere, request
from ..core.errors import BadInput
from ..core.resources import parse_duration_s, parse_memory_mib
from ..journal.prune import Prunable as Removed
from ..journal.prune import prune
from ..tracking.config import (
    artifact_root,
    quiet_environment,
    scheme_of,
    tracking_uri,
    without_userinfo,
)
from .session import Session

__all__ = ["Removed", "agent_status", "prune_jobs", "stop_agent", "ui_command"]


def agent_status(session: Session) -> dict[str, Any]:
    """What the agent says of itself; ``{"running": False}`` when there is none. Never starts one."""
    try:
        return {"running": True, **request(session.home, {"op": "status"})}
    except NobodyThere:
        return {"running": False}


def stop_agent(session: Session) -> bool:
    """Ask the agent to end; running jobs go on and are adopted by the next one. False when none ran."""
    try:
        request(session.home, {"op": "stop"})
    except NobodyThere:
        return False
    return True


def prune_jobs(
    session: Session, *, older_than: str, max_size: str, dry_run: bool, now: float
) -> list[Removed]:
    """Remove old jobs as people say it: ``30d``, ``10G``; what went (or would go).

    Raises:
        BadInput: neither is given, or one cannot be read.
    """
    if not older_than and not max_size:
        raise BadInput("prune needs a limit", hint="--older-than 30d or --max-size 10G")
    return prune(
        session.registry,
        now=now,
        older_than_s=parse_duration_s(older_than) if older_than else None,
        max_bytes=parse_memory_mib(max_size) << 20 if max_size else None,
        dry_run=dry_run,
    )


def ui_command(
    session: Session, environ: Mapping[str, str], port: int
) -> tuple[list[str], dict[str, str], str]:
    """The command line, environment and address of MLflow's own server on the runs of this user's jobs.

    Raises:
        BadInput: the runs are kept by a server, which has its own pages already.
    """
    uri = tracking_uri(environ, session.home.root)
    if scheme_of(uri) in ("http", "https"):
        raise BadInput(
            f"your runs are kept by {without_userinfo(uri)}", hint="open it in a browser"
        )
    quiet = dict(environ)
    quiet_environment(quiet)
    argv = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    root = artifact_root(uri, session.home.root)
    argv += ["--default-artifact-root", str(root)] if root else []
    argv += ["--host", "127.0.0.1", "--port", str(port)]
    return argv, quiet, f"http://127.0.0.1:{port}"
