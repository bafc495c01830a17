"""A sign of life every second, with what the job uses: CPU, memory, GPUs."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core import events
from ..core.errors import Unavailable
from ..journal.writer import JournalWriter

INTERVAL_S = 1.0
_NVIDIA = Path("/dev/nvidiactl")
_STATM = Path("/proc/self/statm")


@contextmanager
def sampled(writer: JournalWriter, *, interval_s: float = INTERVAL_S) -> Iterator[None]:
    """Journal a sample every second while it is open, and one at its end. Never disturbs the cell by an error."""
    stop = threading.Event()
    meter = _Meter()
    thread = threading.Thread(
        target=_run, args=(writer, meter, stop, interval_s), name="cloudml-sampler", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _append(writer, meter.sample())


def _run(writer: JournalWriter, meter: _Meter, stop: threading.Event, interval_s: float) -> None:
    while not stop.wait(interval_s):
        _append(writer, meter.sample(with_gpus=True))


def _append(writer: JournalWriter, sample: dict[str, Any]) -> None:
    try:
        writer.append(events.RESOURCE if sample else events.BEAT, **sample)
    except Unavailable:
        return  # the disk is full: the cell's own writes will say so


class _Meter:
    """Measures this process: CPU since the last sample, memory now, GPUs where NVIDIA's library answers."""

    def __init__(self) -> None:
        self._at, self._cpu = time.monotonic(), _cpu_seconds()
        self._gpus: list[Any] | None = None
        self._nvml: Any = None

    def sample(self, *, with_gpus: bool = False) -> dict[str, Any]:
        now, cpu = time.monotonic(), _cpu_seconds()
        elapsed = max(now - self._at, 1e-6)
        percent = round(100 * (cpu - self._cpu) / elapsed, 1)
        self._at, self._cpu = now, cpu
        return {"cpu": percent, "rss": _rss(), "gpus": self._gpu_samples() if with_gpus else []}

    def _gpu_samples(self) -> list[dict[str, Any]]:
        if self._gpus is None:
            self._gpus = self._find_gpus()
        found = []
        for index, handle in enumerate(self._gpus):
            try:
                found.append(self._gpu_sample(index, handle))
            except self._nvml.NVMLError:
                continue
        return found

    def _find_gpus(self) -> list[Any]:
        if not _NVIDIA.exists():
            return []
        try:
            import pynvml
        except ImportError:
            return []
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            return [_handle(pynvml, wanted) for wanted in _visible_gpus(pynvml)]
        except pynvml.NVMLError:
            return []

    def _gpu_sample(self, index: int, handle: Any) -> dict[str, Any]:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        sample = {
            "i": index,
            "util": int(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            "mem": int(memory.used),
            "mem_total": int(memory.total),
        }
        try:
            sample["watts"] = round(self._nvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1)
        except self._nvml.NVMLError:
            sample["watts"] = 0.0
        return sample


def _visible_gpus(nvml: Any) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` leaves to this job; all GPUs where it is not set."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return [str(index) for index in range(nvml.nvmlDeviceGetCount())]
    return [item.strip() for item in wanted.split(",") if item.strip() and item.strip() != "-1"]


def _handle(nvml: Any, wanted: str) -> Any:
    if wanted.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(wanted))
    return nvml.nvmlDeviceGetHandleByUUID(wanted)


def _cpu_seconds() -> float:
    """CPU time of this process and of its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _rss() -> int:
    """Resident memory in bytes."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
