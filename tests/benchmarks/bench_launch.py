"""From execute to the cell's first line, to results bound, to a durable MLflow run; and what others take.

Ours is measured from outside a real kernel. Peers run the same cell: it imports torch and takes one optimizer step.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .harness import QUIET, TORCH_CELL, median, note, report, run, run_python, scratch, timed
from .kernel import Kernel, agent_ended, first_line_ms, wait_for_warmth

WARM_RUNS = 30
COLD_RUNS = 3
PEER_RUNS = 3
FIRST = "import time; first_ns = time.time_ns()\n"
HEAD = "%%cloudtrain --on local\n" + FIRST


def main() -> None:
    with scratch() as folder:
        bare = peers(folder)
        cold(folder, bare)
        warm(folder, bare)


def peers(folder: Path) -> float:
    """Every peer that is installed; the bare process is the one that the others are measured against."""
    bare = median_of(lambda: run_python(TORCH_CELL, cwd=folder))
    ways: dict[str, Callable[[], object]] = {
        "papermill API": lambda: papermill(folder),
        "mlflow run": lambda: mlflow_run(folder),
    }
    if importlib.util.find_spec("ray"):
        ways["Ray Jobs SDK"] = lambda: ray_job(folder)
    report("launch peer: bare python with torch", bare, runs=PEER_RUNS)
    for name, way in ways.items():
        note(name)
        report(f"launch peer: {name}", median_of(way), bare, runs=PEER_RUNS)
    return bare


def median_of(call: Callable[[], object]) -> float:
    return median([timed(call) for _ in range(PEER_RUNS)])


def cold(folder: Path, bare: float) -> None:
    """The first job ever: new data directory, no agent, no zygote; extension and cell right after each other."""
    loads, jobs = [], []
    for number in range(COLD_RUNS):
        home = folder / f"cold{number}"
        with agent_ended(home), Kernel(home, cwd=folder) as kernel:
            kernel.execute("1")
            loads.append(kernel.execute("%load_ext jupyter_cloudml").idle_ms)
            jobs.append(kernel.execute("%%cloudtrain --on local\n" + TORCH_CELL).idle_ms / 1e3)
    report("launch: %load_ext", median(loads), unit="ms", at_most=150.0, runs=COLD_RUNS)
    report("launch: first job ever", median(jobs), bare, at_most=1.2, bound_on="ratio")


def warm(folder: Path, bare: float) -> None:
    home = folder / "warm"
    with agent_ended(home) as data, Kernel(home, cwd=folder) as kernel:
        kernel.execute("%load_ext jupyter_cloudml")
        wait_for_warmth(data)
        for _ in range(3):
            kernel.execute(HEAD)
        firsts, bound = [], []
        for _ in range(WARM_RUNS):
            wait_for_warmth(data)
            reply = kernel.execute(HEAD)
            bound.append(reply.idle_ms)
            firsts.append(first_line_ms(kernel, reply))
        report("launch: warm, first line", median(firsts), unit="ms", at_most=20.0, **worst(firsts))
        report(
            "launch: warm, results bound", median(bound), unit="ms", at_most=60.0, **worst(bound)
        )
        torch_runs = []
        for _ in range(10):
            wait_for_warmth(data)
            torch_runs.append(
                kernel.execute("%%cloudtrain --on local\n" + TORCH_CELL).idle_ms / 1e3
            )
        report("launch: warm, the torch cell", median(torch_runs), bare)
        durable(kernel, data.mlflow_db, lambda: wait_for_warmth(data))


def durable(kernel: Kernel, database: Path, prepare: Callable[[], object]) -> None:
    """When the job's run is in SQLite, and when it is there as finished, seen by another connection."""
    made, finished = [], []
    for _ in range(10):
        prepare()
        watch = RunWatch(database)
        reply = kernel.execute(HEAD)
        watch.join()
        made.append((watch.made_ns - reply.sent_ns) / 1e6)
        finished.append((watch.finished_ns - reply.sent_ns) / 1e6)
    report("launch: warm, MLflow run in SQLite", median(made), unit="ms", at_most=60.0)
    report("launch: warm, MLflow run finished in SQLite", median(finished), unit="ms")


class RunWatch(threading.Thread):
    """Looks into MLflow's database every 2 ms until one more run is there, and ended."""

    def __init__(self, database: Path) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._runs, self._ended = self._count()
        self.made_ns = self.finished_ns = 0
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while not self.finished_ns and time.monotonic() < deadline:
            runs, ended = self._count()
            now = time.time_ns()
            if runs > self._runs and not self.made_ns:
                self.made_ns = now
            if ended > self._ended and self.made_ns:
                self.finished_ns = now
            time.sleep(0.002)

    def _count(self) -> tuple[int, int]:
        uri = f"file:{self._database}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
            return connection.execute(
                "select count(*), count(case when status = 'FINISHED' then 1 end) from runs"
            ).fetchone()


def worst(values: list[float]) -> dict[str, object]:
    return {"p90": sorted(values)[int(len(values) * 0.9)], "max": max(values), "runs": len(values)}


def papermill(folder: Path) -> None:
    """In a process that has imported papermill already: its best case."""
    import nbformat
    import papermill

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TORCH_CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    papermill.execute_notebook(
        str(folder / "in.ipynb"), str(folder / "out.ipynb"), progress_bar=False, cwd=str(folder)
    )


def mlflow_run(folder: Path) -> None:
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "cell.py").write_text(TORCH_CELL)
    command = f"name: cell\nentry_points:\n  main:\n    command: '{sys.executable} cell.py'\n"
    (project / "MLproject").write_text(command)
    uri = f"sqlite:///{folder}/peer.db"
    argv = [sys.executable, "-m", "mlflow", "run", str(project), "--env-manager", "local"]
    run(argv, cwd=folder, env={**QUIET, "MLFLOW_TRACKING_URI": uri})


def ray_job(folder: Path) -> None:
    """Against a running cluster, whose address is in ``RAY_ADDRESS``."""
    from ray.job_submission import JobStatus, JobSubmissionClient

    script = folder / "ray_cell.py"
    script.write_text(TORCH_CELL)
    client = JobSubmissionClient()
    job = client.submit_job(entrypoint=f"{sys.executable} {script}")
    while client.get_job_status(job) not in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
