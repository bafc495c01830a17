"""Where runs are kept: the tracking URI of a job, and where its artifacts lie. Loads no mlflow."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..core.errors import BadInput
from ..journal.home import DataHome

SQL_SCHEMES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def quiet_environment(environ: MutableMapping[str, str] = os.environ) -> None:
    """Turn telemetry and helper processes of MLflow off; call it before the first import of mlflow."""
    environ.update(_QUIET)


def tracking_uri(environ: Mapping[str, str], home: Path, *, cwd: Path | None = None) -> str:
    """The URI that a job's spec records: ``MLFLOW_TRACKING_URI``, or else ``<home>/mlflow.db``.

    A relative SQLite path is made absolute against ``cwd`` (default: the process's), so that the forwarder, which runs
    in a directory of its own, writes to the file that the user means.
    """
    given = environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not given:
        return f"sqlite:///{DataHome(home).mlflow_db}"
    if not given.startswith("sqlite:///"):
        return given
    path = Path(unquote(given.removeprefix("sqlite:///")).partition("?")[0])
    if path.is_absolute():
        return given
    query = f"?{given.partition('?')[2]}" if "?" in given else ""
    return f"sqlite:///{(cwd or Path.cwd()) / path}{query}"


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI; None for every other kind of store."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///")).partition("?")[0])


def without_userinfo(uri: str) -> str:
    """``uri`` without ``user:password@``: what may be shown."""
    return re.sub(r"^([A-Za-z][\w+.-]*://)[^/]*@", r"\1", uri)


def scheme_of(uri: str) -> str:
    """``sqlite``, ``postgresql``, ``http``, ``databricks``, …; ``file`` for a plain path."""
    scheme = uri if uri.startswith("databricks") else urlsplit(uri).scheme
    return scheme.partition("+")[0] or "file"


def checked_uri(uri: str) -> str:
    """``uri`` if its store can keep runs exactly once.

    Raises:
        BadInput: it is MLflow's file store: it appends a metric again on every repeated write, and MLflow itself has
            closed it (``MLFLOW_ALLOW_FILE_STORE``).
    """
    if scheme_of(uri) == "file":
        raise BadInput(
            f"runs cannot be kept in MLflow's file store {uri!r}",
            hint="set MLFLOW_TRACKING_URI=sqlite:///path/mlflow.db; `mlflow migrate-filestore` moves old runs",
        )
    return uri


def artifact_root(uri: str, home: Path) -> Path | None:
    """The directory for artifacts of new experiments in a SQL store; None where a server decides.

    Our own store keeps them in ``<home>/mlartifacts``; another SQLite file keeps them in ``mlruns`` beside it, which is
    where plain MLflow, run in that directory, puts them.
    """
    if scheme_of(uri) not in SQL_SCHEMES:
        return None
    if not uri.startswith("sqlite:///"):
        return home / "mlartifacts"
    path = Path(unquote(uri.removeprefix("sqlite:///")).partition("?")[0])
    return home / "mlartifacts" if path.parent == home else path.parent / "mlruns"
