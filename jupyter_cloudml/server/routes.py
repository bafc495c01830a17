"""The table of routes; ``openapi.yaml`` says the same in words, and a test holds the two together."""

from __future__ import annotations

from . import jobs, places

_JOB = r"/cloudml/jobs/([^/]+)"

ROUTES = [
    (r"/cloudml/jobs", jobs.Jobs),
    (_JOB, jobs.OneJob),
    (rf"{_JOB}/outputs", jobs.Outputs),
    (rf"{_JOB}/metrics", jobs.Metrics),
    (rf"{_JOB}/resources", jobs.Samples),
    (rf"{_JOB}/cancel", jobs.Cancel),
    (rf"{_JOB}/retry", jobs.Retry),
    (r"/cloudml/targets", places.Targets),
    (r"/cloudml/config", places.Configuration),
    (r"/cloudml/openapi.yaml", places.OpenAPI),
]
