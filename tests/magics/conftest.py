"""A real kernel, a real agent, real workers, in a data directory of their own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from jupyter_cloudml.agent import nudge as agent
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.magics.card import MIME

ANSI = re.compile(r"\x1b\[[0-9;]*m")
QUIET = {
    "CLOUDML_PRELOAD": "light",
    "CLOUDML_FORWARDER": "0",
    "CLOUDML_GRACE_S": "2",
    "JUPYTER_PLATFORM_DIRS": "1",
}
WAIT_S = 90


class Ran:
    """What one cell did: reply, and its outputs as a front end keeps them."""

    def __init__(self, reply: dict[str, Any], messages: list[tuple[str, dict[str, Any]]]) -> None:
        self.reply = reply
        self.messages = messages

    @property
    def status(self) -> str:
        return self.reply["status"]

    @property
    def error(self) -> tuple[str, str]:
        return self.reply["ename"], self.reply["evalue"]

    @property
    def traceback(self) -> str:
        lines = next(c for kind, c in self.messages if kind == "error")["traceback"]
        return ANSI.sub("", "\n".join(lines))

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [c["data"][MIME] for _, c in self.messages if MIME in c.get("data", {})]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [c for kind, c in self.messages if kind == "execute_result"]

    def text(self, stream: str = "stdout") -> str:
        return "".join(
            c["text"] for kind, c in self.messages if kind == "stream" and c["name"] == stream
        )


class Notebook:
    """A kernel with the extension loaded."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = DataHome(home)
        env = {**os.environ, **QUIET, "CLOUDML_HOME": str(home), **environ}
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(home / "k"))
        self.manager.start_kernel(env=env)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WAIT_S)
        assert self.run("%load_ext jupyter_cloudml").status == "ok"

    def start(self, code: str) -> str:
        return self.client.execute(code)

    def finish(self, message_id: str) -> Ran:
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            messages.append((kind, content))
        while True:
            reply = self.client.get_shell_msg(timeout=WAIT_S)
            if reply["parent_header"].get("msg_id") == message_id:
                return Ran(reply["content"], messages)

    def run(self, code: str) -> Ran:
        return self.finish(self.start(code))

    def value(self, expression: str) -> str:
        """``repr`` of an expression in the kernel."""
        ran = self.run(expression)
        assert ran.status == "ok", ran.reply
        return ran.results[0]["data"]["text/plain"]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def stop_agent(home: DataHome) -> None:
    try:
        agent.request(home, {"op": "stop"})
    except Unavailable:
        return
    deadline = time.monotonic() + 20
    while lease_holder(home.agent_lock) is not None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    home = tmp_path_factory.mktemp("home")
    made = Notebook(home)
    yield made
    made.close()
    stop_agent(made.home)


@pytest.fixture
def second_kernel(notebook: Notebook) -> Iterator[Notebook]:
    """Another kernel of the same user."""
    made = Notebook(notebook.home.root)
    yield made
    made.close()
