"""A warm connection to one MLflow store, and MLflow's errors in our words. The only file that talks to MLflow's API."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import BadInput, CloudMLError, NotFound, Unavailable
from .config import SQL_SCHEMES, checked_uri, quiet_environment, scheme_of, sqlite_file
from .payload import Dataset, Payload
from .runs import JOB_TAG

_REFUSED = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST"})
_GONE = frozenset({"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"})


class Refused(BadInput):
    """MLflow answers, and does not take this data; sending it again changes nothing."""

    code = "refused"


class InternalError(Unavailable):
    """MLflow answers with an error of its own: an outage, or data that it cannot digest."""

    code = "mlflow-internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """Where a run is; exactly what ``run.json`` says."""

    run_id: str
    experiment_id: str
    tracking_uri: str
    artifact_uri: str


class TrackingStore:
    """One store, opened on construction (a new SQLite file is migrated then: seconds), warm afterwards.

    Every method is one synchronous call of MLflow and raises only `Refused`, `NotFound` (run or experiment is gone) or
    `Unavailable`. Not thread-safe; never carried through a fork.
    """

    def __init__(self, uri: str, artifact_root: Path | None = None) -> None:
        quiet_environment()
        self.uri = checked_uri(uri)
        self.is_sql = scheme_of(uri) in SQL_SCHEMES
        self._file = sqlite_file(uri)
        self._experiments: dict[str, str] = {}
        self._artifact_root = artifact_root
        with _translated(uri):
            self._open()
        self._inode = self._file_inode()

    def _open(self) -> None:
        from mlflow.tracking import MlflowClient

        self._sql: Any = None
        if self.is_sql:
            import mlflow.store.db.utils
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            if self._file is not None and self._artifact_root is not None:
                _prepare_sqlite(self._file)
            # MLflow tries ten times, 100 s, before it says that a database is away; our back-off is elsewhere.
            mlflow.store.db.utils.MAX_RETRY_COUNT = 1
            self._sql = SqlAlchemyStore(self.uri, str(self._artifact_root or "./mlruns"))
            if self._file is not None:
                _relax_sync(self._sql.engine)
        self.client: Any = MlflowClient(self.uri)

    def warm(self, experiment: str = "Default") -> None:
        """Pay for the first use now: connection, experiment, compiled statements. Leaves no run behind."""
        experiment_id = self.experiment_id(experiment)
        self.find_run("0" * 12, experiment_id)
        if self._sql is not None:
            with _translated(self.uri):
                _rehearse(self._sql, experiment_id)

    def is_current(self) -> bool:
        """False when the SQLite file was removed or replaced: what is written through this object would be lost."""
        return self._file is None or self._file_inode() == self._inode

    def close(self) -> None:
        """Let go of connections. A later `TrackingStore` of the same URI opens new ones."""
        if self._sql is not None:
            engines = type(self._sql)._engine_map
            engines.pop(self.uri, None)
            self._sql.engine.dispose()

    def experiment_id(self, name: str) -> str:
        """The id of the experiment, made when there is none and restored when it was deleted; cached by name."""
        if name not in self._experiments:
            with _translated(self.uri):
                self._experiments[name] = self._find_or_make(name)
        return self._experiments[name]

    def forget_experiment(self, name: str) -> None:
        """Drop the cached id: the experiment was deleted since."""
        self._experiments.pop(name, None)

    def _find_or_make(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                maker = self._sql or self.client
                return str(maker.create_experiment(name))
            except MlflowException as exc:
                if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self.client.get_experiment_by_name(name)
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def create_run(
        self, *, experiment_id: str, start_ms: int, tags: dict[str, str], name: str
    ) -> RunRef:
        """A new RUNNING run. Not safe to repeat: ask `find_run` first after a failure."""
        with _translated(self.uri):
            run = self.client.create_run(
                experiment_id, start_time=start_ms, tags=tags, run_name=name
            )
        return self._ref(run)

    def find_run(self, job_id: str, experiment_id: str) -> RunRef | None:
        """The run of that job, by its tag; None when there is none. The oldest wins, should there be several."""
        with _translated(self.uri):
            runs = self.client.search_runs(
                [experiment_id],
                filter_string=f"tags.`{JOB_TAG}` = '{job_id}'",
                order_by=["attributes.start_time ASC"],
                max_results=1,
            )
        return self._ref(runs[0]) if runs else None

    def _ref(self, run: Any) -> RunRef:
        return RunRef(
            run_id=run.info.run_id,
            experiment_id=str(run.info.experiment_id),
            tracking_uri=self.uri,
            artifact_uri=run.info.artifact_uri,
        )

    def run(self, run_id: str) -> RunRef:
        """Where the run of that id is; `NotFound` when it is not there."""
        with _translated(self.uri):
            return self._ref(self.client.get_run(run_id))

    def check_run(self, run_id: str) -> None:
        """Return when the run is there to be written.

        Raises:
            NotFound: somebody deleted it.
        """
        with _translated(self.uri):
            run = self.client.get_run(run_id)
        if run.info.lifecycle_stage == "deleted":
            raise NotFound(f"the run {run_id} was deleted in MLflow")

    def log(self, run_id: str, payload: Payload) -> None:
        """Write one batch (already within MLflow's limits). Safe to repeat: MLflow's primary key of metrics is
        (run, key, timestamp, step, value, is_nan), an equal parameter is accepted again, a tag is overwritten."""
        from mlflow.entities import Metric, Param, RunTag

        if payload.datasets:
            self._log_datasets(run_id, payload.datasets)
        with _translated(self.uri):
            self.client.log_batch(
                run_id,
                metrics=[Metric(p.key, p.value, p.timestamp_ms, p.step) for p in payload.metrics],
                params=[Param(key, value) for key, value in payload.params.items()],
                tags=[RunTag(key, value) for key, value in payload.tags.items()],
            )

    def _log_datasets(self, run_id: str, datasets: Sequence[Dataset]) -> None:
        """Inputs of the run. Safe to repeat: MLflow knows a dataset by name and digest, an input by its run."""
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput, InputTag

        inputs = [
            DatasetInput(
                dataset=Entity(
                    name=item.name,
                    digest=item.digest,
                    source_type=item.source_type,
                    source=item.source,
                    schema=item.schema or None,
                    profile=item.profile or None,
                ),
                tags=[InputTag("mlflow.data.context", item.context)],
            )
            for item in datasets
        ]
        with _translated(self.uri):
            self.client.log_inputs(run_id, datasets=inputs)

    def log_file(self, run_id: str, path: Path, folder: str = "") -> None:
        """Put a file among the run's artifacts, over an older one of that name."""
        with _translated(self.uri):
            self.client.log_artifact(run_id, str(path), folder or None)

    def log_text(self, run_id: str, text: str, name: str) -> None:
        """Put ``text`` among the run's artifacts as the file ``name``."""
        with _translated(self.uri):
            self.client.log_text(run_id, text, name)

    def set_status(self, run_id: str, status: str, end_ms: int | None = None) -> None:
        """End the run (with its end time), or with ``RUNNING`` open it again. Safe to repeat."""
        with _translated(self.uri):
            if end_ms is None:
                self.client.update_run(run_id, status=status)
            else:
                self.client.set_terminated(run_id, status, end_ms)

    def _file_inode(self) -> int:
        try:
            return self._file.stat().st_ino if self._file is not None else 0
        except OSError:
            return -1


def preload() -> None:
    """Import all that the forwarder will need, and open nothing: no thread, no engine, no file.

    A process may fork after it; every child then starts its forwarder without an import.
    """
    quiet_environment()
    import sqlalchemy.dialects.sqlite  # noqa: F401


@contextlib.contextmanager
def _translated(uri: str) -> Iterator[None]:
    """MLflow's, SQLAlchemy's and the network's errors as ours, one sentence each."""
    import requests
    import sqlalchemy.exc
    from mlflow.exceptions import MlflowException

    try:
        yield
    except CloudMLError:
        raise
    except MlflowException as exc:
        raise _from_mlflow(exc, uri) from exc
    except (
        requests.RequestException,
        sqlalchemy.exc.SQLAlchemyError,
        sqlite3.Error,
        OSError,
    ) as exc:
        raise _unavailable(uri, exc) from exc


def _from_mlflow(exc: Any, uri: str) -> CloudMLError:
    sentence = (str(exc.message).splitlines() or [""])[0][:300]
    if exc.error_code in _GONE:
        return NotFound(f"MLflow says: {sentence}")
    if exc.error_code in _REFUSED:
        return Refused(f"MLflow refused it: {sentence}")
    if exc.error_code == "INTERNAL_ERROR" and (_is_status_500(exc) or not _is_network(exc)):
        return InternalError(f"MLflow at {shown(uri)} failed: {sentence}")
    return _unavailable(uri, exc)


def _is_network(exc: BaseException) -> bool:
    import requests

    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, (requests.RequestException, ConnectionError, TimeoutError)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _is_status_500(exc: BaseException) -> bool:
    """MLflow turns a 500 into urllib3's error of exhausted retries."""
    return "too many 500 error responses" in str(exc)


def _unavailable(uri: str, exc: BaseException) -> Unavailable:
    what = "tracking store" if scheme_of(uri) in SQL_SCHEMES else "tracking server"
    why = "" if _is_network(exc) else f": {(str(exc).splitlines() or [''])[0][:200]}"
    return Unavailable(
        f"the {what} {shown(uri)} does not answer{why}",
        hint="the job goes on, and its run appears there when it answers again",
    )


def shown(uri: str) -> str:
    """``uri`` without a password."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{host}").geturl()


def _prepare_sqlite(path: Path) -> None:
    """WAL, so that workers and the UI read and write while we do. The mode stays with the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=20)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _relax_sync(engine: Any) -> None:
    """In WAL mode no commit waits for the disk: it survives kill -9 of any process, not a power cut."""
    from sqlalchemy import event

    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=20000")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    event.listen(engine, "connect", on_connect)
    engine.dispose()


class _Rehearsed(Exception):
    """Rolls the rehearsal back."""


def _rehearse(store: Any, experiment_id: str) -> None:
    """Insert a run and its tags, flush, and roll back: SQLAlchemy has compiled the statements then."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag

    with (
        contextlib.suppress(_Rehearsed, MlflowException),
        store.ManagedSessionMaker(read_only=False) as session,
    ):
        run = SqlRun(
            run_uuid="0" * 32, name="rehearsal", experiment_id=int(experiment_id), status="RUNNING"
        )
        run.source_type, run.lifecycle_stage = "UNKNOWN", "active"
        run.tags = [SqlTag(key="a", value="1"), SqlTag(key="b", value="2")]
        session.add(run)
        session.flush()
        raise _Rehearsed
