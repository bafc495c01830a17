"""MLflow used inside a job: with the real worker and the real forwarder, everything is in the job's one run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import write_json
from jupyter_cloudml.tracking.nudges import Nudge
from jupyter_cloudml.wire import BlobStore, encode

from .conftest import Home, Job, drain

CELL = """
import mlflow, numpy as np
from sklearn.linear_model import LogisticRegression
X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
model = LogisticRegression().fit(X, y)
mlflow.log_param("C", 1.0)
for step in range(20):
    mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
with mlflow.start_run():
    mlflow.log_metric("inside", 3.0)
    mlflow.sklearn.log_model(model, name="model")
    mlflow.log_text("hello", "note.txt")
"""


def run_worker(job: Job) -> int:
    encoded = encode({}, namespace={}, blobs=BlobStore(job.paths.bundle_blobs))
    write_json(job.paths.bundle_manifest, encoded.manifest)
    environment = {**os.environ, "MLFLOW_TRACKING_URI": job.spec.tracking_uri}
    argv = [sys.executable, "-m", "jupyter_cloudml.worker", str(job.paths.root)]
    return subprocess.run(argv, env=environment, timeout=120, capture_output=True).returncode


@pytest.mark.slow
def test_a_model_logged_in_a_cell_lands_in_the_jobs_run(home: Home, forwarder):
    job = home.job(source=CELL)
    forwarder.take([Nudge("job", job.id)])
    assert run_worker(job) == 0, job.paths.journal().read_text()[-3000:]
    home.registry.move(job.id, JobState.SUCCEEDED, now=job.clock[0])
    drain(forwarder)
    run_id, status, _, _ = home.run_of(job)
    assert status == "FINISHED"
    assert home.sql("SELECT count(*) FROM runs") == [(1,)]
    assert len(home.points(job)) == 20
    assert home.points(job, "inside")[0][1] == 3.0
    assert home.pairs(job, "params")["C"] == "1.0"
    assert home.sql("SELECT source_run_id FROM logged_models") == [(run_id,)]
    assert home.artifact(job, "cell.ipynb").exists()
    assert (home.artifact(job, "").parent / "note.txt").read_text() == "hello"
