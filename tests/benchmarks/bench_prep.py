"""``%%cloudprep`` against single-machine engines used plainly: group-by, join, and standardise + one-hot + split + write.

Every run is a process of its own, engines take turns, the median of `REPEAT` counts; seconds are from the first look at the
data to the end, peak memory is the process's own (pages of mapped files are not counted), looked at twenty
times a second. ``CLOUDML_BENCH_ROWS`` (20,000,000) and ``CLOUDML_BENCH_PREP_DATA`` (a
directory for the data, kept) may be set. Daft runs in an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import peer_environment
from .harness import QUIET, machine, median, note, report, scratch, warm_memory

ROWS = int(os.environ.get("CLOUDML_BENCH_ROWS", "20000000"))
REPEAT = int(os.environ.get("CLOUDML_BENCH_REPEAT", "3"))
PART = 2_000_000
BOUND = 1.1
TASKS = ("group", "join", "write")
OURS = ("cloudprep", "cloudprep-sql")
PEERS = ("polars", "duckdb", "daft")
DAFT = (("daft==0.7.26",),)
FULL_ROWS = 20_000_000
LIMIT_SHARE = 4
"""Peak memory must stay below the data's size in memory divided by this, at full size: an interpreter has its own."""


def main() -> None:
    with _data() as (folder, size):
        for task in TASKS:
            contenders = [name for name in (*OURS, *PEERS) if _takes_part(name, task)]
            seconds: dict[str, list[float]] = {name: [] for name in contenders}
            peaks: dict[str, list[float]] = {name: [] for name in contenders}
            for turn in range(REPEAT):
                shift = turn % len(contenders)
                for name in (*contenders[shift:], *contenders[:shift]):
                    warm_memory(2048)
                    took, peak = _run(name, task, folder)
                    seconds[name].append(took)
                    peaks[name].append(peak)
            _report(task, seconds, peaks, size)


def _report(
    task: str, seconds: dict[str, list[float]], peaks: dict[str, list[float]], size: int
) -> None:
    others = {name: median(took) for name, took in seconds.items() if name not in OURS}
    fastest = min(others, key=others.__getitem__)
    for name in seconds:
        if name in OURS:
            report(
                f"prep: {task}, {name}",
                median(seconds[name]),
                others[fastest],
                at_most=BOUND,
                bound_on="ratio",
                fastest=fastest,
                rows=ROWS,
                peak_mb=max(peaks[name]),
                others={n: round(t, 2) for n, t in others.items()},
                others_peak_mb={n: round(max(peaks[n])) for n in others},
                **machine(),
            )
            report(
                f"prep: peak memory of {task}, {name}",
                max(peaks[name]),
                unit="MB",
                at_most=size / LIMIT_SHARE / 1e6 if ROWS >= FULL_ROWS else None,
                data_mb=round(size / 1e6),
            )


def _takes_part(name: str, task: str) -> bool:
    return not (name == "cloudprep-sql" and task == "write")


def _run(name: str, task: str, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of one run in a fresh process."""
    python = peer_environment.python("daft", DAFT) if name == "daft" else sys.executable
    with scratch() as out:
        argv = [str(python), "-m", "tests.benchmarks.prep_contenders", name, task]
        done = subprocess.run(
            [*argv, str(folder), str(out)],
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed at {task}: {done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
    return float(told["seconds"]), float(told["peak_mb"])


@contextmanager
def _data() -> Iterator[tuple[Path, int]]:
    """The trips and the customers as Parquet, and the size of the trips in memory."""
    kept = os.environ.get("CLOUDML_BENCH_PREP_DATA", "")
    with scratch() as temporary:
        folder = Path(kept) if kept else temporary
        size_file = folder / f"{ROWS}.size"
        if not size_file.exists():
            note(f"making {ROWS:,} rows")
            shutil.rmtree(folder / "trips", ignore_errors=True)
            size_file.write_text(str(_make(folder)))
        yield folder, int(size_file.read_text())


def _make(folder: Path) -> int:
    """In a process of its own: this one forks none, but stays small."""
    code = (
        f"from tests.benchmarks.prep_contenders import make; make({str(folder)!r}, {ROWS}, {PART})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


if __name__ == "__main__":
    main()
