"""A real JupyterLab server in folders of its own, that a test can stop and start again at the same address."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

TOKEN = "lab-of-the-tests"  # of a server on loopback that lives as long as one module of tests
START_S = 60
QUIET = {"fetchNews": "false", "checkForUpdates": False}
"""Lab asks nobody outside, and asks the user nothing when it starts."""


class LabServer:
    """JupyterLab on loopback. Its files, settings, workspaces and CloudML home lie below ``root``."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        self.work = root / "work"
        self.home = root / "home"
        for folder in (self.work, self.home, root / "runtime"):
            folder.mkdir(parents=True, mode=0o700)
        self.set_setting("@jupyterlab/apputils-extension", "notification", **QUIET)
        self.port = _free_port()
        self._environ = environment(self.home, **environ)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.root / "lab.log").read_text(errors="replace")

    def start(self) -> None:
        """Returns when the server answers."""
        argv = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0", "--expose-app-in-browser"),
            *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.work}"),
            "--JupyterNotebookApp.expose_app_in_browser=True",
            *("--LabApp.news_url=None", "--LanguageServerManager.autodetect=False"),
        ]
        with (self.root / "lab.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                cwd=self.work,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{self.log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server and its kernels; jobs and their agent go on."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server as a crash of the machine's process would; its kernels are left to notice."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def write_notebook(self, name: str, cells: Sequence[str]) -> str:
        """A notebook of these code cells; the path that Lab opens it by."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python"},
            },
        )
        path = self.work / f"{name}.ipynb"
        nbformat.write(made, path)
        return path.name

    def set_setting(self, extension: str, plugin: str, **values: Any) -> None:
        """Settings as the user would save them; a running Lab reads them when it is loaded."""
        path = self.root / "settings" / extension / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def read_notebook(self, name: str) -> Any:
        return nbformat.read(self.work / name, as_version=4)

    def _answers(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/api/status", headers={"Authorization": f"token {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of the server, its kernels and its jobs: nothing of the user's own configuration."""
    dropped = ("MLFLOW_", "CLOUDML_", "PYTEST_", "PYTHONWARNINGS", "JUPYTER_TOKEN", "JPY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    root = home.parent
    return {
        **kept,
        "CLOUDML_HOME": str(home),
        "CLOUDML_PRELOAD": "light",
        "CLOUDML_GRACE_S": "2",
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "XDG_CONFIG_HOME": str(root / "xdg"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
