"""A data directory in which kernels submit jobs while everything is killed, and what must be true afterwards."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from jupyter_cloudml.agent.nudge import ensure_agent, nudge
from jupyter_cloudml.client.lookup import get
from jupyter_cloudml.client.session import Session
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.paths import JobPaths
from jupyter_cloudml.journal.reader import read_events
from jupyter_cloudml.journal.rebuild import recovered
from jupyter_cloudml.journal.rows import JobRow
from jupyter_cloudml.targets.local.starts import all_starts

from . import processes
from .kernels import Plan, submit
from .processes import Victim

SETTLE_S = 120.0
ROLES = {"kernel": 6, "worker": 6, "agent": 3, "zygote": 2, "forwarder": 3}


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = SETTLE_S) -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {limit_s:g} s for {what}"
        time.sleep(0.02)
    return value


def lines(path: Path) -> list[str]:
    """The lines of a file; none when it is not there yet."""
    return path.read_text().splitlines() if path.exists() else []


class KernelFactory:
    """Forks kernels and knows those that it made."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.kernels"],
            cwd=Path(__file__).parents[2],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"
        self.ledgers: list[Path] = []

    def fork(self, seed: str, trace: Path, die_at: int = 0) -> Victim:
        ledger = self._folder / f"{seed}.ledger"
        self.ledgers.append(ledger)
        order = {"ledger": str(ledger), "seed": seed, "trace": str(trace), "die_at": die_at}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        pid = int(self._answer())
        return processes.victim("kernel", pid) or Victim(role="kernel", pid=pid, starttime=0)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it; kernels go on. Safe to repeat."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@dataclass
class Said:
    """What the kernels wrote down: label → plan, job → label, and what they saw of the ends."""

    plans: dict[str, Plan] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def take(self, ledger: Path) -> None:
        for line in lines(ledger):
            event = json.loads(line)
            match event["word"]:
                case "trying":
                    self.plans[event["plan"]["label"]] = Plan(**event["plan"])
                case "acknowledged":
                    self.acknowledged[event["job"]] = event["label"]
                case "refused":
                    self.refused[event["label"]] = event["error"]
                case "ended":
                    self.ended[event["job"]] = event
                case _:
                    self.broken.append(line)


class Arena:
    """One home, its kernels and its killings. ``settle`` and ``stop`` it, then ``check``."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.home = DataHome(root / "home")
        self.session = Session(self.home)
        self.trace = root / "trace"
        self.kills: Counter[str] = Counter()
        self.killed_workers: dict[str, int] = {}  # job → bytes of its journal before the kill
        self.kernels: list[Victim] = []
        self._factory = KernelFactory(root, environ)
        self._born = 0

    @property
    def ledgers(self) -> list[Path]:
        """What each kernel wrote, the youngest last."""
        return self._factory.ledgers

    def begun_jobs(self) -> set[str]:
        """The jobs whose cell began, by its own word."""
        return {line.split()[0] for line in lines(self.trace)}

    # --- the storm ----------------------------------------------------------------------------------------------------

    def add_kernel(self, seed: str, die_at: int = 0) -> Victim:
        self._born += 1
        self.kernels.append(self._factory.fork(f"{seed}-{self._born}", self.trace, die_at))
        return self.kernels[-1]

    def candidates(self, role: str) -> list[Victim]:
        match role:
            case "kernel":
                return [kernel for kernel in self.kernels if processes.victim("", kernel.pid)]
            case "worker":
                return processes.workers(self.home, self.session.registry)
            case "zygote":
                return processes.zygotes(self.home)
            case "agent":
                found = processes.agent(self.home)
            case _:
                found = processes.forwarder(self.home)
        return [found] if found else []

    def kill_one(self, dice: random.Random) -> bool:
        """Kill one process of a drawn role, if one lives now."""
        role = dice.choices(list(ROLES), list(ROLES.values()))[0]
        found = self.candidates(role)
        return self.kill(dice.choice(found)) if found else False

    def kill(self, chosen: Victim) -> bool:
        size = _size(self.home.job(chosen.job_id)) if chosen.job_id else 0
        if not chosen.kill():
            return False
        self.kills[chosen.role] += 1
        if chosen.job_id:
            self.killed_workers[chosen.job_id] = size
        return True

    def kill_all(self) -> None:
        """A power cut: every process of this home but the kernels' factory, as fast as one can."""
        for role in ("agent", "zygote", "forwarder", "worker", "kernel"):
            for chosen in self.candidates(role):
                self.kill(chosen)

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def end_kernels(self) -> None:
        for kernel in self.kernels:
            kernel.kill()
        for kernel in self.kernels:
            wait_until(lambda k=kernel: not processes.victim("", k.pid), "the kernels' end")

    def settle(self) -> None:
        """Let an agent bring everything to its end, MLflow too. Nothing but one nudge is done for it."""
        ensure_agent(self.home)
        nudge(self.home)
        registry = self.session.registry
        wait_until(lambda: not registry.active(), "every job's end")
        wait_until(lambda: not registry.tracking_open(), "every run's end")

    def stop(self) -> None:
        """``agent stop``, and the end of the kernels' factory."""
        self._factory.close()
        with suppress(Unavailable):
            nudge(self.home, "stop")

    def close(self) -> None:
        """Whatever a failed test left; safe to repeat."""
        self._factory.close()
        for pid in processes.owned_by(self.home.root):
            if left := processes.victim("", pid):
                left.kill()
        self.session.registry.close()

    # --- what must be true --------------------------------------------------------------------------------------------

    def said(self) -> Said:
        found = Said()
        for ledger in self._factory.ledgers:
            found.take(ledger)
        return found

    def check(self, others: dict[str, Plan]) -> dict[str, int]:
        """Every invariant; what was seen, in numbers. ``others`` are the jobs of no kernel."""
        said = self.said()
        said.plans |= others
        rows = {row.id: row for row in self.session.registry.list_jobs(limit=-1)}
        begun = Counter(line.split()[0] for line in lines(self.trace))
        problems = [f"a kernel met a stranger: {line}" for line in said.broken]
        problems += [
            f"{job} was acknowledged and is unknown" for job in said.acknowledged if job not in rows
        ]
        problems += self._folders()
        problems += self._registry_against_folders(rows)
        problems += self._mlflow(rows)
        for job_id, row in rows.items():
            wanted = said.plans[row.name]
            problems += [f"{job_id}: {text}" for text in self._job(row, wanted, begun[job_id])]
            if row.name in said.refused and row.state is not JobState.CANCELLED:
                problems.append(f"{job_id} was refused ({said.refused[row.name]}), is {row.state}")
        for job_id, event in said.ended.items():
            if event["state"] == "SUCCEEDED" and event["total"] != sum(
                said.plans[said.acknowledged[job_id]].numbers
            ):
                problems.append(f"{job_id}: its kernel got {event}")
        assert not problems, "\n".join(problems)
        states = Counter(row.state.value for row in rows.values())
        return {
            **self.kills,
            "kills": self.kills.total(),
            "jobs": len(rows),
            **states,
            "retried": sum(row.attempt > 1 for row in rows.values()),
            "refused": len(said.refused),
        }

    def check_nothing_is_left(self) -> None:
        """No process, no slot. After ``stop``; a forwarder may take a moment for its goodbye."""
        root = self.home.root
        with suppress(AssertionError):
            wait_until(lambda: not processes.owned_by(root), "the last process", 20)
        assert [processes.describe(pid) for pid in processes.owned_by(root)] == []
        locks = [*self.home.slots.iterdir(), *self.home.jobs.glob("*/lease/*.lock")]
        assert [path for path in locks if lease_holder(path) is not None] == []

    def _job(self, row: JobRow, wanted: Plan, begun: int) -> list[str]:
        """What is wrong with one job."""
        problems = []
        paths = self.home.job(row.id)
        was_killed = row.id in self.killed_workers
        starts = all_starts(paths)
        if begun > (row.attempt if wanted.retries else 1):
            problems.append(f"its cell began {begun} times in {row.attempt} attempts")
        if _size(paths) < self.killed_workers.get(row.id, 0):
            problems.append("its journal is shorter than before the kill")
        events = read_events(paths.journal(), starts[-1].offset)[0] if starts else []
        text = "".join(e["output"].get("text", "") for e in events if e["k"] == "output")
        points = [(e["s"], e["m"]["loss"]) for e in events if e["k"] == "metric"]
        if row.state is not JobState.SUCCEEDED:
            if not was_killed and row.state is not JobState.CANCELLED:
                problems.append(f"it is {row.state} ({row.reason}), and nobody killed its worker")
            if not wanted.text.startswith(text):
                problems.append(f"its output is no beginning of what it printed: {text!r}")
            return problems + (
                [] if row.error or row.reason else [f"nothing says why it is {row.state}"]
            )
        if begun < 1:
            problems.append("it SUCCEEDED and its cell never began")
        if text != wanted.text:
            problems.append(f"its output is {text!r}")
        if points != wanted.points:
            problems.append(f"its metrics are {points}")
        job = get(row.id, session=self.session)
        if (found := job.result(timeout=1)).get("total") != sum(wanted.numbers):
            problems.append(f"its result is {found}")
        if (rebuilt := job.rebuilt()) and rebuilt.namespace["numbers"] != wanted.numbers:
            problems.append(f"its list came home as {rebuilt.namespace['numbers']}")
        return problems

    def _folders(self) -> list[str]:
        """A folder under a final name is whole, whether its kernel lived to say so or not."""
        whole = {row["id"] for row in recovered(self.home.jobs)}
        folders = {path.name for path in self.home.jobs.iterdir() if path.name[0] != "."}
        return [f"{name} is half a folder" for name in folders - whole]

    def _registry_against_folders(self, rows: dict[str, JobRow]) -> list[str]:
        told = {row["id"]: row for row in recovered(self.home.jobs)}
        return [
            f"{job_id}: the registry says {row.state}, its journals {told[job_id]['state']}"
            for job_id, row in rows.items()
            if told[job_id]["state"] != row.state
        ]

    def _mlflow(self, rows: dict[str, JobRow]) -> list[str]:
        """One ended run per job that has one; its points are those of the journals, once each."""
        problems = []
        with closing(sqlite3.connect(self.home.mlflow_db, timeout=20)) as db:
            runs = db.execute(
                "SELECT t.value, r.run_uuid, r.status FROM runs r JOIN tags t USING (run_uuid) "
                "WHERE t.key = 'cloudml.job_id'"
            ).fetchall()
            points: dict[str, Counter[tuple[int, float, int]]] = {}
            for run, *point in db.execute(
                "SELECT run_uuid, step, value, timestamp FROM metrics WHERE key = 'loss'"
            ):
                points.setdefault(run, Counter())[tuple(point)] += 1
        for job_id, count in Counter(job for job, _, _ in runs).items():
            if count != 1:
                problems.append(f"{job_id} has {count} runs")
        of_job = {job: (run, status) for job, run, status in runs}
        for job_id, row in rows.items():
            run, status = of_job.get(job_id, ("", ""))
            if not run and row.state is not JobState.CANCELLED:
                problems.append(f"{job_id} is {row.state} and has no run")
            if run and status != _STATUS[row.state]:
                problems.append(f"{job_id} is {row.state}, its run {status}")
            if (there := points.get(run, Counter())) != (here := self._points(job_id)):
                problems.append(f"{job_id}: MLflow has {there - here} more, {here - there} less")
        return problems

    def _points(self, job_id: str) -> Counter[tuple[int, float, int]]:
        events = read_events(self.home.job(job_id).journal())[0]
        return Counter(
            (e["s"], e["m"]["loss"], round(e["t"] * 1000)) for e in events if e["k"] == "metric"
        )

    def submit(self, wanted: Plan) -> Any:
        """One job from this very process."""
        assert os.environ["CLOUDML_HOME"] == str(self.home.root)
        return submit(wanted, str(self.trace))

    def queue(self, wanted: Plan) -> Any:
        """One job from this very process, of which no agent is told."""
        with mock.patch.object(Session, "nudge"):
            return self.submit(wanted)


_STATUS = {
    JobState.SUCCEEDED: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.LOST: "FAILED",
    JobState.CANCELLED: "KILLED",
}


def _size(paths: JobPaths) -> int:
    try:
        return paths.journal().stat().st_size
    except OSError:
        return 0
