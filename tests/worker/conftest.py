"""Job folders as a client makes them, run by real worker processes, and brought home with the real wire."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.journal.outputs import outputs
from jupyter_cloudml.journal.paths import JobPaths
from jupyter_cloudml.journal.reader import read_events
from jupyter_cloudml.wire import Applied, BlobStore, Encoded, apply_delta, encode

PATIENCE_S = 60


@dataclass
class Job:
    paths: JobPaths
    namespace: dict[str, Any]
    encoded: Encoded
    exit_code: int | None = None
    applied: Applied | None = None
    log: str = field(default="", repr=False)

    @property
    def events(self) -> list[dict[str, Any]]:
        return read_events(self.paths.journal())[0]

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["k"] == kind]

    @property
    def state(self) -> str:
        return self.kinds("state")[-1]["state"]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return outputs(self.events)

    def text(self, name: str = "stdout") -> str:
        shown = [o for o in self.outputs if o["output_type"] == "stream" and o["name"] == name]
        return "".join(output["text"] for output in shown)

    @property
    def error(self) -> dict[str, Any]:
        return next(o for o in self.outputs if o["output_type"] == "error")

    def come_home(self) -> Applied:
        manifest = json.loads(self.paths.result_manifest.read_text())
        blobs = BlobStore(self.paths.result_blobs)
        self.applied = apply_delta(manifest, self.encoded, self.namespace, blobs)
        return self.applied


class Forker:
    """The warm process; one job at a time."""

    def __init__(self, *imported: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forker.py")), *imported],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        )
        assert self.line() == "ready"

    def start(self, paths: JobPaths, *, rank: int = 0, secrets: Any = None, env: Any = None) -> int:
        request = {
            "folder": str(paths.root),
            "rank": rank,
            "secrets": secrets or {},
            "env": env or {},
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self.line())

    def line(self) -> str:
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert ready, "the worker does not answer"
        return self._process.stdout.readline().strip()

    def exit_code(self) -> int:
        return int(self.line())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    process = Forker()
    yield process
    process.close()


def make_job(
    root: Path,
    source: str,
    values: dict[str, Any] | None = None,
    *,
    ambient: dict[str, Any] | None = None,
    portable: bool = False,
    namespace: dict[str, Any] | None = None,
    **fields: Any,
) -> Job:
    """A job folder as the client makes it; ``values`` are captured from a namespace that holds them."""
    paths = JobPaths(root).create()
    namespace = namespace if namespace is not None else {"__name__": "__main__"}
    namespace.update(values or {})
    encoded = encode(
        dict(values or {}),
        namespace=namespace,
        blobs=BlobStore(paths.bundle_blobs),
        portable=portable,
    )
    paths.bundle_manifest.write_text(json.dumps(encoded.manifest))
    if ambient is not None:
        paths.ambient.write_text(json.dumps(ambient))
    fields.setdefault("execution_count", 7)
    spec = JobSpec(id=root.name, source=source, **fields)
    paths.spec.write_text(json.dumps(spec.to_json()))
    return Job(paths, namespace, encoded)


@pytest.fixture
def start(forker: Forker, tmp_path: Path) -> Callable[..., tuple[Job, int]]:
    """Start a cell in a real worker; the answer is the job and the worker's pid."""

    def begin(source: str, values: Any = None, **options: Any) -> tuple[Job, int]:
        launch = {key: options.pop(key) for key in ("rank", "secrets", "env") if key in options}
        before = options.pop("before", lambda job: None)
        root = tmp_path / options.pop("id", "0123456789ab")
        job = make_job(root, source, values, **options)
        before(job)
        pid = forker.start(job.paths, **launch)
        return job, pid

    return begin


@pytest.fixture
def run(start: Callable[..., tuple[Job, int]], forker: Forker) -> Callable[..., Job]:
    """Run a cell in a real worker to its end, and bring its result home."""

    def whole(source: str, values: Any = None, **options: Any) -> Job:
        job, pid = start(source, values, **options)
        try:
            job.exit_code = forker.exit_code()
        except AssertionError:
            os.kill(pid, signal.SIGKILL)
            forker.exit_code()
            raise
        log = job.paths.worker_log
        job.log = log.read_text() if log.exists() else ""
        if job.paths.result_manifest.exists():
            job.come_home()
        return job

    return whole
