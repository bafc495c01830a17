"""The use cases that every surface calls: submit, wait, follow, pull, cancel, retry."""

from __future__ import annotations

from .job import Job
from .lookup import get, jobs
from .remote import RemoteFunction, cancel, remote, retry, submit

__all__ = ["Job", "RemoteFunction", "cancel", "get", "jobs", "remote", "retry", "submit"]
