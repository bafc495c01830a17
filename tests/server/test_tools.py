"""MLflow's pages and TensorBoard behind Jupyter's login."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.server.tools import Tool, Tools
from tests.server.event_files import write_event_files
from tests.server.runs import fill, make_store

from .test_routes import Deny


async def test_mlflows_pages_open_behind_the_login_and_end_with_the_server(
    server, ask, home, http_server_client, jp_auth_header
):
    make_store(home.mlflow_db)
    fill(home.mlflow_db, 3)
    said = await ask("tools/mlflow", method="POST")
    assert said["state"] in ("starting", "ready")
    url = said["url"]
    page = await http_server_client.fetch(url, headers=jp_auth_header, request_timeout=90)
    assert b"<title>MLflow</title>" in page.body

    found = await http_server_client.fetch(
        f"{url}ajax-api/2.0/mlflow/runs/search",
        method="POST",
        body='{"experiment_ids": ["1"]}',
        headers={
            **jp_auth_header,
            "Content-Type": "application/json",
            "Origin": "http://hub.example",
        },
        request_timeout=60,
    )
    assert b"run 2 of 3" in found.body
    assert (await ask("tools/mlflow", method="POST")) == {"url": url, "state": "ready"}

    with pytest.raises(HTTPClientError) as stranger:
        await http_server_client.fetch(url, follow_redirects=False)
    assert stranger.value.code == 403
    authorizer = server.web_app.settings["authorizer"]
    deny = Deny(parent=server)
    deny.asked = []
    server.web_app.settings["authorizer"] = deny
    with pytest.raises(HTTPClientError) as denied:
        await http_server_client.fetch(url, headers=jp_auth_header)
    assert denied.value.code == 403
    server.web_app.settings["authorizer"] = authorizer

    (tool,) = server.web_app.settings["cloudml"].tools._tools.values()
    members = family(tool)
    assert not [c for member in members for c in member.net_connections("inet")]
    await asyncio.to_thread(server.web_app.settings["cloudml"].close)
    assert left_of(members) == []
    assert not tool.folder.exists()
    with pytest.raises(HTTPClientError) as gone:
        await http_server_client.fetch(url, headers=jp_auth_header)
    assert gone.value.code == 503


def family(tool: Tool) -> list[psutil.Process]:
    """All processes of a tool."""
    guard = psutil.Process(tool.process.pid)
    return [guard, *guard.children(recursive=True)]


def left_of(members: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a while."""
    _, alive = psutil.wait_procs(members, timeout=60)
    return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


async def until_ready(ask: Any, **said: Any) -> str:
    """The address of TensorBoard once it is ready, asked as the front end asks."""
    deadline = time.monotonic() + 120
    while True:
        answer = await ask("tools/tensorboard", method="POST", body=said)
        if answer["state"] == "ready":
            return str(answer["url"])
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_tensorboard_shows_a_folder_to_its_user_only_and_ends_when_idle(
    server, ask, http_server_client, jp_auth_header, jp_root_dir, monkeypatch
):
    write_event_files(jp_root_dir / "logs" / "first")
    shared = server.web_app.settings["cloudml"]
    assert shared.tools._tools == {}
    url = await until_ready(ask, logdir="logs")

    page = await http_server_client.fetch(url, headers=jp_auth_header, request_timeout=60)
    assert b"<title>TensorBoard</title>" in page.body
    runs: list[str] = []
    while runs != ["first"]:  # it reads the files in a thread of its own
        told = await http_server_client.fetch(f"{url}data/runs", headers=jp_auth_header)
        runs = json.loads(told.body)
    where = f"{url}data/plugin/scalars/scalars?run=first&tag=loss"
    told = await http_server_client.fetch(where, headers=jp_auth_header)
    assert [point[1] for point in json.loads(told.body)] == [0, 1, 2]

    for verb in ("GET", "HEAD", "POST", "OPTIONS"):
        with pytest.raises(HTTPClientError) as stranger:
            await http_server_client.fetch(url, method=verb, allow_nonstandard_methods=True)
        assert stranger.value.code == 403
    (tool,) = shared.tools._tools.values()
    with pytest.raises(HTTPClientError) as guess:
        await AsyncHTTPClient().fetch(f"http://127.0.0.1:{tool.port}/")
    assert guess.value.code == 404
    assert tool.prefix not in " ".join(psutil.Process(tool.process.pid).cmdline())

    members = family(tool)
    tool.used_at -= 10_000
    await asyncio.to_thread(shared.tools._end_idle)
    assert left_of(members) == []
    with pytest.raises(HTTPClientError) as gone:
        await http_server_client.fetch(url, headers=jp_auth_header)
    assert gone.value.code == 503


def sleeper(folder: Path) -> Tool:
    """A tool that does nothing for long."""
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_cloudml.server.guard", str(folder), *argv],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    return Tool(name="tensorboard-00", process=process, folder=folder, port=1)


def test_an_idle_tool_ends(tmp_path):
    tools = Tools(idle_s=0.1)
    tool = tools._opened("tensorboard-00", sleeper)
    try:
        deadline = time.monotonic() + 30
        while tool.process.returncode is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert tool.process.returncode is not None
    finally:
        tools.close()


def test_a_tool_ends_when_the_server_is_killed_and_leaves_no_folder(tmp_path):
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "log").touch()
    code = (
        "import subprocess, sys, time\n"
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        f"guard = [sys.executable, '-m', 'jupyter_cloudml.server.guard', {str(folder)!r}, *argv]\n"
        "p = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        guard = psutil.Process(int(server.stdout.readline()))
        deadline = time.monotonic() + 30
        while not guard.children() and time.monotonic() < deadline:
            time.sleep(0.01)
        members = [guard, *guard.children()]
        server.kill()
    _, alive = psutil.wait_procs(members, timeout=30)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert not folder.exists()


async def test_a_folder_outside_or_missing_is_refused(ask, home, jp_root_dir):
    (jp_root_dir / "way-out").symlink_to("/")
    (jp_root_dir / "file").touch()
    for odd in ("../..", "way-out/etc", "/../etc", 3, "missing", "file"):
        code, said = await ask("tools/tensorboard", method="POST", body={"logdir": odd})
        assert (odd, code, said["code"]) == (odd, 400, "bad-input")


async def test_a_tensorboard_that_is_not_installed_is_said(ask, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    code, said = await ask("tools/tensorboard", method="POST")
    assert (code, said["code"], said["hint"]) == (409, "not-installed", "pip install tensorboard")


def test_nobody_starts_a_tool_in_a_server_that_ends(tmp_path):
    tools = Tools()
    tools.close()
    with pytest.raises(Unavailable, match="shutting down"):
        tools._opened("mlflow-00", sleeper)
