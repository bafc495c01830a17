"""The data directory of one user on one machine: where it is, and every name in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Unavailable
from ..core.ids import checked_job_id
from .disk import unavailable
from .paths import JobPaths

VARIABLE = "CLOUDML_HOME"


def data_home(environ: Mapping[str, str]) -> Path:
    """The absolute path of the data directory, which exists after return with mode 0700.

    ``$CLOUDML_HOME``, else the platform's own place for user data. Safe to repeat and to call from many processes.

    Raises:
        Unavailable: it cannot be made or written, or belongs to another user.
    """
    named = environ.get(VARIABLE, "")
    root = (Path(named).expanduser() if named else _platform_data_path(environ)).absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner_and_mode = root.stat()
        if owner_and_mode.st_uid != os.geteuid():
            raise Unavailable(
                f"the data directory {str(root)!r} belongs to another user",
                hint=f"set {VARIABLE} to a directory of your own",
            )
        if owner_and_mode.st_mode & 0o077:
            root.chmod(0o700)
    except OSError as exc:
        raise unavailable(root, exc) from exc
    if not os.access(root, os.W_OK | os.X_OK):
        raise Unavailable(
            f"the data directory {str(root)!r} is read-only",
            hint=f"set {VARIABLE} to a directory that you may write",
        )
    return root


def _platform_data_path(environ: Mapping[str, str]) -> Path:
    try:
        import platformdirs
    except ImportError:
        base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return Path(base) / "jupyter_cloudml"
    return platformdirs.user_data_path("jupyter_cloudml", appauthor=False)


@dataclass(frozen=True, slots=True)
class DataHome:
    """Every path of the data directory. Pure: nothing is made or read until somebody uses a path."""

    root: Path

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> DataHome:
        """The home that ``data_home`` makes or finds; raises as it does."""
        return cls(data_home(environ))

    @property
    def registry_db(self) -> Path:
        return self.root / "registry.db"

    @property
    def agent_socket(self) -> Path:
        return self.root / "agent.sock"

    @property
    def agent_lock(self) -> Path:
        return self.root / "agent.lock"

    @property
    def agent_log(self) -> Path:
        return self.root / "agent.log"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def worker_pyz(self) -> Path:
        return self.root / "worker.pyz"

    @property
    def mlflow_db(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def mlartifacts(self) -> Path:
        return self.root / "mlartifacts"

    def runs_copy(self, name: str) -> Path:
        """The copy of a tracking server's runs that the runs table reads."""
        return self.root / f"runs-{name}.db"

    @property
    def zygote(self) -> Path:
        return self.root / "zygote"

    @property
    def slots(self) -> Path:
        return self.root / "slots"

    def slot_lock(self, kind: str, name: str) -> Path:
        """The lock file of one resource: ``slot_lock("gpu", "0")`` is ``slots/gpu-0.lock``."""
        return self.slots / f"{kind}-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock"

    def job(self, job_id: str) -> JobPaths:
        """The folder of a job; ``BadInput`` when ``job_id`` is not a whole job id."""
        return JobPaths(self.jobs / checked_job_id(job_id))
