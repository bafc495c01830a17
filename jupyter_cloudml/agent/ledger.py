"""The ledger of this machine's GPUs and CPU slots: who holds what, what is free, and why a job must wait.

The truth is a POSIX record lock per slot, held by the worker process itself: a dead worker frees what it held without
anybody's help, and a new agent finds what is taken without a file of its own. In memory are only the places that were
given to jobs whose worker may not have taken its locks yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import BadInput
from ..journal.home import DataHome
from ..journal.lease import lease_holder

CPU, GPU = "cpu", "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What there is: a count of CPU slots, and the name of each GPU as ``CUDA_VISIBLE_DEVICES`` takes it."""

    cpus: int
    gpus: tuple[str, ...] = ()

    @classmethod
    def detect(cls, environ: Mapping[str, str], dev: Path = Path("/dev")) -> Capacity:
        """``CLOUDML_CPUS`` and ``CLOUDML_GPUS`` (a count), else what the machine shows. Loads no driver."""
        cpus = environ.get("CLOUDML_CPUS", "")
        gpus = environ.get("CLOUDML_GPUS", "")
        return cls(
            cpus=int(cpus) if cpus.isdecimal() else len(os.sched_getaffinity(0)),
            gpus=tuple(map(str, range(int(gpus))))
            if gpus.isdecimal()
            else _visible_gpus(environ, dev),
        )


def _visible_gpus(environ: Mapping[str, str], dev: Path) -> tuple[str, ...]:
    """Device nodes, not ``/proc/driver/nvidia``: a container sees all GPUs there, but may open only its own."""
    nodes = [node for node in dev.glob("nvidia[0-9]*") if node.name[6:].isdecimal()]
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return tuple(str(index) for index in range(len(nodes)))
    return tuple(name for name in map(str.strip, named.split(",")) if name and name != "-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """How many slots of each kind a job wants."""

    cpus: int = 1
    gpus: int = 0

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
        self._given: dict[tuple[str, int], str] = {}
        home.slots.mkdir(mode=0o700, exist_ok=True)

    def check(self, needs: Needs) -> None:
        """Refuse what can never be placed.

        Raises:
            BadInput: more than this machine has.
        """
        for kind in (GPU, CPU):
            if needs.of(kind) > self._count(kind):
                there = self._count(kind)
                raise BadInput(
                    f"--{kind}s {needs.of(kind)}: this machine has {there or 'none'}",
                    hint=f"ask for {there}" if there else "name another target with --on",
                )

    def place(self, job_id: str, needs: Needs) -> Placement | None:
        """Slots for the job, kept for it until ``give_back``; None, and nothing kept, when too few are free."""
        chosen: list[tuple[str, int]] = []
        for kind in (GPU, CPU):
            free = [slot for slot in self._slots(kind) if self._holder(slot) is None]
            if len(free) < needs.of(kind):
                return None
            chosen += free[: needs.of(kind)]
        self._given.update(dict.fromkeys(chosen, job_id))
        return Placement(
            locks=tuple(self._home.slot_lock(*slot) for slot in chosen),
            environ=self._cuda([index for kind, index in chosen if kind == GPU]),
        )

    def give_back(self, job_id: str) -> None:
        """Forget what was given to the job; its locks, if a process still holds them, count on. Safe to repeat."""
        self._given = {slot: job for slot, job in self._given.items() if job != job_id}

    def lacking(self, needs: Needs) -> frozenset[str]:
        """The kinds of which too few are free for ``needs``."""
        return frozenset(
            k for k in (GPU, CPU) if len(self._holders(k)) + needs.of(k) > self._count(k)
        )

    def reason(self, kind: str) -> str:
        """Why somebody waits for ``kind``: ``gpu 0 held by job 7f3a12bc90de``."""
        holders = self._holders(kind)
        if kind == GPU:
            return "; ".join(f"gpu {index} held by {who}" for index, who in sorted(holders.items()))
        jobs = sorted(set(holders.values()))
        shown = ", ".join(jobs[:3]) + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")
        return (
            f"all {self._count(kind)} cpu slots held by {shown}" if jobs else "no cpu slot is free"
        )

    def _cuda(self, indices: list[int]) -> dict[str, str]:
        """Nothing for a job that asked for no GPU: it sees what the notebook sees."""
        if not indices:
            return {}
        names = ",".join(self.capacity.gpus[index] for index in sorted(indices))
        return {"CUDA_VISIBLE_DEVICES": names, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def _count(self, kind: str) -> int:
        return len(self.capacity.gpus) if kind == GPU else self.capacity.cpus

    def _slots(self, kind: str) -> list[tuple[str, int]]:
        return [(kind, index) for index in range(self._count(kind))]

    def _holders(self, kind: str) -> dict[int, str]:
        found = {slot[1]: self._holder(slot) for slot in self._slots(kind)}
        return {index: who for index, who in found.items() if who is not None}

    def _holder(self, slot: tuple[str, int]) -> str | None:
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
