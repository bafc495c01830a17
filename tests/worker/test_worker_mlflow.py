"""MLflow in a cell lands in the job's run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A tracking store with one experiment; made once, because its migrations take seconds."""
    import mlflow

    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("jobs", artifact_location=(folder / "artifacts").as_uri())
    return {"uri": uri, "experiment": experiment, "folder": str(folder)}


@pytest.fixture(scope="module")
def forker() -> Any:
    """Workers are forked from a process that has imported MLflow, as the agent's are."""
    from tests.worker.conftest import Forker

    process = Forker("mlflow", "sklearn.linear_model", "mlflow.sklearn", "alembic", "pandas")
    yield process
    process.close()


@pytest.fixture
def run_in_store(run: Any, store: dict[str, str]) -> Any:
    """Run a cell whose MLflow run is there from the start; the answer is the job and the run afterwards."""
    import mlflow

    client = mlflow.MlflowClient(store["uri"])

    def whole(source: str, **options: Any) -> tuple[Any, Any, Any]:
        made = client.create_run(store["experiment"])
        known = {
            "run_id": made.info.run_id,
            "experiment_id": store["experiment"],
            "tracking_uri": store["uri"],
            "artifact_uri": made.info.artifact_uri,
        }
        job = run(
            source,
            tracking_uri=store["uri"],
            before=lambda job: job.paths.run.write_text(json.dumps(known)),
            **options,
        )
        return job, client.get_run(made.info.run_id), client

    return whole


def test_plain_calls_go_to_the_journal_without_any_run(run):
    job = run(
        "import mlflow\nmlflow.log_metric('loss', 0.5, step=3)\nmlflow.log_metrics({'a': 1, 'b': 2})\n"
        "mlflow.log_param('lr', 0.1)\nmlflow.log_params({'n': 3})\nmlflow.set_tag('t', 'x')\n"
        "mlflow.set_tags({'u': 1})\nfrom mlflow import log_metric\nlog_metric('later', 1.0)",
        tracking_uri="http://127.0.0.1:9",
    )
    assert job.state == "SUCCEEDED", job.outputs
    assert [(e["m"], e["s"]) for e in job.kinds("metric")] == [
        ({"loss": 0.5}, 3),
        ({"a": 1.0, "b": 2.0}, 0),
        ({"later": 1.0}, 0),
    ]
    assert [e["p"] for e in job.kinds("param")] == [{"lr": "0.1"}, {"n": "3"}]
    assert [e["p"] for e in job.kinds("tag")] == [{"t": "x"}, {"u": "1"}]


def test_wrong_metric_and_changed_param_raise_mlflows_own_errors(run):
    job = run("import mlflow\nmlflow.log_metric('loss', 'high')")
    assert job.error["ename"] == "MlflowException"
    job = run("import mlflow\nmlflow.log_param('a', 1)\nmlflow.log_param('a', 2)", id="c" * 12)
    assert "Changing param values is not allowed" in job.error["evalue"]


def test_start_run_resumes_the_jobs_run_and_leaves_it_running(run_in_store):
    job, run, _ = run_in_store(
        "import mlflow\nmlflow.set_experiment('other')\nwith mlflow.start_run(run_name='mine') as run:\n"
        "    mlflow.log_metric('inside', 1.0)\n    mlflow.log_text('hello', 'a.txt')\n"
        "run_id = run.info.run_id\nafter = mlflow.last_active_run().info.run_id"
    )
    assert job.state == "SUCCEEDED", job.outputs
    assert job.namespace["run_id"] == run.info.run_id == job.namespace["after"]
    assert run.info.status == "RUNNING"
    assert run.info.run_name == "mine"
    assert job.kinds("metric")[0]["m"] == {"inside": 1.0}
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert (artifacts / "a.txt").read_text() == "hello"


def test_calls_that_need_the_run_join_it_without_start_run(run_in_store):
    job, run, _ = run_in_store(
        "import mlflow\nmlflow.log_dict({'a': 1}, 'd.json')\nrun_id = mlflow.active_run().info.run_id"
    )
    assert job.state == "SUCCEEDED", job.outputs
    assert job.namespace["run_id"] == run.info.run_id
    assert run.info.status == "RUNNING"


def test_nested_and_second_runs_are_children_and_end_for_themselves(run_in_store):
    job, run, client = run_in_store(
        "import mlflow\nids = []\nwith mlflow.start_run():\n    with mlflow.start_run(nested=True) as child:\n"
        "        mlflow.log_metric('deep', 2.0)\n        ids.append(child.info.run_id)\n"
        "with mlflow.start_run() as second:\n    mlflow.log_param('p', 1)\n    ids.append(second.info.run_id)"
    )
    assert job.state == "SUCCEEDED", job.outputs
    children = [client.get_run(run_id) for run_id in job.namespace["ids"]]
    assert [c.data.tags["mlflow.parentRunId"] for c in children] == [run.info.run_id] * 2
    assert [c.info.status for c in children] == ["FINISHED"] * 2
    assert children[0].data.metrics == {"deep": 2.0}
    assert children[1].data.params == {"p": "1"}
    assert job.kinds("metric") == []


def test_autologging_lands_in_the_jobs_run(run_in_store):
    job, run, client = run_in_store(
        "import mlflow\nfrom sklearn.linear_model import LogisticRegression\n"
        "mlflow.sklearn.autolog(log_models=False, log_datasets=False)\n"
        "model = LogisticRegression(C=0.5).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])",
        autolog=True,
    )
    assert job.state == "SUCCEEDED", job.outputs
    assert client.get_run(run.info.run_id).data.params["C"] == "0.5"
    assert run.info.status == "RUNNING"


def test_unreachable_tracking_is_one_sentence_that_names_the_server(run):
    uri = "http://127.0.0.1:9"
    job = run(
        "import mlflow\nmlflow.log_metric('a', 1.0)\nmlflow.log_text('x', 'a.txt')",
        tracking_uri=uri,
        before=lambda job: job.paths.run.write_text(json.dumps({"error": "refused"})),
    )
    assert job.error["ename"] == "Unavailable"
    assert uri in job.error["evalue"]
    assert len(job.kinds("metric")) == 1


def test_run_that_never_comes_is_waited_for_only_so_long(run):
    job = run("import mlflow\nmlflow.log_text('x', 'a')", env={"CLOUDML_RUN_WAIT_S": "0.1"})
    assert job.error["ename"] == "Unavailable"


def test_another_tracking_server_is_the_cells_own_business(run_in_store, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    job, _, _ = run_in_store(
        f"import mlflow\nmlflow.set_tracking_uri({other!r})\nwith mlflow.start_run() as run:\n"
        "    mlflow.log_metric('x', 1.0)\nseen = mlflow.get_run(run.info.run_id).data.metrics"
    )
    assert job.namespace["seen"] == {"x": 1.0}
    assert job.kinds("metric") == []


def test_rank_above_zero_logs_nothing(run):
    job = run("import mlflow\nmlflow.log_metric('a', 1.0)\nmlflow.set_tag('a', 1)", rank=1)
    assert job.exit_code == 0
    assert b'"metric"' not in job.paths.journal(1).read_bytes()
