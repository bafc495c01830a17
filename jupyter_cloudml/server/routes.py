"""The table of routes; ``openapi.yaml`` says the same of `REST` in words, and a test holds the two together."""

from __future__ import annotations

from . import data, jobs, opening, places, proxy, runs

_JOB = r"/cloudml/jobs/([^/]+)"

REST = [
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
    (r"/cloudml/data/stores", data.Stores),
    (r"/cloudml/data/list", data.Listing),
    (r"/cloudml/data/head", data.Head),
    (r"/cloudml/data/object", data.Object),
    (r"/cloudml/data/upload", data.Uploads),
    (r"/cloudml/data/remove", data.Remove),
    (r"/cloudml/config", places.Configuration),
    (r"/cloudml/tools/(mlflow|tensorboard)", opening.OpenTool),
    (r"/cloudml/openapi.yaml", places.OpenAPI),
]

PAGES = [(r"/cloudml/tools/([a-z]+-[0-9a-f]+)/(.*)", proxy.Page)]
ROUTES = [*REST, *PAGES]
