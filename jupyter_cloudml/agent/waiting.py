"""The queue of this machine: who may start now, and what the others are told. First come, first served, per resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..journal.rows import JobRow
from .environment import Environment
from .ledger import CPU, GPU, Ledger, Needs

MAX_TOLD = 50


@dataclass(slots=True, eq=False)
class Waiting:
    """A job that waits for its turn. ``reason`` is what the registry says of it now."""

    job_id: str
    target: str
    attempt: int
    needs: Needs
    reason: str = ""
    environment: Environment | None = None
    not_before: float = 0.0
    waits_for_spare_since: float = 0.0

    @classmethod
    def of(cls, row: JobRow, only_gpus: tuple[str, ...] | None = None) -> Waiting:
        """``only_gpus``: those that the notebook may use, where it was restricted."""
        wanted = row.resources
        return cls(
            job_id=row.id,
            target=row.target,
            attempt=row.attempt,
            needs=Needs(cpus=max(1, wanted.cpus), gpus=wanted.gpus, only_gpus=only_gpus),
            reason=row.reason,
        )

    @property
    def is_local(self) -> bool:
        """Whether it waits for slots of this machine; all others queue at their target."""
        return self.target.partition(":")[0] == "local"


def startable(queue: Iterable[Waiting], ledger: Ledger) -> Iterator[Waiting]:
    """The jobs whose slots are free, in their order. The caller places each one before it asks for the next.

    A job that lacks a kind of slot keeps later jobs from that kind, so a big job is not starved by small ones; jobs that
    do not want it pass.
    """
    kept: frozenset[str] = frozenset()
    for job in queue:
        if not job.is_local:
            yield job
            continue
        if CPU in kept and GPU in kept:
            continue
        wanted = _kinds(job.needs)
        if not wanted & kept and not (lacking := ledger.lacking(job.needs)):
            yield job
            continue
        if not wanted & kept:
            kept |= lacking


def reasons(queue: Iterable[Waiting], ledger: Ledger) -> dict[str, str]:
    """Job id → why it waits and how many are before it: ``gpu 0 held by job 7f3a12bc90de; 2 ahead of you``."""
    told: dict[str, str] = {}
    ahead = {CPU: 0, GPU: 0}
    holding: dict[tuple[str, tuple[str, ...] | None], str] = {}
    known: dict[Needs, frozenset[str]] = {}
    for job in queue:
        if not job.is_local:
            continue
        if job.needs not in known:
            known[job.needs] = ledger.lacking(job.needs)
        lacking = known[job.needs]
        kind = next(
            (k for k in (GPU, CPU) if k in lacking or (ahead[k] and k in _kinds(job.needs))), ""
        )
        if kind:
            key = (kind, job.needs.only_gpus if kind == GPU else None)
            if key not in holding:
                holding[key] = ledger.reason(kind, job.needs)
            told[job.job_id] = holding[key] + _place(ahead[kind])
        for wanted in _kinds(job.needs):
            ahead[wanted] += 1
    return told


def _place(ahead: int) -> str:
    if not ahead:
        return ""
    return (
        f"; {ahead} ahead of you" if ahead <= MAX_TOLD else f"; more than {MAX_TOLD} ahead of you"
    )


def _kinds(needs: Needs) -> frozenset[str]:
    return frozenset(kind for kind in (GPU, CPU) if needs.of(kind))
