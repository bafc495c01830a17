"""What the agent costs when idle, and a thousand jobs on two slots."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from jupyter_cloudml.core.ids import new_job_id
from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.registry import Registry

from .harness import QUIET, median, note, report, scratch, timed
from .kernel import agent_ended, wait_for_warmth

JOBS = 1_000
IDLE_S = 10.0
MIB = 1 << 20


def main() -> None:
    with scratch() as folder:
        listing(folder)
        os.environ.update(QUIET, CLOUDML_HOME=str(folder / "home"))
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        (folder / "home").mkdir(mode=0o700)
        with agent_ended(folder / "home") as home:
            idle(home)
            thousand(home)


def listing(folder: Path) -> None:
    registry = Registry(folder / "registry.db")
    for number in range(10_000):
        registry.insert(JobSpec(id=new_job_id(), source=f"x = {number}"), number)
    whole = median([timed(lambda: registry.list_jobs(limit=10_000)) for _ in range(5)])
    page = median([timed(lambda: registry.list_jobs(limit=100)) for _ in range(5)])
    report(
        "scale: list 10,000 jobs", whole * 1e3, unit="ms", at_most=50.0, newest_100_ms=page * 1e3
    )


def idle(home: DataHome) -> None:
    """After one job and some quiet: the agent alone, then what its zygotes own privately."""
    import jupyter_cloudml as cloudml

    cloudml.submit("x = 1").result(timeout=120)
    wait_for_warmth(home)
    time.sleep(3.0)
    pid = lease_holder(home.agent_lock)
    assert pid
    agent = psutil.Process(pid)
    used = cpu_seconds(agent)
    time.sleep(IDLE_S)
    share = 100 * (cpu_seconds(agent) - used) / IDLE_S
    report("agent: idle memory", agent.memory_info().rss / MIB, unit="MiB", at_most=60.0)
    report("agent: idle CPU", share, unit="% of one core", at_most=0.5)
    for child in sorted(agent.children(recursive=True), key=lambda p: p.pid):
        describe(child)


def describe(child: psutil.Process) -> None:
    name = " ".join(child.cmdline())[-60:] or child.name()
    memory = child.memory_full_info()
    report(
        "agent: child's private memory",
        memory.uss / MIB,
        unit="MiB",
        process=name,
        pss=memory.pss / MIB,
    )


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def thousand(home: DataHome) -> None:
    """All queued before the first ends, each checked by its own result."""
    import jupyter_cloudml as cloudml

    begun = time.perf_counter()
    jobs: list[Any] = [
        cloudml.submit(f"y = {number} * 2", outputs=("y",)) for number in range(JOBS)
    ]
    queued = time.perf_counter() - begun
    note(f"{JOBS} jobs queued in {queued:.1f} s")
    ends: Counter[str] = Counter()
    for job in jobs:
        job.result(timeout=1800)
        ends[str(job.state)] += 1
    took = time.perf_counter() - begun
    rows = Counter(str(row.state) for row in Registry(home.registry_db).list_jobs(limit=2 * JOBS))
    report(
        f"scale: {JOBS:,} jobs on 2 slots",
        took,
        queued_s=queued,
        states=dict(ends),
        in_registry=dict(rows),
        jobs_per_s=JOBS / took,
        ok=ends == Counter(SUCCEEDED=JOBS),
    )


if __name__ == "__main__":
    main()
