"""The runs of a user, wherever MLflow keeps them, fast enough to sort by a click."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import BadInput
from ..tracking.config import checked_uri, scheme_of, sqlite_file, tracking_uri
from ..tracking.run_feed import Feed, feed
from ..tracking.run_index import RunIndex, RunQuery
from .session import Session, configuration

__all__ = ["RunQuery", "curves", "experiments", "index_of", "run_page", "where_runs_are"]

MAX_CURVES = 100


def where_runs_are(session: Session, environ: Mapping[str, str], cwd: Path | None) -> str:
    """The tracking URI of a job that says nothing of its own."""
    given = configuration(cwd).defaults.tracking_uri
    return given or tracking_uri(environ, session.home.root)


def index_of(session: Session, uri: str) -> RunIndex:
    """The table of the runs at ``uri``. For a server that is the copy as it is now; nobody is asked."""
    path = sqlite_file(uri)
    return RunIndex(path or _copy(session, uri))


def run_page(session: Session, uri: str, query: RunQuery) -> dict[str, Any]:
    """A page of the runs at ``uri``; see `RunIndex.page`. ``syncing``: a server's runs are still being fetched;
    ``away_since``: since when that server has not answered, so that these runs are of that time, else null.

    Raises:
        BadInput: there is nothing to sort by of that name, or ``uri`` is MLflow's file store.
        Unavailable: the store does not answer, and was never reached.
    """
    fed = _fed(session, uri)
    page = index_of(session, uri).page(query)
    return {
        **page,
        "syncing": fed is not None and not fed.is_complete(),
        "away_since": fed.away_since() if fed is not None else None,
    }


def experiments(session: Session, uri: str) -> list[dict[str, Any]]:
    """The experiments at ``uri``. Raises as `run_page`."""
    _fed(session, uri)
    return index_of(session, uri).experiments()


def curves(session: Session, uri: str, run_ids: Collection[str], metric: str) -> dict[str, Any]:
    """One metric of several runs: run id → ``[step, value]`` points.

    Raises:
        BadInput: no metric or no run is named, or more than `MAX_CURVES`.
        Unavailable: the store does not answer.
    """
    if not metric or not run_ids or len(run_ids) > MAX_CURVES:
        raise BadInput(f"curves need a metric and 1 to {MAX_CURVES} runs")
    fed = _fed(session, uri)
    if fed is not None:
        return fed.curves(run_ids, metric)
    index = index_of(session, uri)
    return {run_id: index.curve(run_id, metric) for run_id in run_ids}


def _fed(session: Session, uri: str) -> Feed | None:
    """What keeps the copy of a server's runs up to date; None for a SQLite file, which is read itself."""
    if scheme_of(checked_uri(uri)) == "sqlite":
        return None
    return feed(uri, _copy(session, uri), os.environ)


def _copy(session: Session, uri: str) -> Path:
    return session.home.runs_copy(hashlib.blake2b(uri.encode(), digest_size=8).hexdigest())
