"""Jupyter servers on one data directory, one after another and two at a time: real processes, with a real job."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_cloudml.server.bus import EVENTS
from jupyter_cloudml.tracking.ui import free_port

from .test_jobs import started, until

TOKEN = "of-this-test"
WAITS = """
import pathlib, time
print("before", flush=True)
ends_at = time.monotonic() + 300  # also where the test has failed
while not pathlib.Path({gate!r}).exists() and time.monotonic() < ends_at:
    time.sleep(0.02)
print("after")
"""


class JupyterServer:
    """``jupyter server`` with the extension and nothing else."""

    def __init__(self, root: Path) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        settings = {"jpserver_extensions": {"jupyter_cloudml": True}, "root_dir": str(root)}
        said = {"ServerApp": settings, "IdentityProvider": {"token": TOKEN}}
        config = root / "jupyter_server_config.json"
        config.write_text(json.dumps(said))
        ip, port = self._address.split(":")
        places = {f"JUPYTER_{kind}_DIR": str(root / kind.lower()) for kind in ("CONFIG", "RUNTIME")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", f"--config={config}", "--allow-root"),
                *("--no-browser", f"--ip={ip}", f"--port={port}", "--ServerApp.port_retries=0"),
            ],
            cwd=root,
            env={**os.environ, **places},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def ask(self, path: str, **said: Any) -> Any:
        """The answer; None while nobody answers."""
        asked = HTTPRequest(f"http://{self._address}/{path}", headers=self._names, **said)
        try:
            answer = await AsyncHTTPClient().fetch(asked)
        except (OSError, HTTPClientError):
            assert self.process.poll() is None, "the server has ended"
            return None
        return json.loads(answer.body)

    async def listen(self) -> Any:
        """A browser's event socket."""
        address = f"ws://{self._address}/api/events/subscribe"
        return await websocket_connect(HTTPRequest(address, headers=self._names))

    def end(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(30)

    @property
    def _names(self) -> dict[str, str]:
        return {"Authorization": f"token {TOKEN}"}


@pytest.fixture
def servers(home: Any, tmp_path: Path) -> Iterator[Any]:
    """Starts servers of one user."""
    root = tmp_path / "work"
    root.mkdir()
    made: list[JupyterServer] = []

    def start() -> JupyterServer:
        made.append(JupyterServer(root))
        return made[-1]

    yield start
    for server in made:
        server.end(signal.SIGKILL)


async def change_of(
    socket: Any, job_id: str, state: str, numbers: list[int] | None = None
) -> dict[str, Any]:
    """The first event that tells this state; ``numbers`` gets those of all events up to it."""
    while (message := await socket.read_message()) is not None:
        said = json.loads(message)
        if said["schema_id"] != EVENTS:
            continue
        if numbers is not None:
            numbers.append(said["seq"])
        for change in said["changed"]:
            if (change["id"], change["state"]) == (job_id, state):
                return dict(change)
    raise AssertionError("the socket was closed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_another_server_shows_the_same_live_job_and_tells_its_end(servers, tmp_path, number):
    gate = tmp_path / "gate"
    job = await started(WAITS.format(gate=str(gate)), name="long")
    first = servers()

    async def has_printed(server: JupyterServer) -> Any:
        page = await server.ask(f"cloudml/jobs/{job.id}/outputs")
        return page if page and page["outputs"] else None

    seen = await until(lambda: has_printed(first))
    first.end(number)

    second = servers()
    again = await until(lambda: has_printed(second))
    assert again["outputs"] == seen["outputs"]
    assert not again["final"]
    with closing(await second.listen()) as socket:
        page = await second.ask("cloudml/jobs?state=RUNNING")
        assert [row["id"] for row in page["jobs"]] == [job.id]
        assert (await second.ask(f"cloudml/jobs/{job.id}"))["job"]["state"] == "RUNNING"
        gate.touch()
        change = await asyncio.wait_for(change_of(socket, job.id, "SUCCEEDED"), 60)
    assert change["elapsed_s"] > 0
    rest = await second.ask(f"cloudml/jobs/{job.id}/outputs?offset={again['next']}")
    assert "".join(out["text"] for out in rest["outputs"]) == "after\n"
    assert rest["final"]


async def test_two_servers_at_once_tell_the_same_and_one_does_not_need_the_other(servers, tmp_path):
    both = servers(), servers()
    gate = tmp_path / "gate"
    sockets = []
    for server in both:
        await until(lambda server=server: server.ask("cloudml/config"))
        sockets.append(await server.listen())
        await server.ask("cloudml/jobs")
    numbers: list[list[int]] = [[], []]

    async def both_tell(job_id: str, state: str) -> None:
        told = [
            asyncio.wait_for(change_of(socket, job_id, state, seen), 60)
            for socket, seen in zip(sockets, numbers, strict=True)
        ]
        await asyncio.gather(*told)

    jobs = [await started(WAITS.format(gate=str(gate)), name=name) for name in ("one", "other")]
    for job in jobs:
        await both_tell(job.id, "RUNNING")
    await both[1].ask(f"cloudml/jobs/{jobs[0].id}/cancel", method="POST", body="{}")
    await both_tell(jobs[0].id, "CANCELLED")
    for seen in numbers:
        assert seen == list(range(seen[0], seen[0] + len(seen)))

    both[1].end(signal.SIGKILL)
    gate.touch()
    await asyncio.wait_for(change_of(sockets[0], jobs[1].id, "SUCCEEDED"), 60)
    page = await both[0].ask(f"cloudml/jobs/{jobs[1].id}/outputs")
    assert "".join(out["text"] for out in page["outputs"]) == "before\nafter\n"
    for socket in sockets:
        socket.close()
