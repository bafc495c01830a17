"""A real Jupyter server in this process, on a data directory of its own, with real jobs by a real agent."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 - its fixtures and hooks, for this folder only
from tornado.httpclient import HTTPClientError

import jupyter_cloudml
from jupyter_cloudml.client.session import Session, _opened
from jupyter_cloudml.journal.home import DataHome
from tests.e2e.kernels import environment, stop_agent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataHome]:
    """The data directory; its agent is stopped afterwards."""
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "CLOUDML_"))]:
        monkeypatch.delenv(name)
    for name, value in environment(root, CLOUDML_FORWARDER="0").items():
        monkeypatch.setenv(name, value)
    made = DataHome(root)
    yield made
    stop_agent(made)
    _opened.cache_clear()


@pytest.fixture
def session(home: DataHome) -> Iterator[Session]:
    """What a notebook of the same user sees."""
    made = Session(home)
    yield made
    made.registry.close()


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_cloudml": True}}}


@pytest.fixture
def server(home: DataHome, jp_serverapp: Any) -> Any:
    """A Jupyter server with the extension, as a user's configuration enables it."""
    return jp_serverapp


@pytest.fixture
def ask(server: Any, jp_fetch: Callable[..., Any]) -> Callable[..., Any]:
    """``await ask("jobs", state="RUNNING")`` is the answer; ``(status, answer)`` for an error."""

    async def call(path: str, *, method: str = "GET", body: Any = None, **params: Any) -> Any:
        said: dict[str, Any] = {"method": method, "params": params}
        if method == "POST":
            said["body"] = json.dumps(body if body is not None else {})
        try:
            answer = await jp_fetch("cloudml", *path.split("/"), **said)
        except HTTPClientError as exc:
            return exc.code, json.loads(exc.response.body if exc.response else "{}")
        return json.loads(answer.body)

    return call


@pytest.fixture(scope="session")
def blocking_calls() -> Callable[[], AbstractContextManager[list[str]]]:
    """``with blocking_calls() as seen``: what our code asks of the disk or of a database on this very thread meanwhile."""
    blocking = {"open", "os.listdir", "os.scandir", "sqlite3.connect", "subprocess.Popen"}
    watched: dict[int, list[str]] = {}
    ours = f"{Path(jupyter_cloudml.__file__).parent}{os.sep}"

    def audit(event: str, arguments: object) -> None:
        seen = watched.get(threading.get_ident()) if event in blocking else None
        frame = sys._getframe(1) if seen is not None else None
        while frame is not None and not frame.f_code.co_filename.startswith(ours):
            frame = frame.f_back
        if frame is not None:
            seen.append(f"{event}{arguments!r} in {frame.f_code.co_filename}:{frame.f_lineno}")

    sys.addaudithook(audit)  # for good: hooks cannot be taken away

    @contextmanager
    def watching() -> Iterator[list[str]]:
        thread, seen = threading.get_ident(), list[str]()
        watched[thread] = seen
        try:
            yield seen
        finally:
            del watched[thread]

    return watching
