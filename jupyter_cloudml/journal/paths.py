"""The names inside a job folder. No other module writes one of them down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .disk import unavailable

AGENT = "agent"
MAIN_RANK = "0"


@dataclass(frozen=True, slots=True)
class JobPaths:
    """Every path of one job folder. Pure, but for ``create``."""

    root: Path

    @property
    def job_id(self) -> str:
        return self.root.name

    @property
    def spec(self) -> Path:
        return self.root / "spec.json"

    @property
    def bundle(self) -> Path:
        return self.root / "bundle"

    @property
    def bundle_manifest(self) -> Path:
        return self.bundle / "manifest.json"

    @property
    def bundle_blobs(self) -> Path:
        return self.bundle / "blobs"

    @property
    def ambient(self) -> Path:
        return self.bundle / "ambient.json"

    @property
    def journals(self) -> Path:
        return self.root / "journal"

    def journal(self, rank: int | str = MAIN_RANK) -> Path:
        """The journal of a worker rank; rank 0 is the main one. Beside it lies, for a while, ``metric_tail.tail_of`` it."""
        return self.journals / f"{rank}.jsonl"

    @property
    def agent_journal(self) -> Path:
        return self.journal(AGENT)

    def all_journals(self) -> list[Path]:
        """The journals that exist now, by name; empty when the folder is gone."""
        return sorted(self.journals.glob("*.jsonl"))

    @property
    def result(self) -> Path:
        return self.root / "result"

    @property
    def result_manifest(self) -> Path:
        return self.result / "manifest.json"

    @property
    def result_blobs(self) -> Path:
        return self.result / "blobs"

    @property
    def result_cell(self) -> Path:
        return self.result / "cell.ipynb"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def leases(self) -> Path:
        return self.root / "lease"

    def lease(self, rank: int | str = MAIN_RANK) -> Path:
        """The lock file that the worker of a rank holds for its whole life."""
        return self.leases / f"{rank}.lock"

    def all_leases(self) -> list[Path]:
        """The lock files that exist now; a file that exists need not be held."""
        return sorted(self.leases.glob("*.lock"))

    @property
    def run(self) -> Path:
        return self.root / "run.json"

    @property
    def environment(self) -> Path:
        """The environment lock of the job, as its run has it; there once tracking has recorded it."""
        return self.root / "environment.txt"

    @property
    def interpreter(self) -> Path:
        """The path of the interpreter that runs the job, where it is not the one that submitted it."""
        return self.root / "interpreter"

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def cancel(self) -> Path:
        return self.control / "cancel"

    @property
    def overdue(self) -> Path:
        """Present: the job is being stopped because its ``--max-runtime`` is over."""
        return self.control / "overdue"

    @property
    def worker_log(self) -> Path:
        return self.root / "worker.log"

    def create(self) -> JobPaths:
        """Make the folder and its rooms, all with mode 0700. Safe to repeat.

        Raises:
            Unavailable: the disk refuses, with the reason.
        """
        rooms = (self.journals, self.leases, self.control, self.bundle_blobs, self.result_blobs)
        try:
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            for room in (self.bundle, self.result, *rooms, self.checkpoints):
                room.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise unavailable(self.root, exc) from exc
        return self
