"""`Job`: what a person holds of a job. It looks like a `concurrent.futures.Future` and outlives every process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import BadInput, CloudMLError, Corrupt, NotFound, Unavailable
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.atomic import read_json
from ..journal.outputs import outputs
from ..journal.reader import JournalReader
from ..journal.rows import JobRow
from ..journal.view import JobView
from ..wire import Applied, Departure, Encoded
from .failure import Failure, dressed
from .follow import Follower, Pace, batches
from .homecoming import (
    AMBIENT,
    Rebuilt,
    bind,
    come_home,
    exception_and_traceback,
    failure_of,
    has_result,
    rebuild,
    still_felt,
)
from .session import Session, blob_digests, current_session
from .snapshot import snapshot
from .text import one_line

RUN_POLL_S = 0.05
RESULT = "__cloudml_result__"
"""The name to which a function's job binds what it returns."""

_BOOKKEEPING_S = 5.0


class Job:
    """One job, by its id. Every method asks the disk anew; the object may be dropped, pickled or made again.

    ``home`` are the very objects that were captured, while this process still holds them: results then patch them in
    place. Without it (another process, another day) they are rebuilt from the job folder. ``departure`` tells what the
    notebook held when the job went off on its own; without it the notebook has waited for the job.
    """

    def __init__(
        self,
        job_id: str,
        session: Session | None = None,
        *,
        home: Encoded | None = None,
        departure: Departure | None = None,
    ) -> None:
        self._session = session or current_session()
        self.id = job_id
        self._home = home
        self._departure = departure
        self._paths = self._session.paths(job_id)
        self._rebuilt: Rebuilt | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        try:
            return f"<{one_line(self.snapshot())}>"
        except CloudMLError as exc:
            return f"<Job {self.id}: {exc}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Job, (self.id,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # --- what it is now ------------------------------------------------------------------------------------------------

    @property
    def row(self) -> JobRow:
        """The job's record now; NotFound when it was pruned."""
        return self._session.registry.get(self.id)

    @property
    def spec(self) -> JobSpec:
        return self._session.spec(self.id)

    @property
    def folder(self) -> Path:
        return self._paths.root

    @property
    def state(self) -> JobState:
        return JobState(self.snapshot()["state"])

    def view(self) -> JobView:
        """Progress, metrics, resources: the folded journal."""
        return self.follower().view

    def snapshot(self) -> dict[str, Any]:
        """All that a surface shows, as strict JSON (``application/vnd.cloudml.job+json``)."""
        return self.snapshot_of(self.follower())

    def snapshot_of(self, follower: Follower) -> dict[str, Any]:
        """The snapshot as ``follower`` sees the job now; reads one small file."""
        run = read_json(self._paths.run)
        return snapshot(follower.row, follower.view, now=time.time(), run=run)

    def follower(self) -> Follower:
        """A reader of the job's events that has taken in all there are; ``step`` gives those to come."""
        return self.from_start(caught_up=True)

    def from_start(self, *, caught_up: bool = False) -> Follower:
        """A reader of the job's events from the very first."""
        return Follower(
            self._session.registry,
            self.row,
            self._paths,
            retries=self.spec.retries,
            caught_up=caught_up,
        )

    def metrics(self) -> dict[str, float]:
        """The newest value of every metric."""
        return {name: series.last for name, series in self.view().metrics.items()}

    def outputs(self) -> list[dict[str, Any]]:
        """What the cell showed, as nbformat outputs."""
        return outputs(self._events())

    def logs(self, *, follow: bool = False) -> str | Iterator[str]:
        """The text that it printed so far; with ``follow`` an iterator of pieces, live, to the end of the job."""
        return self.live_text() if follow else self.text()

    def text(self) -> str:
        """What it printed so far: its streams, the text of its displays, its traceback."""
        return "".join(piece for _, piece in texts(self._events()))

    def _events(self) -> list[dict[str, Any]]:
        self._session.spec(self.id)
        reader = JournalReader(self._paths.journal())
        found: list[dict[str, Any]] = []
        while batch := reader.read():
            found += batch
        return found

    def live_text(self) -> Iterator[str]:
        """The text that it prints, piece by piece, from its beginning to the end of the job."""
        for batch in batches(self.from_start(), Pace()):
            yield from (piece for _, piece in texts(batch))

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running; 0.0 before it starts."""
        row = self.row
        return 0.0 if row.started_at is None else (row.ended_at or time.time()) - row.started_at

    def run(self, timeout: float | None = None) -> Any:
        """Its MLflow run (``mlflow.entities.Run``), once all that the job journalled has arrived there.

        Blocks until the job is over and its run is ended.

        Raises:
            TimeoutError: not yet, after ``timeout`` seconds; nothing is lost, ask again.
            Unavailable: MLflow will not take it; the message is the tracking server's.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (row := self.row).tracking_state not in ("ended", "failed"):
            if deadline is not None and time.monotonic() > deadline:
                why = row.tracking_error or f"job {self.id} is {row.state.value}"
                raise TimeoutError(f"the run is not complete after {timeout:g} s: {why}")
            time.sleep(RUN_POLL_S)
        if row.tracking_state == "failed":
            raise Unavailable(
                f"MLflow did not take the run of job {self.id}: {row.tracking_error}",
                hint="the journal keeps everything; %cloudlogs shows it",
            )
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=row.tracking_uri).get_run(row.run_id)

    # --- as a Future ---------------------------------------------------------------------------------------------------

    def done(self) -> bool:
        return self.state.is_final

    def running(self) -> bool:
        return self.state is JobState.RUNNING

    def cancelled(self) -> bool:
        return self.state is JobState.CANCELLED

    def wait(self, timeout: float | None = None) -> JobState:
        """Block until the job is over; its final state.

        Raises:
            TimeoutError: it is not over after ``timeout`` seconds; it goes on.
        """
        follower = self.from_start()
        deadline = None if timeout is None else time.monotonic() + timeout
        for _ in batches(follower, Pace(), deadline):
            pass
        if follower.final is None:
            raise AssertionError("a follower ended without a final state")
        return follower.final

    def result(self, timeout: float | None = None) -> Any:
        """What came home: a function's return value, a cell's names and values as a dict.

        Raises:
            TimeoutError: the job is not over after ``timeout`` seconds.
            JobCancelled, JobLost, JobFailed: it ended so.
            BaseException: the very exception that the code raised.
        """
        exception = self.exception(timeout)
        if exception is not None:
            raise exception
        rebuilt = self.rebuilt()
        values = rebuilt.values() if rebuilt else {}
        return values.get(RESULT) if self.row.kind == "function" else values

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the job raised, or None; waits as ``result`` does."""
        state = self.wait(timeout)
        if state is JobState.SUCCEEDED:
            return None
        rebuilt = self.rebuilt()
        return self.exception_from(state, rebuilt.applied if rebuilt else None)

    def exception_from(self, state: JobState, applied: Applied | None) -> BaseException:
        """What to raise for a job that ended in ``state`` and whose result is ``applied``; it renders as it did there."""
        return dressed(*self.exception_and_traceback(state, applied))

    def exception_and_traceback(
        self, state: JobState, applied: Applied | None
    ) -> tuple[BaseException, Sequence[str]]:
        """What to raise, untouched, and the lines that it was shown by there.

        Where a blob of its bundle was damaged, the store forgets it, so that the job can be submitted again.
        """
        exception, lines = exception_and_traceback(self._paths, state, applied)
        if isinstance(exception, Corrupt):
            manifest = read_json(self._paths.bundle_manifest)
            digests = blob_digests(manifest) if isinstance(manifest, dict) else ()
            self._session.blobs.discard_damaged(digests)
        return exception, lines

    def add_done_callback(self, function: Callable[[Job], object]) -> None:
        """Call ``function(job)`` from a thread of its own once the job is over."""

        def watch() -> None:
            self.wait()
            function(self)

        threading.Thread(target=watch, name=f"cloudml-{self.id}", daemon=True).start()

    def cancel(self) -> bool:
        """Ask it to stop: its code sees KeyboardInterrupt. False when it had ended already. Does not wait."""
        asked = not self.done() and self._session.registry.request(self.id, "cancel")
        if asked:
            self._session.nudge(self.id)
        return asked

    def retry(self) -> Job:
        """Start it once more, with the same bundle, as its next attempt.

        Secrets, and the variables that are on no disk, have the values that they have in this process now.

        Raises:
            BadInput: it has not ended.
            NotFound: its folder is gone.
            Unavailable: the agent does not answer; nothing was changed.
        """
        spec = self._session.spec(self.id)
        self._session.nudge(self.id)
        self._wait_for_the_agent()
        self._session.nudge(self.id, **self._values_by_hand(spec))
        self._session.registry.retry(self.id)
        self._paths.cancel.unlink(missing_ok=True)
        self._paths.overdue.unlink(missing_ok=True)
        self._session.nudge(self.id)
        self._rebuilt = None
        return self

    def _values_by_hand(self, spec: JobSpec) -> dict[str, dict[str, str]]:
        felt = read_json(self._paths.ambient)
        names = felt.get("environ_by_hand", ()) if isinstance(felt, dict) else ()
        wanted = {"secrets": spec.secrets, "environ": names}
        return {
            key: {name: os.environ[name] for name in some if name in os.environ}
            for key, some in wanted.items()
        }

    def _wait_for_the_agent(self) -> None:
        """A job that has just ended is over in its journal some milliseconds before the registry knows."""
        deadline = time.monotonic() + _BOOKKEEPING_S
        while self.done() and not self.row.state.is_final and time.monotonic() < deadline:
            self._session.nudge(self.id)
            time.sleep(0.01)

    # --- what comes home -----------------------------------------------------------------------------------------------

    def rebuilt(self) -> Rebuilt | None:
        """The result in a namespace of its own, made once; None when the job left none."""
        with self._lock:
            if self._rebuilt is None and has_result(self._paths):
                self._rebuilt = rebuild(self._paths)
            return self._rebuilt

    def pull(self, *names: str, into: MutableMapping[str, Any] | None = None) -> dict[str, Any]:
        """The values of ``names`` (all that came home, when none is named); also bound in ``into``.

        Raises:
            NotFound: the job has no result yet.
            BadInput: a name is not among those that the job bound.
        """
        rebuilt = self.rebuilt()
        if rebuilt is None:
            raise NotFound(
                f"job {self.id} has no result: it is {self.state}",
                hint=f"%cloudattach {self.id} waits for it",
            )
        values, left_out = rebuilt.values(), rebuilt.applied.left_out
        for name in names:
            if name in left_out:
                raise BadInput(f"{name} stayed with job {self.id}: {left_out[name]}")
            if name not in values:
                bound = ", ".join(sorted(values)) or "nothing"
                raise BadInput(
                    f"job {self.id} brought no {name!r} home", hint=f"it brought: {bound}"
                )
        chosen = {name: values[name] for name in names} if names else values
        if into is not None:
            into.update(chosen)
        return chosen

    @property
    def is_at_home(self) -> bool:
        """Whether the captured objects are still held here, so that results change them in place."""
        return self._home is not None

    def felt(self, applied: Applied, namespace: dict[str, Any]) -> dict[str, Any]:
        """The ambient state to make true here; of a job that went off on its own only what is as it was then."""
        state: dict[str, Any] = applied.extra.get(AMBIENT, {})
        if state and self._departure is not None:
            return still_felt(self._paths, namespace, state)
        return state

    def depart(self, namespace: dict[str, Any], binds: Collection[str] = ()) -> None:
        """The notebook waits no longer: what it changes from now on, ``bind`` will leave as it is. Safe to repeat."""
        if self._home is not None and self._departure is None:
            self._departure = Departure.note(self._home, namespace, binds)

    def bind(self, namespace: dict[str, Any]) -> Applied | None:
        """Make ``namespace`` what it would be had the code run there: names, objects in place, deletions.

        None when there is no result. Names and objects that the notebook has changed since the job went off on its own
        stay as they are and are told under ``kept``; ``pull`` binds them deliberately. The captured objects are let go
        afterwards; a second call binds rebuilt values.
        """
        with self._lock:
            home, self._home = self._home, None
            if not has_result(self._paths):
                return None
            if home is not None:
                return come_home(self._paths, namespace, home, self._departure)
            return self.bind_rebuilt(namespace)

    def bind_rebuilt(self, namespace: dict[str, Any]) -> Applied | None:
        """Bind the names that came home as new objects; those that the notebook has made its own are ``kept``."""
        rebuilt = self.rebuilt()
        return None if rebuilt is None else bind(self._paths, rebuilt, namespace)

    @property
    def failure(self) -> Failure | None:
        """Of a failed job: exception name, traceback as text, frames with their local names; else None."""
        rebuilt = self.rebuilt() if self.state.is_final else None
        return failure_of(self._paths, rebuilt.applied if rebuilt else None)


def texts(events: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What ``events`` show, as text: pieces with the stream (``stdout``, ``stderr``) that they belong to."""
    for event in events:
        output: Mapping[str, Any] = event.get("output") or {}
        if output.get("output_type") == "stream":
            yield output.get("name", "stdout"), output["text"]
        elif output.get("output_type") == "error":
            lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
            yield "stderr", "\n".join(lines) + "\n"
        elif "text/plain" in (output.get("data") or {}):
            yield "stdout", output["data"]["text/plain"] + "\n"
