"""Prints as JSON: how long after a nudge ``run.json`` is there, and metrics a second forwarded against MLflow's own.

Run it with ``python -m tests.tracking.bench_tracking``.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import tempfile
import time
from pathlib import Path

from jupyter_cloudml.core.spec import Origin
from jupyter_cloudml.journal.registry import Registry
from jupyter_cloudml.tracking.forwarder import Forwarder
from jupyter_cloudml.tracking.store import TrackingStore

from .conftest import ForkServer, Home, drain

LAUNCHES = 30
POINTS = 20_000
BATCH = 1000


def make_home(folder: Path) -> Home:
    folder.mkdir(mode=0o700)
    uri = f"sqlite:///{folder}/mlflow.db"
    TrackingStore(uri, folder / "mlartifacts").close()
    return Home(folder, Registry(folder / "registry.db"), uri)


def launch_ms(home: Home, server: ForkServer, busy: bool) -> list[float]:
    """From the nudge to the moment that ``run.json`` can be read; ``busy``: while other jobs log."""
    pid = server.start(home.root)
    fd = os.open(home.root / "nudges", os.O_RDWR)
    first = home.job(origin=Origin())
    os.write(fd, f"job {first.id}\n".encode())
    while not first.paths.run.exists():
        select.select([], [], [], 0.001)
    noisy = home.job(origin=Origin()).start()
    found = []
    for i in range(LAUNCHES):
        job = home.job(origin=Origin())
        if busy:
            noisy.metrics(i * 200, (i + 1) * 200)
        select.select([], [], [], 0.15)
        start = time.perf_counter()
        os.write(fd, f"job {job.id}\n".encode())
        while not job.paths.run.exists():
            select.select([], [], [], 0.0002)
        found.append(1e3 * (time.perf_counter() - start))
    cpu, rss = usage(pid)
    select.select([], [], [], 10)
    print(json.dumps({"cpu_s_in_10_s_with_open_jobs": usage(pid)[0] - cpu, "rss_mb": rss}))
    os.close(fd)
    return found


def usage(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    cpu_s = (int(fields[11]) + int(fields[12])) / ticks
    return cpu_s, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def forwarded_per_s(home: Home) -> float:
    job = home.job(origin=Origin()).start()
    forwarder = Forwarder(home.root)
    drain(forwarder)
    job.metrics(0, POINTS)
    start = time.perf_counter()
    drain(forwarder)
    return POINTS / (time.perf_counter() - start)


def direct_per_s(home: Home) -> float:
    from mlflow.entities import Metric

    client = TrackingStore(home.uri).client
    run_id = client.create_run("0").info.run_id
    start = time.perf_counter()
    for first in range(0, POINTS, BATCH):
        points = [Metric("loss", i * 0.5, 1_000_000 + i, i) for i in range(first, first + BATCH)]
        client.log_batch(run_id, metrics=points)
    return POINTS / (time.perf_counter() - start)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder) / "a")
        direct, forwarded = direct_per_s(home), forwarded_per_s(home)
        server = ForkServer()
        try:
            quiet = launch_ms(make_home(Path(folder) / "b"), server, busy=False)
            busy = launch_ms(make_home(Path(folder) / "c"), server, busy=True)
        finally:
            server.close()
    report = {
        "metrics_per_s": {"mlflow_log_batch": round(direct), "forwarded": round(forwarded)},
        "forwarded_ratio": round(forwarded / direct, 2),
    }
    for name, times in (("quiet", quiet), ("busy", busy)):
        report[f"run_json_ms_{name}"] = {
            "median": round(statistics.median(times), 1),
            "p90": round(sorted(times)[int(0.9 * len(times))], 1),
            "max": round(max(times), 1),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
