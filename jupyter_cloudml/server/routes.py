"""The table of routes; ``openapi.yaml`` says the same in words, and a test holds the two together."""

from __future__ import annotations

from . import jobs, places, runs

_JOB = r"/cloudml/jobs/([^/]+)"

ROUTES = [
    (r"/cloudml/jobs", jobs.Jobs),
    (r"/cloudml/jobs/run-notebook", jobs.RunNotebook),
    (_JOB, jobs.OneJob),
    (rf"{_JOB}/outputs", jobs.Outputs),
    (rf"{_JOB}/metrics", jobs.Metrics),
    (rf"{_JOB}/resources", jobs.Samples),
    (rf"{_JOB}/details", jobs.Details),
    (rf"{_JOB}/cancel", jobs.Cancel),
    (rf"{_JOB}/retry", jobs.Retry),
    (r"/cloudml/runs", runs.Runs),
    (r"/cloudml/runs/curves", runs.Curves),
    (r"/cloudml/experiments", runs.Experiments),
    (r"/cloudml/targets", places.Targets),
    (r"/cloudml/config", places.Configuration),
    (r"/cloudml/tools/(mlflow|tensorboard)", places.OpenTool),
    (r"/cloudml/openapi.yaml", places.OpenAPI),
]
