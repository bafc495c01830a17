"""MLflow's pages and TensorBoard: started when somebody opens them, ended when idle and with the server.

Nobody but the user of this server reaches them: MLflow listens on a socket in a directory of mode 0700, TensorBoard below
a path that nobody can guess, and before both stands Jupyter's own login.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ..core.errors import BadInput, NotInstalled, Unavailable
from ..tracking.config import artifact_root, checked_uri, quiet_environment, scheme_of
from ..tracking.ui import free_port
from . import board

IDLE_S = 900.0
_END_S = 6.0


@dataclass(slots=True, kw_only=True)
class Tool:
    """One running program, and how it is reached: ``door`` (a Unix socket), or ``port`` and ``prefix``."""

    name: str
    process: subprocess.Popen[bytes]
    folder: Path
    door: str = ""
    port: int = 0
    prefix: str = ""
    used_at: float = field(default_factory=time.monotonic)
    has_answered: bool = False

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def is_ready(self) -> bool:
        """Whether it answers. Blocks for a second at most."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=1)
        with contextlib.closing(connection):
            try:
                connection.sock = self._connected()
                connection.request("GET", f"{self.prefix}/")
                self.has_answered = connection.getresponse().status < 500
            except (OSError, http.client.HTTPException):
                return False
        return self.has_answered

    def _connected(self) -> socket.socket:
        if not self.door:
            return socket.create_connection(("127.0.0.1", self.port), timeout=1)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(1)
        try:
            link.connect(self.door)
        except OSError:
            link.close()
            raise
        return link

    def close(self) -> None:
        """End it with all its helpers; some seconds at most."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_S)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tools:
    """The programs of one server, by name. Safe from many threads."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._tools: dict[str, Tool] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def mlflow(self, uri: str, home: Path, environ: Mapping[str, str]) -> Tool | str:
        """MLflow's pages on the runs at ``uri``, started where they do not run; the address where a server has its own.

        Raises:
            BadInput: MLflow's file store.
        """
        if scheme_of(checked_uri(uri)) in ("http", "https"):
            return uri
        environment = {**environ, "MLFLOW_BACKEND_STORE_URI": uri}
        quiet_environment(environment)
        name = f"mlflow-{_short(uri)}"
        return self._opened(name, lambda folder: _mlflow(name, folder, uri, home, environment))

    def tensorboard(self, logdir: Path, environ: Mapping[str, str]) -> Tool:
        """TensorBoard on the event files below ``logdir``, started where it does not run.

        Raises:
            NotInstalled: TensorBoard is not.
            BadInput: ``logdir`` is no folder.
        """
        if find_spec("tensorboard") is None:
            raise NotInstalled("TensorBoard is not installed", hint="pip install tensorboard")
        if not logdir.is_dir():
            raise BadInput(f"{str(logdir)!r} is not a folder")
        name = f"tensorboard-{_short(str(logdir))}"
        return self._opened(name, lambda folder: _tensorboard(name, folder, logdir, environ))

    def used(self, name: str) -> Tool:
        """The running tool of that name, which is not idle now.

        Raises:
            Unavailable: it does not run, or has died; the hint has its last words.
        """
        with self._lock:
            tool = self._tools.get(name)
        if tool is None:
            raise Unavailable("this page is not open any more", hint="open it again")
        if not tool.is_alive:
            raise Unavailable(f"{name.partition('-')[0]} has ended", hint=_last_words(tool.log))
        tool.used_at = time.monotonic()
        return tool

    def close(self) -> None:
        """End all of them. Safe to repeat."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            tools, self._tools = list(self._tools.values()), {}
        for tool in tools:
            tool.close()

    def _opened(self, name: str, start: Callable[[Path], Tool]) -> Tool:
        with self._lock:
            tool = self._tools.get(name)
            if tool is not None and tool.is_alive:
                tool.used_at = time.monotonic()
                return tool
            if self._closed:
                raise Unavailable("the server is shutting down")
            if tool is not None:
                tool.close()
            folder = Path(
                tempfile.mkdtemp(prefix="cloudml-")
            )  # 0700; a socket's path must be short
            self._tools[name] = made = start(folder)
            self._wait_for_idle()
            return made

    def _wait_for_idle(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._idle_s / 2, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        idle_since = time.monotonic() - self._idle_s
        with self._lock:
            self._timer = None
            idle = [tool for tool in self._tools.values() if tool.used_at <= idle_since]
            for tool in idle:
                del self._tools[tool.name]
            if self._tools and not self._closed:
                self._wait_for_idle()
        for tool in idle:
            tool.close()


def _mlflow(name: str, folder: Path, uri: str, home: Path, environ: dict[str, str]) -> Tool:
    address = str(folder / "socket")
    root = artifact_root(uri, home)
    argv = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--uvicorn-opts", f"--uds {address}"),
        *(("--default-artifact-root", str(root)) if root is not None else ()),
    ]
    return Tool(
        name=name, folder=folder, door=address, process=_started(argv, folder, environ, home)
    )


def _tensorboard(name: str, folder: Path, logdir: Path, environ: Mapping[str, str]) -> Tool:
    port, prefix = free_port(), f"/{secrets.token_urlsafe(24)}"
    said = {"port": port, "prefix": prefix, "logdir": str(logdir)}
    environment = {**environ, board.VARIABLE: json.dumps(said)}
    argv = [sys.executable, "-m", board.__name__]
    process = _started(argv, folder, environment, logdir)
    return Tool(name=name, folder=folder, port=port, prefix=prefix, process=process)


def _started(
    argv: list[str], folder: Path, environ: Mapping[str, str], cwd: Path
) -> subprocess.Popen[bytes]:
    """``argv`` under `guard`, in a process group of its own, with the programs of this interpreter on its PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.guard", str(folder), *argv],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**environ, "PATH": path},
        )


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
