"""A home with jobs whose worker is this test, stores made once, and forwarders that can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.spec import JobSpec, Origin
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import read_json, write_json
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.registry import Registry
from jupyter_cloudml.journal.writer import JournalWriter
from jupyter_cloudml.tracking.config import quiet_environment
from jupyter_cloudml.tracking.forwarder import Forwarder
from jupyter_cloudml.tracking.store import TrackingStore
from jupyter_cloudml.tracking.ui import TrackingUI

quiet_environment()
T0 = 1_700_000_000.0


@dataclass
class Job:
    """One job of a test home, seen from its worker and its agent at once."""

    home: Path
    spec: JobSpec
    registry: Registry
    clock: list[float] = field(default_factory=lambda: [T0])

    def __post_init__(self) -> None:
        self.id = self.spec.id
        self.paths = DataHome(self.home).job(self.id).create()
        write_json(self.paths.spec, self.spec.to_json())
        self.registry.insert(self.spec, self.spec.created_at)
        self._writers: dict[str, JournalWriter] = {}

    def journal(self, rank: str = "0") -> JournalWriter:
        if rank not in self._writers:
            self._writers[rank] = JournalWriter(self.paths.journal(rank), clock=self.tick)
        return self._writers[rank]

    def tick(self) -> float:
        self.clock[0] += 0.001
        return self.clock[0]

    def start(self) -> Job:
        self.journal().append("state", state="RUNNING", pid=1, host="h")
        self.registry.move(self.id, JobState.RUNNING, now=self.clock[0])
        return self

    def metrics(self, first: int, last: int, **names: float) -> None:
        for step in range(first, last):
            values = {name: step * factor for name, factor in names.items()} or {"loss": step * 0.5}
            self.journal().append_metrics(values, step)

    def end(self, state: JobState = JobState.SUCCEEDED, *, journalled: bool = True) -> float:
        if journalled:
            self.journal().append("state", state=state.value)
        ended_at = self.clock[0]
        self.registry.move(self.id, state, now=ended_at + 50)
        return ended_at

    @property
    def run_json(self) -> dict[str, Any]:
        return read_json(self.paths.run) or {}

    @property
    def row(self) -> Any:
        return self.registry.get(self.id)


@dataclass
class Home:
    """A data directory, with what its MLflow database says."""

    root: Path
    registry: Registry
    uri: str
    made: int = 0

    def job(self, **changes: Any) -> Job:
        self.made += 1
        fields = {
            "id": f"{self.made:012x}",
            "source": "loss = 1\nprint(loss)",
            "name": f"job-{self.made}",
            "tracking_uri": self.uri,
            "created_at": T0,
            "origin": Origin(user="ada"),
        }
        return Job(self.root, JobSpec(**{**fields, **changes}), self.registry)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / "mlflow.db", timeout=20)) as connection:
            return connection.execute(statement, values).fetchall()

    def run_of(self, job: Job) -> tuple[str, str, str, int | None]:
        """(run id, status, name, end time in ms) of the one run that carries the job's tag."""
        found = self.sql(
            "SELECT r.run_uuid, r.status, r.name, r.end_time FROM runs r JOIN tags t USING (run_uuid) "
            "WHERE t.key = 'cloudml.job_id' AND t.value = ?",
            job.id,
        )
        assert len(found) == 1, f"{len(found)} runs for one job"
        return found[0]

    def points(self, job: Job, key: str = "loss") -> list[tuple[int, float, int]]:
        """(step, value, time in ms) of a metric, every row of it."""
        statement = "SELECT step, value, timestamp FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY 1, 3"
        return self.sql(statement, self.run_of(job)[0], key)

    def pairs(self, job: Job, table: str = "tags") -> dict[str, str]:
        statement = f"SELECT key, value FROM {table} WHERE run_uuid = ?"
        return dict(self.sql(statement, self.run_of(job)[0]))

    def artifact(self, job: Job, name: str) -> Path:
        return Path(job.run_json["artifact_uri"].removeprefix("file://")) / "cloudml" / name


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """An MLflow database of the present schema; making one takes a second."""
    folder = tmp_path_factory.mktemp("store")
    store = TrackingStore(f"sqlite:///{folder}/mlflow.db", folder / "mlartifacts")
    store.close()
    return folder / "mlflow.db"


@pytest.fixture
def home(tmp_path, empty_store) -> Iterator[Home]:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    shutil.copy(empty_store, root / "mlflow.db")
    registry = Registry(root / "registry.db")
    yield Home(root, registry, f"sqlite:///{root}/mlflow.db")
    registry.close()


@pytest.fixture
def forwarder(home) -> Iterator[Forwarder]:
    made = Forwarder(home.root, clock=lambda: T0 + 1000)
    yield made
    made.close()


def drain(forwarder: Forwarder) -> None:
    """Cycle until nothing moves any more."""
    while forwarder.cycle():
        pass


class ForkServer:
    """A process that preloaded everything and forks forwarders, as the zygote does."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("forkserver.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._read() == "ready"
        self._children: list[int] = []

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, home: Path, idle_s: float = 300.0) -> int:
        """Fork a forwarder for ``home``; nudges go to the FIFO ``home/nudges``."""
        fifo = home / "nudges"
        if not fifo.exists():
            os.mkfifo(fifo)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{home} {idle_s}\n")
        self._process.stdin.flush()
        self._children.append(int(self._read()))
        return self._children[-1]

    def close(self) -> None:
        for pid in self._children:
            kill(pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def forkserver() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def mlflow_server(home) -> Iterator[TrackingUI]:
    """A real MLflow server on the database of ``home``."""
    with TrackingUI(home.uri, home.root) as server:
        yield server
