"""Runs a notebook's cells in a real ipykernel, plainly or on the local target, and records each."""

from __future__ import annotations

import ast
import os
import queue
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client import KernelManager

from .cells import Cell, Notebook
from .outputs import CellOutputs, masked

_PROBE = Path(__file__).with_name("probe.py")
_LOAD = (
    "(lambda m: (__import__('sys').modules.__setitem__('_fidelity_probe', m),"
    f" exec(compile(open({str(_PROBE)!r}).read(), {str(_PROBE)!r}, 'exec'), m.__dict__), m.start()))"
    "(__import__('types').ModuleType('_fidelity_probe'))"
)
_REPORT = "__import__('_fidelity_probe').report()"


@dataclass(slots=True, kw_only=True)
class CellRun:
    """What one cell did: outputs, error, and every name's (digest, text) afterwards."""

    cell: Cell
    outputs: list[Any] = field(default_factory=list)
    error: tuple[str, str] | None = None
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    trouble: str = ""
    """The harness could not observe it: the kernel died, or the cell took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens: ``cloud`` puts ``%%cloudtrain`` on every cell; ``home`` is its CLOUDML_HOME."""

    folder: Path
    home: Path
    cloud: bool = False
    timeout_s: float = 120.0


def run_notebook(notebook: Notebook, place: Place) -> list[CellRun]:
    """Run every cell in order in one fresh kernel; cells after an error run too, as a reader would."""
    if notebook.folder is not None:
        shutil.copytree(notebook.folder, place.folder, dirs_exist_ok=True)
    place.folder.mkdir(parents=True, exist_ok=True)
    with _kernel(place) as client:
        session = _Session(client, place)
        return [session.run(cell) for cell in notebook.cells]


@contextmanager
def _kernel(place: Place) -> Iterator[Any]:
    with TemporaryDirectory(
        prefix="cloudml-k-"
    ) as sockets:  # two that start at once may take one TCP port
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/s")
        yield from _started(manager, place)


def _started(manager: KernelManager, place: Place) -> Iterator[Any]:
    manager.kernel_spec.argv[0] = sys.executable
    (place.home / "ipython").mkdir(parents=True, exist_ok=True)
    manager.start_kernel(
        cwd=str(place.folder), env=_environment(place), stdout=DEVNULL, stderr=DEVNULL
    )
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def _environment(place: Place) -> dict[str, str]:
    dropped = ("MPLBACKEND", "CLOUDML_HOME", "MLFLOW_TRACKING_URI", "PYTHONWARNINGS", "COV_CORE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith((*dropped, "PYTEST_"))}
    return {
        **kept,
        "CLOUDML_HOME": str(place.home),
        "IPYTHONDIR": str(place.home / "ipython"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }


class _Session:
    """One kernel's conversation. ``displays`` lives as long as the notebook: a later cell may update them."""

    def __init__(self, client: Any, place: Place) -> None:
        self.client = client
        self.place = place
        self.displays: dict[str, list[dict[str, Any]]] = {}
        self.dead = ""
        self.replaced = {str(place.folder.resolve()): "<folder>", str(place.home): "<home>"}
        self._quietly(_LOAD)
        if place.cloud:
            reply = self._execute("%load_ext jupyter_cloudml", CellOutputs(), store=False)
            if reply["status"] != "ok":
                self.dead = f"%load_ext jupyter_cloudml: {reply['evalue']}"

    def run(self, cell: Cell) -> CellRun:
        run = CellRun(cell=cell, trouble=self.dead)
        if self.dead:
            return run
        outputs = CellOutputs(displays=self.displays)
        started = time.perf_counter()
        try:
            source = cell.in_cloud if self.place.cloud else cell.source
            reply = self._execute(source, outputs)
            run.seconds = time.perf_counter() - started
            run.names = self._names()
        except (TimeoutError, RuntimeError) as exc:
            self.dead = run.trouble = str(exc)
            return run
        if reply["status"] == "error":
            run.error = (reply["ename"], masked(reply["evalue"], self.replaced))
        if self.place.cloud and not outputs.has_card and run.error is None:
            run.trouble = "no job card was shown: the cell did not run as a job"
        run.outputs = outputs.normal(self.replaced) + self._pages(reply)
        return run

    def _pages(self, reply: dict[str, Any]) -> list[Any]:
        pages = [p for p in reply.get("payload", ()) if p.get("source") == "page"]
        return [("page", masked(p["data"].get("text/plain", ""), self.replaced)) for p in pages]

    def _names(self) -> dict[str, tuple[str, str]]:
        text = self._quietly(_REPORT)
        found: dict[str, tuple[str, str]] = ast.literal_eval(text)
        return {name: (d, masked(t, self.replaced)) for name, (d, t) in found.items()}

    def _quietly(self, expression: str) -> str:
        """The value of an expression in the kernel, without a trace in its history."""
        message = self.client.execute(
            "", silent=True, store_history=False, user_expressions={"v": expression}
        )
        reply = self._finish(message, CellOutputs())
        answer = reply["user_expressions"]["v"]
        if answer["status"] != "ok":
            raise RuntimeError(f"the probe failed: {answer['ename']}: {answer['evalue']}")
        text: str = answer["data"]["text/plain"]
        return text

    def _execute(self, source: str, outputs: CellOutputs, *, store: bool = True) -> dict[str, Any]:
        message = self.client.execute(source, store_history=store, allow_stdin=False)
        return self._finish(message, outputs)

    def _finish(self, message: str, outputs: CellOutputs) -> dict[str, Any]:
        deadline = time.monotonic() + self.place.timeout_s
        while True:
            try:
                got = self.client.get_iopub_msg(timeout=1.0)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"took more than {self.place.timeout_s:.0f} s") from None
                if not self.client.is_alive():
                    raise RuntimeError("the kernel died") from None
                continue
            if got["parent_header"].get("msg_id") != message:
                continue
            content = got["content"]
            if got["msg_type"] == "status" and content["execution_state"] == "idle":
                break
            outputs.add(got["msg_type"], content)
        while True:
            reply = self.client.get_shell_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == message:
                found: dict[str, Any] = reply["content"]
                return found
