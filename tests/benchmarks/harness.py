"""Timing, medians, and the JSON line that every benchmark prints."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

missed: list[str] = []
"""The benchmarks of this process that missed their bound."""

TORCH_CELL = """
import torch
x = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([x], lr=0.1)
(x * x).sum().backward()
optimizer.step()
print(float(x.detach().sum()))
"""
"""A cell that needs torch and takes one optimizer step: what a bare process pays for in full."""


def report(
    bench: str,
    ours: float,
    peer: float | None = None,
    *,
    unit: str = "s",
    at_most: float | None = None,
    at_least: float | None = None,
    bound_on: str = "ours",
    **more: Any,
) -> dict[str, Any]:
    """Print one JSON line and return it. ``bound_on`` says whether a bound is on ``ours`` or on the ``ratio``."""
    ratio = ours / peer if peer else None
    line: dict[str, Any] = {"bench": bench, "ours": _short(ours), "peer": _short(peer)}
    line |= {"ratio": _short(ratio), "unit": unit}
    value = ratio if bound_on == "ratio" else ours
    for word, bound, is_kept in (
        ("at_most", at_most, lambda: value is not None and value <= at_most),
        ("at_least", at_least, lambda: value is not None and value >= at_least),
    ):
        if bound is not None:
            line |= {word: bound, "bound_on": bound_on, "ok": is_kept()}
    line |= {key: _short(item) if isinstance(item, float) else item for key, item in more.items()}
    print(json.dumps(line), flush=True)
    if not line.get("ok", True):
        missed.append(bench)
    return line


def note(text: str) -> None:
    """Progress, on stderr."""
    print(f"# {text}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def timed(call: Callable[[], Any]) -> float:
    """Seconds that ``call`` takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def machine() -> dict[str, Any]:
    return {"machine": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}


@contextlib.contextmanager
def scratch(near: str = "") -> Iterator[Path]:
    """A directory that is gone afterwards; in memory where ``near`` is ``/dev/shm`` and that exists."""
    base = near if near and Path(near).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="cloudml-bench-", dir=base) as name:
        yield Path(name)


def run_python(code: str, *, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run ``code`` as a script in a fresh interpreter; its stdout. Raises when it fails."""
    script = cwd / "bare.py"
    script.write_text(code)
    return run([sys.executable, str(script)], cwd=cwd, env=env)


def run(argv: Sequence[str], *, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **QUIET, **(env or {})}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def warm_memory(mib: int) -> None:
    """Touch so much free memory. A virtual machine's free memory goes back to its host, and whoever is next to use it waits for
    each page; here that tripled the time of one client and not of the next."""
    with mmap.mmap(-1, mib << 20) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        for place in range(0, mib << 20, mmap.PAGESIZE):
            memory[place] = 1
