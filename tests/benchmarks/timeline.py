"""``python -m tests.benchmarks.timeline``: where the milliseconds of a warm launch go, by the traces that a job leaves."""

from __future__ import annotations

from typing import Any

from jupyter_cloudml.journal.atomic import read_json
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.paths import JobPaths
from jupyter_cloudml.journal.reader import read_events

from .harness import median, report, scratch
from .kernel import Kernel, Reply, agent_ended, wait_for_warmth

RUNS = 15
CELL = "%%cloudtrain --on local\nimport time; first_ns = time.time_ns()\n"


def main() -> None:
    rows = []
    with (
        scratch() as folder,
        agent_ended(folder / "home") as home,
        Kernel(folder / "home", cwd=folder) as kernel,
    ):
        kernel.execute("%load_ext jupyter_cloudml")
        for _ in range(RUNS + 2):
            wait_for_warmth(home)
            rows.append(one(kernel, home))
    for step in sorted(rows[-1], key=rows[-1].__getitem__):
        values = [row[step] for row in rows[2:] if step in row]
        report(f"timeline: {step}", median(values), unit="ms", least=min(values))


def one(kernel: Kernel, home: DataHome) -> dict[str, float]:
    """Milliseconds from sending the cell to each trace."""
    before = _jobs(home)
    reply = kernel.execute(CELL)
    (job,) = _jobs(home) - before
    moments = traces(home.job(job))
    moments["the cell's first line"] = int(kernel.execute("print(first_ns)").text) / 1e9
    moments["kernel idle"] = reply.idle_ns / 1e9
    return {step: _since(reply, moment) for step, moment in moments.items()}


def traces(paths: JobPaths) -> dict[str, float]:
    """Unix seconds at which a job's files say that something was done."""
    starts: list[dict[str, Any]] = read_events(paths.control / "start.jsonl")[0]
    moments = {
        "spec made": (read_json(paths.spec) or {})["created_at"],
        "bundle written": paths.bundle_manifest.stat().st_mtime,
        "spec written": paths.spec.stat().st_mtime,
        "worker held": starts[0]["t"],
        "worker released": starts[-1]["t"],
    }
    for event in read_events(paths.journal())[0]:
        moments.setdefault(f"journal: {event['k']} {event.get('state', '')}".rstrip(), event["t"])
    return moments


def _jobs(home: DataHome) -> set[str]:
    return {path.name for path in home.jobs.iterdir()} if home.jobs.exists() else set()


def _since(reply: Reply, moment: float) -> float:
    return (moment - reply.sent_ns / 1e9) * 1e3


if __name__ == "__main__":
    main()
