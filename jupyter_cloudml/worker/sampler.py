"""A sign of life every second, with what the job uses: CPU, memory, GPUs."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from ..core import events
from ..core.errors import Unavailable
from ..journal.writer import JournalWriter

INTERVAL_S = 1.0
_NVIDIA = Path("/dev/nvidiactl")
_STATM = Path("/proc/self/statm")


class Sampler:
    """Journals samples of this process. An error of the disk is left to the cell's own writes."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._meter = _Meter()

    def sample(self) -> None:
        """One sample with the GPUs; the first one looks for them."""
        self._append(self._meter.sample(with_gpus=True))

    def last(self) -> None:
        """One quick sample at the end, so that a short job has one, too."""
        self._append(self._meter.sample())

    def _append(self, sample: dict[str, Any]) -> None:
        with contextlib.suppress(Unavailable):
            self._writer.append(events.RESOURCE, **sample)


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
        return {"cpu": percent, "rss": _rss(), "gpus": self._gpu_samples(with_gpus)}

    def _gpu_samples(self, may_search: bool) -> list[dict[str, Any]]:
        if self._gpus is None:
            if not may_search:
                return []
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
        sample: dict[str, Any] = {
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
