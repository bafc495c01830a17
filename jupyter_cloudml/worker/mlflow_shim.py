"""MLflow inside a job: plain calls land in the job's run without waiting for it; the rest joins the real run.

``log_metric(s)``, ``log_param(s)`` and ``set_tag(s)`` append to the journal, from where the forwarder sends them.
``start_run`` resumes the job's run the first time; a run that the cell starts after it ended that one is its child, as is
``nested=True``. ``end_run`` takes the job's run from the stack and leaves its status to the forwarder. A cell that calls
``set_tracking_uri`` with another server has plain MLflow from there on. Nothing is done until MLflow is imported.
"""

from __future__ import annotations

import os
import re
import sys
import time
from types import ModuleType
from typing import Any

from ..core import events
from ..core.errors import Unavailable
from ..core.spec import JobSpec
from ..journal.atomic import read_json
from ..journal.paths import JobPaths
from ..journal.writer import JournalWriter
from .on_import import when_imported
from .redact import Redactor

RUN_WAIT_S = 60.0
_POLL_S = 0.01
_PLAIN_NAME = re.compile(r"[\w \-.:]{1,250}(/[\w \-.:]{1,200})*")


def follow_mlflow(
    spec: JobSpec, paths: JobPaths, writer: JournalWriter, *, rank: int, redactor: Redactor
) -> None:
    """Tie MLflow, now or when it is imported, to the run of this job. On ranks above 0 plain logging does nothing."""
    when_imported("mlflow", _JobRun(spec, paths, writer, rank, redactor).attach)


class _JobRun:
    """The functions that stand in for MLflow's own, and what they know of the job's run."""

    def __init__(
        self, spec: JobSpec, paths: JobPaths, writer: JournalWriter, rank: int, redactor: Redactor
    ) -> None:
        self._uri = spec.tracking_uri
        self._paths = paths
        self._writer = writer
        self._is_silent = rank != 0
        self._redactor = redactor
        self._run_id = ""
        self._was_started = False
        self._is_elsewhere = False
        self._params: dict[str, str] = {}
        self._names: set[str] = set()

    def attach(self, mlflow: ModuleType) -> None:
        self._fluent: Any = sys.modules["mlflow.tracking.fluent"]
        self._validation: Any = sys.modules["mlflow.utils.validation"]
        if self._uri:
            mlflow.set_tracking_uri(self._uri)
        self._original: dict[str, Any] = {}
        for name in (
            "log_metric", "log_metrics", "log_param", "log_params", "set_tag", "set_tags",
            "start_run", "end_run",
        ):  # fmt: skip
            self._original[name] = getattr(self._fluent, name)
            setattr(self._fluent, name, getattr(self, name))
            setattr(mlflow, name, getattr(self, name))
        for name in ("active_run", "set_tracking_uri"):
            self._original[name] = getattr(mlflow, name)
            setattr(mlflow, name, getattr(self, name))

    def log_metric(
        self,
        key: str,
        value: float,
        step: int | None = None,
        synchronous: bool | None = None,
        timestamp: int | None = None,
        run_id: str | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        """As ``mlflow.log_metric``; a metric of the job's run goes to the journal."""
        special = timestamp is not None or model_id is not None or dataset is not None
        if special or not self._is_jobs(run_id):
            arguments = (key, value, step, synchronous, timestamp, run_id, model_id, dataset)
            return self._original["log_metric"](*arguments)
        self._metrics({key: value}, step)
        return self._answer(synchronous)

    def log_metrics(
        self,
        metrics: dict[str, float],
        step: int | None = None,
        synchronous: bool | None = None,
        run_id: str | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        """As ``mlflow.log_metrics``; metrics of the job's run go to the journal."""
        special = timestamp is not None or model_id is not None or dataset is not None
        if special or not self._is_jobs(run_id):
            arguments = (metrics, step, synchronous, run_id, timestamp, model_id, dataset)
            return self._original["log_metrics"](*arguments)
        self._metrics(metrics, step)
        return self._answer(synchronous)

    def log_param(self, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """As ``mlflow.log_param``; returns the value."""
        if not self._is_jobs(None):
            return self._original["log_param"](key, value, synchronous)
        self._log_params({key: value})
        return value if synchronous is not False else self._answer(synchronous)

    def log_params(
        self, params: dict[str, Any], synchronous: bool | None = None, run_id: str | None = None
    ) -> Any:
        """As ``mlflow.log_params``."""
        if not self._is_jobs(run_id):
            return self._original["log_params"](params, synchronous, run_id)
        self._log_params(params)
        return self._answer(synchronous)

    def set_tag(self, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """As ``mlflow.set_tag``."""
        return self.set_tags({key: value}, synchronous)

    def set_tags(self, tags: dict[str, Any], synchronous: bool | None = None) -> Any:
        """As ``mlflow.set_tags``."""
        if not self._is_jobs(None):
            return self._original["set_tags"](tags, synchronous)
        for key, value in tags.items():
            self._validation._validate_tag(key, str(value))
        self._append(events.TAG, tags)
        return self._answer(synchronous)

    def start_run(
        self,
        run_id: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        nested: bool = False,
        parent_run_id: str | None = None,
        tags: dict[str, str] | None = None,
        description: str | None = None,
        log_system_metrics: bool | None = None,
    ) -> Any:
        """As ``mlflow.start_run``, but that the job's run is resumed where plain MLflow would open a new one."""
        options = {
            "run_name": run_name,
            "tags": tags,
            "description": description,
            "log_system_metrics": log_system_metrics,
        }
        is_named = run_id is not None or parent_run_id is not None or "MLFLOW_RUN_ID" in os.environ
        if self._is_elsewhere or is_named or self._fluent._active_run_stack.get():
            return self._original["start_run"](
                run_id=run_id,
                experiment_id=experiment_id,
                nested=nested,
                parent_run_id=parent_run_id,
                **options,
            )
        job_run = self._joined()
        if nested or self._was_started:
            return self._original["start_run"](
                experiment_id=experiment_id or job_run["experiment_id"],
                parent_run_id=job_run["run_id"],
                **options,
            )
        self._was_started = True
        return self._resumed(job_run["run_id"], options)

    def end_run(self, status: str = "FINISHED") -> None:
        """As ``mlflow.end_run``; the job's own run stays open until the job has ended."""
        stack = self._fluent._active_run_stack.get()
        if not stack or stack[-1].info.run_id != self._run_id:
            self._original["end_run"](status)
            return
        os.environ.pop("MLFLOW_RUN_ID", None)
        stack.pop()
        self._fluent._last_active_run_id.set(self._run_id)
        monitor = self._fluent.run_id_to_system_metrics_monitor.pop(self._run_id, None)
        if monitor is not None:
            monitor.finish()

    def active_run(self) -> Any:
        """As ``mlflow.active_run``; where the cell started none, the job's run. MLflow's own code sees only the former."""
        active = self._original["active_run"]()
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if active is not None or self._is_elsewhere or caller.partition(".")[0] == "mlflow":
            return active
        run_id = self._joined()["run_id"]
        return self._fluent.ActiveRun(self._fluent.MlflowClient().get_run(run_id))

    def set_tracking_uri(self, uri: Any) -> None:
        """As ``mlflow.set_tracking_uri``; with another server than the job's, plain MLflow from here on."""
        self._original["set_tracking_uri"](uri)
        known = read_json(self._paths.run)
        known_uri = known.get("tracking_uri", "") if isinstance(known, dict) else ""
        self._is_elsewhere = str(uri) not in ("", self._uri, known_uri)

    def _is_jobs(self, run_id: str | None) -> bool:
        """Whether a call that names ``run_id`` is about the job's run."""
        if self._is_elsewhere or (run_id is not None and run_id != self._run_id):
            return False
        stack = self._fluent._active_run_stack.get()
        return not stack or stack[-1].info.run_id == self._run_id

    def _metrics(self, metrics: dict[str, Any], step: int | None) -> None:
        checked = {}
        for key, value in metrics.items():
            if type(value) is not float or key not in self._names:
                value = self._checked(key, value, step)
            checked[key] = value
        if not self._is_silent:
            self._writer.append_metrics(self._redactor.tree(checked), step or 0)

    def _checked(self, key: Any, value: Any, step: int | None) -> float:
        """The value as MLflow would store it; its own error for what it would refuse."""
        if isinstance(key, str) and _PLAIN_NAME.fullmatch(key) and len(self._names) < 10_000:
            self._names.add(key)
        convert = sys.modules["mlflow.tracking.metric_value_conversion_utils"]
        number = convert.convert_metric_value_to_float_if_possible(value)
        self._validation._validate_metric(key, number, int(time.time() * 1000), step or 0)
        return float(number)

    def _log_params(self, params: dict[str, Any]) -> None:
        for key, value in params.items():
            text = str(value)
            self._validation._validate_param(key, text)
            known = self._params.setdefault(key, text)
            if known != text:
                raise sys.modules["mlflow.exceptions"].MlflowException.invalid_parameter_value(
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with"
                    f" value='{known}' for run ID='{self._run_id}'. Attempted logging new value '{text}'."
                )
        self._append(events.PARAM, params)

    def _append(self, kind: str, values: dict[str, Any]) -> None:
        if values and not self._is_silent:
            texts = {key: self._redactor.text(str(value)) for key, value in values.items()}
            self._writer.append(kind, p=texts)

    def _answer(self, synchronous: bool | None) -> Any:
        """What an asynchronous call returns: an operation that is done."""
        if synchronous is not False:
            return None
        operations = sys.modules["mlflow.utils.async_logging.run_operations"]
        return operations.get_combined_run_operations([])

    def _joined(self) -> dict[str, str]:
        """The job's run, waited for; MLflow points to its server afterwards."""
        run = self._awaited()
        self._run_id = run["run_id"]
        if run.get("tracking_uri"):
            self._original["set_tracking_uri"](run["tracking_uri"])
        return run

    def _awaited(self) -> dict[str, str]:
        wait_s = float(os.environ.get("CLOUDML_RUN_WAIT_S", RUN_WAIT_S))
        deadline = time.monotonic() + wait_s
        while True:
            run = read_json(self._paths.run)
            if isinstance(run, dict) and run.get("run_id"):
                return run
            if isinstance(run, dict) and run.get("error"):
                uri = run.get("tracking_uri") or self._uri or "the tracking store"
                raise Unavailable(
                    f"MLflow at {uri!r} has no run for this job: {run['error']}",
                    hint="see whether the tracking server runs; cloudml.log and mlflow.log_metric go on without it",
                )
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"MLflow at {self._uri or 'the tracking store'!r} made no run for this job in {wait_s:.0f} s",
                    hint="see whether the tracking server and the agent run (jupyter cloudml doctor)",
                )
            time.sleep(_POLL_S)

    def _resumed(self, run_id: str, options: dict[str, Any]) -> Any:
        """The job's run on top of the stack, whatever experiment the cell made the active one."""
        fluent = self._fluent
        chosen, fluent._active_experiment_id = fluent._active_experiment_id, None
        try:
            return self._original["start_run"](run_id=run_id, **options)
        finally:
            fluent._active_experiment_id = chosen
