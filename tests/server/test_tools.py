"""MLflow's pages and TensorBoard behind Jupyter's login."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.server.tools import Tool, Tools
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
    members = [tool.process.pid, *(c.pid for c in psutil.Process(tool.process.pid).children(True))]
    assert not [c for pid in members for c in psutil.Process(pid).net_connections("inet")]
    await asyncio.to_thread(server.web_app.settings["cloudml"].close)
    assert not any(psutil.pid_exists(pid) for pid in members)
    assert not tool.folder.exists()
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


async def test_a_folder_outside_is_refused_and_a_missing_tensorboard_is_said(
    ask, home, jp_root_dir
):
    (jp_root_dir / "way-out").symlink_to("/")
    for odd in ("../..", "way-out/etc", "/../etc", 3):
        code, said = await ask("tools/tensorboard", method="POST", body={"logdir": odd})
        assert (code, said["code"]) == (400, "bad-input")
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        code, said = await ask("tools/tensorboard", method="POST")
        assert (code, said["code"], said["hint"]) == (
            409,
            "not-installed",
            "pip install tensorboard",
        )


def test_nobody_starts_a_tool_in_a_server_that_ends(tmp_path):
    tools = Tools()
    tools.close()
    with pytest.raises(Unavailable, match="shutting down"):
        tools._opened("mlflow-00", sleeper)
