"""The run of one job, from its creation to its end. Every step is safe to repeat, and picks up where a kill left it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path

from ..core import events
from ..core.errors import CloudMLError, Corrupt, NotFound, Unavailable
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.atomic import read_json, write_atomic, write_json
from ..journal.paths import AGENT, MAIN_RANK, JobPaths
from ..journal.reader import read_events
from ..journal.registry import Registry
from ..journal.rows import JobRow
from . import artifacts, runs
from .cursor import Cursors
from .environment import EnvironmentLocks
from .payload import MAX_TAG, Payload, batches, describe, halves, limited, payload_of, safe_name
from .store import InternalError, Refused, RunRef, TrackingStore

BATCH = (
    500  # metrics a call: 93 % of the throughput of 1000, and a launch waits half as long behind it
)
CHUNK_BYTES = 256 * 1024
TAIL_BYTES = 64 * 1024
SETTLE_MS = 3_000  # a server that we died on may still be making the run
PATIENCE = 5  # errors of the server itself before it is asked which item it cannot digest
MAX_ERROR = 600
MAX_NOTES = 4_000
WAITING = "waiting: "
_HARMLESS = Payload(tags={"cloudml.state": "RUNNING"})
_BETWEEN = " · "
_WITH_PAIRS, _WITH_ENVIRONMENT = 1, 2


class Progress(IntEnum):
    """What a step did; ``BEHIND``: there is more to do at once."""

    NOTHING = 0
    MOVED = 1
    BEHIND = 2


class TrackedJob:
    """One job whose run is not finished. ``step`` methods raise `Unavailable` in an outage, `NotFound` when the run was
    deleted, `Refused` when the run cannot be made; the cursors then stand before what did not arrive."""

    def __init__(
        self, row: JobRow, paths: JobPaths, registry: Registry, locks: EnvironmentLocks
    ) -> None:
        self.id = row.id
        self.paths = paths
        self.spec = read_spec(paths)
        self.run: RunRef | None = None
        self._registry = registry
        self._locks = locks
        self._cursors = Cursors(registry, row.id)
        self._error = row.tracking_error
        self._notes = [
            note
            for note in row.tracking_error.split(_BETWEEN)
            if note and not note.startswith(WAITING)
        ]
        self._internal_errors = 0
        self._attempt = 1

    def ensure_run(self, store: TrackingStore, row: JobRow, now_ms: int) -> RunRef:
        """The job's run: the one it has, the one that a killed predecessor made, or a new one.

        ``run.json`` names it after return. Exactly one run per job comes of it, whenever this process is killed.
        """
        if self.run is None:
            self.run = self._known_run(store, row) or self._make_run(store, now_ms)
            write_json(self.paths.run, asdict(self.run))
            self._registry.set_run(
                self.id, self.run.run_id, self.run.experiment_id, self.run.tracking_uri
            )
            self._error = ""
            if self._notes:
                self._set_state("open", _BETWEEN.join(self._notes))
        if row.attempt > self._attempt and not row.state.is_final:
            store.set_status(self.run.run_id, "RUNNING")
            self._attempt = row.attempt
        return self.run

    def _known_run(self, store: TrackingStore, row: JobRow) -> RunRef | None:
        if not row.run_id:
            return None
        said = read_json(self.paths.run)
        if isinstance(said, dict) and said.get("run_id") == row.run_id:
            with contextlib.suppress(TypeError):
                return RunRef(**said)
        return store.run(row.run_id)

    def _make_run(self, store: TrackingStore, now_ms: int) -> RunRef:
        experiment_id = store.experiment_id(self.spec.experiment)
        intended_ms = self._cursors.create_intended_ms
        if intended_ms:
            found = store.find_run(self.id, experiment_id)
            if found is not None:
                return found
            if not store.is_sql and 0 <= now_ms - intended_ms < SETTLE_MS:
                raise Unavailable("the tracking server may still be making this run")
        self._cursors.intend_create(now_ms)
        try:
            return self._create(store, experiment_id, now_ms)
        except (Refused, NotFound):  # somebody deleted the experiment since its id was cached
            store.forget_experiment(self.spec.experiment)
            return self._create(store, store.experiment_id(self.spec.experiment), now_ms)

    def _create(self, store: TrackingStore, experiment_id: str, now_ms: int) -> RunRef:
        return store.create_run(
            experiment_id=experiment_id,
            start_ms=round(self.spec.created_at * 1000) or now_ms,
            tags=self._clean_tags(runs.start_tags(self.spec)),
            name=runs.run_name(self.spec),
        )

    def _clean_tags(self, tags: dict[str, str]) -> dict[str, str]:
        notes = Payload()
        clean = {
            safe_name(key): limited(notes, key, str(value), MAX_TAG) for key, value in tags.items()
        }
        self._note(notes.notes)
        return clean

    def dress(self, store: TrackingStore, *, wait: bool = False) -> None:
        """Parameters, tags and first artifacts, once; off the launch path. The environment comes when it is known, or
        else, with ``wait``, is waited for."""
        assert self.run is not None
        run_id = self.run.run_id
        if self._cursors.dressed < _WITH_PAIRS:
            pairs = [
                {"k": events.PARAM, "p": runs.parameters(self.spec)},
                {"k": events.TAG, "p": runs.resource_tags(self.spec)},
            ]
            self._send(store, payload_of(pairs), lambda: None)
            artifacts.log_start(store, run_id, self.spec, self.paths)
            self._cursors.set_dressed(_WITH_PAIRS)
        if self._cursors.dressed < _WITH_ENVIRONMENT:
            lock = self._lock(wait)
            if lock is not None:
                if lock:
                    write_atomic(self.paths.environment, lock.encode())
                    artifacts.log_environment(store, run_id, lock)
                self._cursors.set_dressed(_WITH_ENVIRONMENT)

    def _lock(self, wait: bool) -> str | None:
        """What is installed where the job runs; None while it is asked, or while its packages are being installed."""
        python = self.spec.origin.python
        if self.spec.requirements:
            if self.paths.interpreter.exists():
                python = self.paths.interpreter.read_text()
            elif not wait:
                return None
        return self._locks.wait(python) if wait else self._locks.lock(python)

    def has_news(self) -> bool:
        """Whether something waits to be sent. Costs a stat a journal; a torn last line counts as news."""
        return self._cursors.dressed < _WITH_ENVIRONMENT or any(
            path.stat().st_size > self._cursors.offset(path.name) for path in self._journals()
        )

    def forward(self, store: TrackingStore, between: Callable[[], None]) -> Progress:
        """Send what each journal has beyond its cursor, one chunk a journal.

        ``between`` is called after every call of MLflow, so that a launch need not wait for a long backlog.
        """
        progress = Progress.NOTHING
        for path in self._journals():
            offset = self._cursors.offset(path.name)
            if path.stat().st_size <= offset:
                continue
            happened, reached = read_events(path, offset, CHUNK_BYTES)
            if reached == offset:
                continue
            payload = payload_of(happened, rank=path.stem, started_at=self.spec.created_at)
            self._send(store, payload, between)
            self._cursors.advance(path.name, reached)
            is_full = reached - offset > CHUNK_BYTES // 2
            progress = max(progress, Progress.BEHIND if is_full else Progress.MOVED)
        return progress

    def _journals(self) -> Iterator[Path]:
        return (path for path in self.paths.all_journals() if path.stem != AGENT)

    def _send(self, store: TrackingStore, payload: Payload, between: Callable[[], None]) -> None:
        assert self.run is not None
        for batch in batches(payload, BATCH):
            try:
                store.log(self.run.run_id, batch)
            except Refused as exc:
                self._isolate(store, batch, exc)
            except InternalError as exc:
                self._internal_errors += 1
                if self._internal_errors < PATIENCE:
                    raise
                store.log(self.run.run_id, _HARMLESS)  # raises where it is not the data's fault
                self._isolate(store, batch, exc)
            between()
        self._internal_errors = 0
        self._note(payload.notes)

    def _isolate(self, store: TrackingStore, batch: Payload, why: CloudMLError) -> None:
        """Send all of a refused batch but what is refused by itself; that is skipped, and said so."""
        assert self.run is not None
        store.check_run(self.run.run_id)
        parts = halves(batch)
        if not parts:
            self._note([f"skipped {describe(batch)}: {why.message}"])
        for part in parts:
            try:
                store.log(self.run.run_id, part)
            except (Refused, InternalError) as exc:
                self._isolate(store, part, exc)

    def end(self, store: TrackingStore, state: JobState, ended_at: float) -> None:
        """Last artifacts, then status and end time of the run. Everything must have been forwarded before."""
        assert self.run is not None
        artifacts.log_end(store, self.run.run_id, self.paths)
        tags = {"cloudml.state": state.value}
        if self._notes:
            tags["cloudml.tracking_notes"] = _BETWEEN.join(self._notes)[:MAX_TAG]
        store.log(self.run.run_id, Payload(tags=tags))
        store.set_status(self.run.run_id, runs.run_status(state), round(ended_at * 1000))

    def finish(self, outcome: str, error: str = "") -> None:
        """Nothing more will be done for this job: ``ended`` or ``failed``."""
        if error:
            self._note([error])
            if self.run is None:
                write_json(self.paths.run, {"error": error})
        self._set_state(outcome, _BETWEEN.join(self._notes))

    def wait(self, error: str) -> None:
        """An outage: tell the registry, and the worker too when there is no run to show."""
        sentence = WAITING + error
        if self._error == sentence:
            return
        if self.run is None and not self._has_run_file():
            write_json(self.paths.run, {"error": error})
        self._set_state("open" if self.run else "pending", sentence)

    def _has_run_file(self) -> bool:
        said = read_json(self.paths.run)
        return isinstance(said, dict) and "run_id" in said

    def recovered(self) -> None:
        """The outage, if there was one, is over: the registry says so."""
        if self._error.startswith(WAITING):
            self._set_state("open", _BETWEEN.join(self._notes))

    def _note(self, notes: list[str]) -> None:
        fresh = [note for note in notes if note not in self._notes]
        if not fresh:
            return
        room = MAX_NOTES - sum(map(len, self._notes))
        self._notes += fresh if room > 0 else []
        if self.run is not None:
            self._set_state("open", _BETWEEN.join(self._notes))

    def _set_state(self, state: str, error: str) -> None:
        self._registry.set_tracking_state(self.id, state, error=error[:MAX_ERROR])
        self._error = error


def read_spec(paths: JobPaths) -> JobSpec:
    """The spec of a job folder.

    Raises:
        Corrupt: it is missing or damaged.
    """
    data = read_json(paths.spec)
    if not isinstance(data, dict):
        raise Corrupt(f"the spec of job {paths.job_id} is missing or damaged")
    return JobSpec.from_json(data)


def journalled_end(paths: JobPaths) -> tuple[JobState, float] | None:
    """The final state that the worker wrote last, and when; None when its last word is another one."""
    path = paths.journal(MAIN_RANK)
    try:
        size = path.stat().st_size
    except OSError:
        return None
    happened, _ = read_events(path, max(0, size - TAIL_BYTES))
    states = [event for event in happened if event.get("k") == events.STATE]
    if not states:
        return None
    try:
        state = JobState(states[-1].get("state"))
    except ValueError:
        return None
    return (state, float(states[-1]["t"])) if state.is_final else None
