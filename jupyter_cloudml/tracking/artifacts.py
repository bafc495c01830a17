"""The files that every run carries, in its artifact folder ``cloudml/``: cell, environment, capture, executed cell."""

from __future__ import annotations

import json

from ..core.spec import JobSpec
from ..journal.atomic import read_json
from ..journal.paths import JobPaths
from .runs import capture_digests
from .store import TrackingStore

FOLDER = "cloudml"


def log_start(store: TrackingStore, run_id: str, spec: JobSpec, paths: JobPaths) -> None:
    """Cell source and capture hashes. Safe to repeat."""
    store.log_text(run_id, spec.source, f"{FOLDER}/cell.py")
    digests = capture_digests(read_json(paths.bundle_manifest))
    if digests:
        store.log_text(run_id, json.dumps(digests, indent=1) + "\n", f"{FOLDER}/capture.json")


def log_environment(store: TrackingStore, run_id: str, lock: str) -> None:
    """The lock of the interpreter that runs the job. Safe to repeat."""
    store.log_text(run_id, lock, f"{FOLDER}/environment.txt")


def log_end(store: TrackingStore, run_id: str, paths: JobPaths) -> None:
    """The executed cell, where the worker lived to write it. Safe to repeat."""
    if paths.result_cell.exists():
        store.log_file(run_id, paths.result_cell, FOLDER)
