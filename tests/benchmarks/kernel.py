"""A real ipykernel, driven from outside as JupyterLab drives one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any

from jupyter_client.manager import KernelManager

from jupyter_cloudml.journal.home import DataHome

from .harness import QUIET, note


@dataclass
class Reply:
    """One execute: when it was sent and idle again (``time_ns``), and what came."""

    sent_ns: int
    idle_ns: int = 0
    text: str = ""
    results: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def idle_ms(self) -> float:
        return (self.idle_ns - self.sent_ns) / 1e6


class Kernel:
    """Use as a context manager: the kernel ends with it."""

    def __init__(self, home: Path, *, cwd: Path) -> None:
        self._env = {**os.environ, **QUIET, "CLOUDML_HOME": str(home)}
        self._env.pop("MLFLOW_TRACKING_URI", None)
        self._cwd = cwd
        door = cwd / f"kernel-{secrets.token_hex(4)}.json"
        self._manager = KernelManager(
            kernel_name="python3", transport="ipc", connection_file=str(door), ip=f"{door}-ipc"
        )

    def __enter__(self) -> Kernel:
        self._manager.start_kernel(env=self._env, cwd=str(self._cwd))
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def execute(self, code: str, *, timeout_s: float = 300.0, may_fail: bool = False) -> Reply:
        """Run ``code`` to idle.

        Raises:
            RuntimeError: the cell raised (unless ``may_fail``), or the kernel was not idle in time.
        """
        reply = Reply(sent_ns=time.time_ns())
        parent = self._client.execute(code)
        while not reply.idle_ns:
            try:
                message = self._client.get_iopub_msg(timeout=timeout_s)
            except Empty as exc:
                raise RuntimeError(f"kernel not idle in {timeout_s} s after {code!r}") from exc
            if message["parent_header"].get("msg_id") == parent:
                _take(reply, message)
        self._client.get_shell_msg(timeout=timeout_s)
        if reply.error and not may_fail:
            raise RuntimeError(reply.error)
        return reply


def first_line_ms(kernel: Kernel, reply: Reply) -> float:
    """From sending to the cell's first line, which bound ``first_ns = time.time_ns()`` and came home."""
    return (int(kernel.execute("print(first_ns)").text) - reply.sent_ns) / 1e6


def _take(reply: Reply, message: dict[str, Any]) -> None:
    kind, content = message["msg_type"], message["content"]
    if kind == "status" and content["execution_state"] == "idle":
        reply.idle_ns = time.time_ns()
    elif kind == "stream" and content["name"] == "stdout":
        reply.text += content["text"]
    elif kind == "execute_result":
        reply.results.append(content["data"].get("text/plain", ""))
    elif kind == "error":
        reply.error = "\n".join(content["traceback"])


@contextlib.contextmanager
def agent_ended(home: Path) -> Iterator[DataHome]:
    """The data home for the block; its agent, and with it zygote and spares, is stopped afterwards."""
    data = DataHome(home)
    try:
        yield data
    finally:
        stop_agent(data)


def stop_agent(home: DataHome, *, timeout_s: float = 30.0) -> None:
    """Stop the agent and wait until it and all that it started are gone: none of them may write to the home later."""
    import psutil

    from jupyter_cloudml.agent.nudge import nudge
    from jupyter_cloudml.core.errors import Unavailable
    from jupyter_cloudml.journal.lease import lease_holder

    pid = lease_holder(home.agent_lock)
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        if pid:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    with contextlib.suppress(Unavailable):
        nudge(home, "stop")
    _, left = psutil.wait_procs(family, timeout=timeout_s)
    for process in left:
        note(f"{process} did not end with its agent")
        process.kill()


def wait_for_warmth(home: DataHome, *, timeout_s: float = 120.0) -> dict[str, Any]:
    """Until the agent says that a spare is ready; its last status."""
    from jupyter_cloudml.agent.nudge import nudge
    from jupyter_cloudml.core.errors import Unavailable

    deadline = time.monotonic() + timeout_s
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        with contextlib.suppress(Unavailable):
            status = nudge(home, "status")
            if _spares(status):
                return status
        time.sleep(0.1)
    raise RuntimeError(f"no spare in {timeout_s} s; the agent says {status}")


def _spares(status: Any) -> int:
    """The number under any key ``spares``, wherever the agent puts it."""
    if isinstance(status, dict):
        own = status.get("spares", 0)
        found = len(own) if isinstance(own, (list, dict)) else int(own or 0)
        return found + sum(_spares(value) for key, value in status.items() if key != "spares")
    if isinstance(status, list):
        return sum(map(_spares, status))
    return 0
