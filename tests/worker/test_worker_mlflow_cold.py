"""MLflow that the cell itself imports, in a worker that had not."""


def test_cell_without_mlflow_does_not_import_it(run):
    job = run("import sys\nloaded = 'mlflow' in sys.modules")
    assert job.namespace["loaded"] is False


def test_import_in_the_cell_ties_mlflow_to_the_job(run):
    job = run(
        "from mlflow import log_metric\nlog_metric('a', 1.0)", tracking_uri="http://127.0.0.1:9"
    )
    assert job.state == "SUCCEEDED", job.outputs
    assert job.kinds("metric")[0]["m"] == {"a": 1.0}
