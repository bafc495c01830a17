"""Real agents in data directories of their own; whatever a test starts is gone when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.agent import nudge as agent_nudge
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.ids import new_job_id
from jupyter_cloudml.core.resources import Resources
from jupyter_cloudml.core.spec import JobSpec, Origin
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import write_json
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.paths import JobPaths
from jupyter_cloudml.journal.reader import read_events
from jupyter_cloudml.journal.registry import Registry
from jupyter_cloudml.journal.rows import JobRow
from jupyter_cloudml.targets.local.starts import all_starts
from jupyter_cloudml.wire import BlobStore, encode

LIMIT_S = 30.0


def wait_until(condition: Callable[[], Any], what: str = "it") -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {LIMIT_S} s for {what}"
        time.sleep(0.01)
    return value


class Place:
    """One data directory, its registry, and the agents that a test starts in it."""

    def __init__(self, home: DataHome) -> None:
        self.home = home
        self.registry = Registry(home.registry_db)

    def queue(self, source: str, **options: Any) -> str:
        """Write a job's folder and row, as a surface does, without a nudge."""
        environ = {**os.environ, **options.pop("environ", {})}
        gpus, cpus = options.pop("gpus", 0), options.pop("cpus", 1)
        spec = JobSpec(
            id=new_job_id(),
            source=source,
            resources=Resources(gpus=gpus, cpus=cpus, memory_mib=options.pop("memory_mib", 0)),
            origin=Origin(python=options.pop("python", sys.executable), cwd="/"),
            **options,
        )
        paths = self.home.job(spec.id).create()
        encoded = encode({}, namespace={}, blobs=BlobStore(paths.bundle_blobs))
        write_json(paths.bundle_manifest, encoded.manifest)
        write_json(paths.ambient, {"environ": environ, "cwd": "/"})
        write_json(paths.spec, spec.to_json())
        self.registry.insert(spec, time.time())
        return spec.id

    def submit(self, source: str, **options: Any) -> str:
        job_id = self.queue(source, **options)
        self.nudge(job=job_id)
        return job_id

    def nudge(self, op: str = "nudge", **fields: Any) -> Any:
        return agent_nudge.nudge(self.home, op, **fields)

    def cancel(self, job_id: str) -> None:
        self.paths(job_id).cancel.touch()
        self.registry.request(job_id, "cancel")
        self.nudge(job=job_id)

    def paths(self, job_id: str) -> JobPaths:
        return self.home.job(job_id)

    def row(self, job_id: str) -> JobRow:
        return self.registry.get(job_id)

    def ended(self, job_id: str) -> JobRow:
        wait_until(lambda: self.row(job_id).state.is_final, f"the end of {job_id}")
        return self.row(job_id)

    def running(self, job_id: str) -> int:
        """The pid of the job's worker, once it runs."""
        wait_until(lambda: self.row(job_id).state is JobState.RUNNING, f"{job_id} to run")
        return self.worker_pid(job_id)

    def worker_pid(self, job_id: str) -> int:
        return all_starts(self.paths(job_id))[-1].ref.pid

    def events(self, job_id: str) -> list[dict[str, Any]]:
        return read_events(self.paths(job_id).journal())[0]

    def states(self, job_id: str) -> list[str]:
        return [event["state"] for event in self.events(job_id) if event["k"] == "state"]

    def agent_pid(self) -> int:
        return int(self.nudge("ping")["pid"])

    def spares_ready(self) -> list[int]:
        """Warm this environment and wait for both of its spares."""
        agent_nudge.warm(self.home)

        def pids() -> list[int]:
            found = self.nudge("status")["zygotes"]
            return max((zygote["spares"] for zygote in found), key=len, default=[])

        return wait_until(lambda: len(pids()) >= 2 and pids(), "two spares")

    def kill_agent(self) -> None:
        pid = self.agent_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: lease_holder(self.home.agent_lock) is None, "the agent's death")

    def close(self) -> None:
        for row in self.registry.active():
            for start in all_starts(self.paths(row.id)):
                kill_group(start.ref.pid)
        with contextlib.suppress(Unavailable):
            agent_nudge.nudge(self.home, "stop")
        wait_until(lambda: lease_holder(self.home.agent_lock) is None, "the agent's end")
        for row in self.registry.active():
            for start in all_starts(self.paths(row.id)):
                kill_group(start.ref.pid)
        self.registry.close()


def kill_group(pid: int) -> None:
    if Path(f"/proc/{pid}").exists() and os.getpgid(pid) == pid:
        os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A data directory; agents started in it make light zygotes, have two slots, and forward nothing to MLflow."""
    for name, value in {
        "CLOUDML_PRELOAD": "light",
        "CLOUDML_FORWARDER": "0",
        "CLOUDML_CPUS": "2",
        "CLOUDML_GPUS": "0",
        "CLOUDML_GRACE_S": "1",
        "CLOUDML_SPARES": "2",
    }.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    made = Place(DataHome(root))
    yield made
    made.close()
