"""``doctor``: everything that a job needs on this machine, checked, each with the way out."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..agent.ledger import Capacity
from ..agent.nudge import ensure_agent
from ..core.errors import CloudMLError
from ..journal.home import DataHome
from ..tracking.config import checked_uri, scheme_of, tracking_uri, without_userinfo
from .administration import agent_status
from .session import configuration, current_session
from .text import size

_LEAST_FREE_BYTES = 2 << 30
_PACKAGES = ("ipython", "ipykernel", "cloudpickle", "xxhash", "mlflow", "torch", "numpy", "pandas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding: ``ok``, ``warn`` (works, but) or ``fail``; ``hint`` is the way out."""

    name: str
    level: str
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check_all(environ: Mapping[str, str]) -> list[Check]:
    """Every check, each on its own: one that fails hides no other. Starts the agent when it does not run."""
    return [
        _guarded("python", _python),
        _guarded("packages", _packages),
        _guarded("data directory", lambda: _home(environ)),
        _guarded("disk", lambda: _disk(environ)),
        _guarded("registry", _registry),
        _guarded("configuration", _configuration),
        _guarded("agent", _agent),
        _guarded("tracking", lambda: _tracking(environ)),
        _guarded("gpus", lambda: _gpus(environ)),
    ]


def _guarded(name: str, check: Callable[[], tuple[str, str, str]]) -> Check:
    try:
        level, message, hint = check()
    except CloudMLError as exc:
        level, message, hint = "fail", exc.message, exc.hint
    return Check(name=name, level=level, message=message, hint=hint)


def _python() -> tuple[str, str, str]:
    text = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < (3, 11):
        return "fail", text, "jupyter_cloudml needs Python 3.11 or newer"
    return "ok", text, ""


def _packages() -> tuple[str, str, str]:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return "fail", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
    return "ok", ", ".join(found), ""


def _home(environ: Mapping[str, str]) -> tuple[str, str, str]:
    root = DataHome.from_environ(environ).root
    mode = root.stat().st_mode & 0o777
    if mode != 0o700:
        return "fail", f"{root} has mode {mode:o}", f"chmod 700 {root}"
    return "ok", f"{root}, only yours", ""


def _disk(environ: Mapping[str, str]) -> tuple[str, str, str]:
    free = shutil.disk_usage(DataHome.from_environ(environ).root).free
    if free < _LEAST_FREE_BYTES:
        return (
            "warn",
            f"{size(free)} free",
            "jupyter cloudml prune --older-than 30d, or move CLOUDML_HOME",
        )
    return "ok", f"{size(free)} free", ""


def _registry() -> tuple[str, str, str]:
    registry = current_session().registry
    active = len(registry.active())
    if registry.recovered:
        return (
            "warn",
            f"was damaged and rebuilt; the old file is {registry.recovered}",
            "nothing to do",
        )
    return "ok", f"{active} jobs active", ""


def _configuration() -> tuple[str, str, str]:
    config = configuration()
    files = ", ".join(str(path) for path in config.files) or "no cloudml.toml"
    return "ok", files, ""


def _agent() -> tuple[str, str, str]:
    session = current_session()
    ensure_agent(session.home)
    status = agent_status(session)
    if not status["running"]:
        return "fail", "does not answer", f"see {session.home.agent_log}"
    return "ok", f"pid {status['pid']}, peak memory {size(status['peak_rss'])}", ""


def _tracking(environ: Mapping[str, str]) -> tuple[str, str, str]:
    uri = checked_uri(tracking_uri(environ, current_session().home.root))
    shown = without_userinfo(uri)
    if scheme_of(uri) not in ("http", "https"):
        return "ok", shown, ""
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=5):  # noqa: S310 - the user's own server, http or https
            return "ok", shown, ""
    except (URLError, OSError) as exc:
        hint = (
            "start it, or unset MLFLOW_TRACKING_URI; jobs run on and are forwarded when it is back"
        )
        return "warn", f"{shown} does not answer: {exc}", hint


def _gpus(environ: Mapping[str, str]) -> tuple[str, str, str]:
    capacity = Capacity.detect(environ).seen_by(environ)
    cpus = f"{capacity.cpus} CPU slots"
    return (
        "ok",
        f"{cpus}, GPUs: {', '.join(capacity.gpus)}" if capacity.gpus else f"{cpus}, no GPU",
        "",
    )
