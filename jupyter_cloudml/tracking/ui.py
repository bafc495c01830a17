"""``mlflow ui`` for the runs of this home, on a loopback port of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from ..core.errors import Unavailable
from .config import artifact_root, checked_uri, quiet_environment, scheme_of
from .store import shown

_READY_S = 60.0
_GRACE_S = 5.0


class TrackingUI:
    """A running UI: ``url`` answers from construction until ``close``. Use it as a context manager.

    For a tracking server no process is started: ``url`` is the server's own.
    """

    def __init__(self, uri: str, home: Path, *, port: int = 0) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if scheme_of(checked_uri(uri)) in ("http", "https"):
            self.url = shown(uri)
            return
        self._log = home / "mlflow-ui.log"
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ui_argv(uri, home, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(),
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Block until the UI ends by itself, or a ``KeyboardInterrupt``."""
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        """End the UI with all its processes. Safe to repeat; blocks for some seconds at most."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        _signal_group(process.pid, signal.SIGKILL)  # helpers that outlived their parent
        process.wait()

    def __enter__(self) -> TrackingUI:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_S
        while not is_healthy(self.url):
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise Unavailable("`mlflow ui` did not start", hint=f"its words are in {self._log}")
            time.sleep(0.1)


def ui_argv(uri: str, home: Path, port: int) -> list[str]:
    """The command line of the UI; artifacts are served from where the store keeps them."""
    root = artifact_root(uri, home)
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", uri),
        *(("--default-artifact-root", str(root)) if root is not None else ()),
    ]


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_healthy(url: str) -> bool:
    """Whether an MLflow server answers at ``url``."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 http of ours
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    quiet_environment(environment)
    # `mlflow server` finds its own helper programs on PATH
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    return environment


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
