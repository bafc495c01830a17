"""The registry with 10,000 jobs: listing all of them, listing a page, one job, one move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.job_filter import JobFilter
from jupyter_cloudml.journal.registry import Registry

from .harness import machine, median, note, report, scratch, timed

JOBS = 10_000
REPEAT = 15


def main() -> None:
    with scratch() as folder:
        registry = Registry(folder / "registry.db")
        note(f"registry: inserting {JOBS} jobs")
        took = timed(lambda: [_insert(registry, number) for number in range(JOBS)])
        report("registry: insert and move a job", 1e6 * took / JOBS, unit="us", **machine())
        _measure("registry: list of 10,000 jobs", lambda: registry.list_jobs(limit=JOBS), 50.0)
        _measure("registry: first page of 100", lambda: registry.list_jobs(), 5.0)
        _measure(
            "registry: search text in 10,000",
            lambda: registry.list_jobs(JobFilter(text="9999")),
            50.0,
        )
        _measure("registry: active of 10,000", registry.active, 50.0)
        _measure("registry: get by prefix", lambda: registry.get(f"{77:012x}"), 1.0)
        registry.close()


def _insert(registry: Registry, number: int) -> None:
    spec = JobSpec(
        id=f"{number:012x}",
        source="model.train()\nfor epoch in range(3): ...",
        name=f"job {number}",
    )
    registry.insert(spec, 1.7e9 + number)
    registry.move(spec.id, JobState.SUCCEEDED if number % 10 else JobState.RUNNING, now=1.7e9)


def _measure(bench: str, call: Callable[[], Any], at_most_ms: float) -> None:
    times = [1e3 * timed(call) for _ in range(REPEAT)]
    report(bench, median(times), unit="ms", at_most=at_most_ms, best=min(times))


if __name__ == "__main__":
    main()
