"""Real kernels, the real command line and a real agent, in data directories of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from jupyter_cloudml.agent import nudge as agent
from jupyter_cloudml.core.errors import CloudMLError
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder

ANSI = re.compile(r"\x1b\[[0-9;]*m")
MIME = "application/vnd.cloudml.job+json"
WAIT_S = 90


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of everything that a test starts."""
    dropped = ("MLFLOW_", "CLOUDML_", "PYTEST_", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **kept,
        "CLOUDML_HOME": str(home),
        "CLOUDML_PRELOAD": "light",
        "CLOUDML_GRACE_S": "2",
        "IPYTHONDIR": str(home.parent / "ipython"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "XDG_CONFIG_HOME": str(home.parent / "config"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


class Ran:
    """What one cell did."""

    def __init__(self, reply: dict[str, Any], messages: list[tuple[str, dict[str, Any]]]) -> None:
        self.reply = reply
        self.messages = messages

    @property
    def status(self) -> str:
        return self.reply["status"]

    @property
    def error(self) -> str:
        """``Name: message`` of its error."""
        return f"{self.reply.get('ename')}: {self.reply.get('evalue')}"

    @property
    def shown(self) -> str:
        """Its error as a reader sees it; empty where nothing is shown."""
        errors = [c["traceback"] for kind, c in self.messages if kind == "error"]
        return ANSI.sub("", "\n".join(errors[0])) if errors else ""

    @property
    def traceback(self) -> list[str]:
        """The lines of ``shown``."""
        return self.shown.splitlines()

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [c["data"][MIME] for _, c in self.messages if MIME in c.get("data", {})]

    @property
    def job(self) -> str:
        return self.cards[-1]["id"]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [c for kind, c in self.messages if kind == "execute_result"]

    @property
    def value(self) -> str:
        return self.results[0]["data"]["text/plain"]

    def text(self, stream: str = "stdout") -> str:
        return "".join(
            c["text"] for kind, c in self.messages if kind == "stream" and c["name"] == stream
        )


class Notebook:
    """A kernel with the extension loaded, in a working directory of its own."""

    def __init__(self, home: Path, cwd: Path, **environ: str) -> None:
        self.home = DataHome(home)
        self.cwd = cwd
        cwd.mkdir(exist_ok=True)
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(env=environment(home, **environ), cwd=str(cwd))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WAIT_S)
        loaded = self.run("%load_ext jupyter_cloudml")
        assert loaded.status == "ok", loaded.reply

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

    def wait_for(self, message_id: str, text: str) -> None:
        """Until a running cell has printed ``text``."""
        seen = ""
        while text not in seen:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            if message["parent_header"].get("msg_id") == message_id:
                seen += message["content"].get("text", "")

    def run(self, code: str) -> Ran:
        return self.finish(self.start(code))

    def value(self, expression: str) -> str:
        ran = self.run(expression)
        assert ran.status == "ok", ran.reply
        return ran.value

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def cli(home: Path, *words: str, cwd: Path | None = None, **environ: str) -> Any:
    """``jupyter cloudml WORDS`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter_cloudml.cli.main", *words],
        env=environment(home, **environ),
        cwd=cwd or home.parent,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def answer(home: Path, *words: str, **environ: str) -> Any:
    """What a command prints as JSON."""
    done = cli(home, *words, "--json", **environ)
    return json.loads(done.stdout)


def stop_agent(home: DataHome) -> None:
    """End the agent and its forwarder (which by itself stays for a minute), and wait until the agent is gone."""
    try:
        forwarder = agent.request(home, {"op": "status"})["forwarder"]
        agent.request(home, {"op": "stop"})
    except CloudMLError:
        return
    if forwarder:
        with contextlib.suppress(ProcessLookupError):
            os.kill(forwarder, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while lease_holder(home.agent_lock) is not None and time.monotonic() < deadline:
        time.sleep(0.01)


def processes_of(home: Path) -> dict[int, str]:
    """Every process whose environment or command line names this data directory."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environ = (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(home) in line or f"CLOUDML_HOME={home}".encode() in environ.split(b"\0"):
            found[int(folder.name)] = line
    return found


def traces(home: DataHome) -> tuple[set[str], set[str]]:
    """The job folders (those in the making too) and the rows: what a refused submission must not add to."""
    folders = {path.name for path in home.jobs.iterdir()} if home.jobs.is_dir() else set()
    rows = {row["id"] for row in answer(home.root, "jobs", "-n", "1000")}
    return folders, rows
