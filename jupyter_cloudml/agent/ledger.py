"""The ledger of this machine's GPUs and CPU slots: who holds what, what is free, and why a job must wait.

The truth is a POSIX record lock per slot, held by the worker process itself: a dead worker frees what it held without
anybody's help, and a new agent finds what is taken without a file of its own. In memory are only the places that were
given to jobs whose worker may not have taken its locks yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from ..core.errors import BadInput
from ..journal.home import DataHome
from ..journal.lease import lease_holder

CPU, GPU = "cpu", "gpu"
_Slot = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What there is: a count of CPU slots, and the name of each GPU as ``CUDA_VISIBLE_DEVICES`` takes it."""

    cpus: int
    gpus: tuple[str, ...] = ()

    @classmethod
    def detect(cls, environ: Mapping[str, str], dev: Path = Path("/dev")) -> Capacity:
        """``CLOUDML_CPUS`` and ``CLOUDML_GPUS`` (a count), else what the machine shows. Loads no driver.

        ``CUDA_VISIBLE_DEVICES`` does not count: it is a notebook's own restriction, and this is everybody's (``seen_by``).
        """
        cpus = environ.get("CLOUDML_CPUS", "")
        gpus = environ.get("CLOUDML_GPUS", "")
        return cls(
            cpus=int(cpus) if cpus.isdecimal() else len(os.sched_getaffinity(0)),
            gpus=tuple(map(str, range(int(gpus) if gpus.isdecimal() else _count_of_devices(dev)))),
        )

    def seen_by(self, environ: Mapping[str, str]) -> Capacity:
        """What a process with that environment may use: the GPUs that its ``CUDA_VISIBLE_DEVICES`` names."""
        allowed = visible_gpus(environ)
        return self if allowed is None else replace(self, gpus=self.allowed(allowed))

    def allowed(self, names: Iterable[str]) -> tuple[str, ...]:
        """``names`` without the indices that this machine has not; of UUIDs (MIG, too) CUDA alone knows."""
        return tuple(name for name in names if name in self.gpus or not name.isdecimal())


def visible_gpus(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` names (up to the first that is none, as CUDA does); None: it is not set."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    names = takewhile(lambda name: name and name != "-1", map(str.strip, named.split(",")))
    return tuple(dict.fromkeys(names))


def _count_of_devices(dev: Path) -> int:
    """Device nodes, not ``/proc/driver/nvidia``: a container sees all GPUs there, but may open only its own."""
    return sum(node.name[6:].isdecimal() for node in dev.glob("nvidia[0-9]*"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """How many slots of each kind a job wants. ``only_gpus``: among which GPUs, where its notebook was restricted to some."""

    cpus: int = 1
    gpus: int = 0
    only_gpus: tuple[str, ...] | None = None

    def of(self, kind: str) -> int:
        return self.gpus if kind == GPU else self.cpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The slots that a job may take: lock files, and what makes CUDA see only its GPUs."""

    locks: tuple[Path, ...]
    environ: dict[str, str]


class Ledger:
    """Places jobs on slots. Not thread-safe; ``owner_of`` names the job of a worker's pid where the agent knows it."""

    def __init__(
        self, home: DataHome, capacity: Capacity, owner_of: Callable[[int], str] = lambda _: ""
    ) -> None:
        self.capacity = capacity
        self._home = home
        self._owner_of = owner_of
        self._given: dict[_Slot, str] = {}
        home.slots.mkdir(mode=0o700, exist_ok=True)

    def check(self, needs: Needs) -> None:
        """Refuse what can never be placed.

        Raises:
            BadInput: more than this machine has.
        """
        for kind in (GPU, CPU):
            there = len(self._slots(kind, needs))
            if needs.of(kind) > there:
                raise BadInput(
                    f"--{kind}s {needs.of(kind)}: this machine has {there or 'none'}",
                    hint=f"ask for {there}" if there else "name another target with --on",
                )

    def place(self, job_id: str, needs: Needs) -> Placement | None:
        """Slots for the job, kept for it until ``give_back``; None, and nothing kept, when too few are free."""
        chosen: list[_Slot] = []
        for kind in (GPU, CPU):
            free = [slot for slot in self._slots(kind, needs) if self._holder(slot) is None]
            if len(free) < needs.of(kind):
                return None
            chosen += free[: needs.of(kind)]
        self._given.update(dict.fromkeys(chosen, job_id))
        return Placement(
            locks=tuple(self._home.slot_lock(*slot) for slot in chosen),
            environ=_cuda([name for kind, name in chosen if kind == GPU], needs),
        )

    def give_back(self, job_id: str) -> None:
        """Forget what was given to the job; its locks, if a process still holds them, count on. Safe to repeat."""
        self._given = {slot: job for slot, job in self._given.items() if job != job_id}

    def lacking(self, needs: Needs) -> frozenset[str]:
        """The kinds of which too few are free for ``needs``."""
        return frozenset(
            k
            for k in (GPU, CPU)
            if len(self._holders(k, needs)) + needs.of(k) > len(self._slots(k, needs))
        )

    def reason(self, kind: str, needs: Needs = Needs()) -> str:
        """Why somebody waits for ``kind``: ``gpu 0 held by job 7f3a12bc90de``."""
        holders = self._holders(kind, needs)
        if kind == GPU:
            return "; ".join(f"gpu {index} held by {who}" for index, who in sorted(holders.items()))
        jobs = sorted(set(holders.values()))
        shown = ", ".join(jobs[:3]) + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")
        return (
            f"all {self.capacity.cpus} cpu slots held by {shown}" if jobs else "no cpu slot is free"
        )

    def _slots(self, kind: str, needs: Needs) -> list[_Slot]:
        """The slots that would do. A GPU is known by the name that CUDA takes; two names of one GPU are two slots."""
        if kind == CPU:
            return [(CPU, str(index)) for index in range(self.capacity.cpus)]
        only = needs.only_gpus
        names = self.capacity.gpus if only is None else self.capacity.allowed(only)
        return [(GPU, name) for name in names]

    def _holders(self, kind: str, needs: Needs) -> dict[str, str]:
        found = {slot[1]: self._holder(slot) for slot in self._slots(kind, needs)}
        return {name: who for name, who in found.items() if who is not None}

    def _holder(self, slot: _Slot) -> str | None:
        """Who has the slot, in words; None when it is free."""
        job = self._given.get(slot)
        if job is None:
            pid = lease_holder(self._home.slot_lock(*slot))
            if pid is None:
                return None
            job = self._owner_of(pid)
            if not job:
                return f"process {pid}"
        return f"job {job}"


def _cuda(names: list[str], needs: Needs) -> dict[str, str]:
    """What makes CUDA see these GPUs only. Nothing for a job that asked for none: it sees what the notebook sees.

    Indices count by PCI bus, as device nodes do; those that a notebook was restricted to mean what they meant there.
    """
    if not names:
        return {}
    seen = {"CUDA_VISIBLE_DEVICES": ",".join(names)}
    return seen if needs.only_gpus is not None else {**seen, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
