"""A spare goes once through the steps of a job, so that no cell pays for what a first time costs.

A forked process copies each page when it first writes to it, and Python writes to what it only looks at: the first pass
through the worker's code and the packages' tables takes three times as long as the second.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.spec import JobSpec
from ..journal.writer import JournalWriter
from ..wire import BlobStore, Decoded, decode, encode, encode_delta
from . import ambient, local_modules
from .background import Background
from .notebook import executed_cell
from .outlet import JournalOutlet
from .redact import Redactor
from .sampler import INTERVAL_S, Sampler
from .threads import Joined

if TYPE_CHECKING:
    from .main import Shell

_NOWHERE = BlobStore(Path("/nonexistent/cloudml"))  # small values make no blobs
_VALUES = {"n": 1, "text": "text", "items": [1, {"a": 2.0}]}


def rehearse(shell: Shell) -> None:
    """Do what a job does, on a cell that does nothing. Leaves no file, no name, no thread, no option changed.

    Only where journals can lie in memory (Linux); elsewhere it does nothing.
    """
    if not hasattr(os, "memfd_create"):
        return
    environ = dict(os.environ)
    try:
        decoded = _arrive()
        felt = json.loads(json.dumps(ambient.collect(shell.namespace)))
        ambient.apply_options(felt)
        _with_mlflow()
        before = dict(shell.namespace)
        _run(shell, felt)
        _publish(shell, before, decoded)
    finally:
        ambient.replace_environ(environ)


def _arrive() -> Decoded:
    """Specification and bundle, through JSON as from the disk."""
    JobSpec.from_json(json.loads(json.dumps(JobSpec(id="0" * 12, source="").to_json())))
    encoded = encode(_VALUES, namespace={}, blobs=_NOWHERE)
    manifest = json.loads(json.dumps(encoded.manifest))
    return decode(manifest, namespace={}, blobs=_NOWHERE, trusted=True)


def _with_mlflow() -> None:
    """The tracking URI resets MLflow's tracer, which is slow once; it has none afterwards, as in a fresh process."""
    mlflow: Any = sys.modules.get("mlflow")
    if mlflow is not None and hasattr(mlflow, "set_tracking_uri"):
        mlflow.set_tracking_uri("sqlite://")
        mlflow.set_tracking_uri(None)


def _run(shell: Shell, felt: dict[str, Any]) -> None:
    background = Background()
    with _journal() as writer, JournalOutlet(writer, Redactor({}), background):
        ambient.apply_logging(felt)
        sampler = Sampler(writer)
        background.every(INTERVAL_S, sampler.sample)
        background.start()
        try:
            with Joined(writer):
                print("rehearsal")
                shell.rehearse()
        finally:
            background.stop()
            sampler.last()


def _publish(shell: Shell, before: dict[str, Any], decoded: Decoded) -> None:
    felt = ambient.collect_lasting(shell.namespace)
    ambient.changes(felt, felt)
    local_modules.reached(shell.namespace.values())
    bound = {"items": [1, 2], "n": 2}
    encode_delta(
        decoded,
        {**before, **bound},
        bound=bound,
        deleted=[],
        only=None,
        exception=None,
        extra={},
        blobs=_NOWHERE,
    )
    executed_cell(JobSpec(id="0" * 12, source="pass"), [])


@contextmanager
def _journal() -> Iterator[JournalWriter]:
    memory = os.memfd_create("cloudml-rehearsal")
    try:
        with JournalWriter(f"/proc/self/fd/{memory}") as writer:
            yield writer
    finally:
        os.close(memory)
