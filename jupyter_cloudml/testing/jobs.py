"""Real job folders for tests, and what came of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..core.events import OUTPUT, STATE
from ..core.ids import new_job_id
from ..core.spec import JobSpec, Origin
from ..journal.atomic import read_json, write_json
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..journal.reader import JournalReader
from ..wire.blobs import BlobStore
from ..wire.decoding import decode
from ..wire.delta import apply_delta
from ..wire.encoding import encode

_T = TypeVar("_T")


def make_job(
    home: DataHome, source: str, values: Mapping[str, Any] | None = None, **spec: Any
) -> JobPaths:
    """A whole job folder, ready to submit: ``source`` is the cell, ``values`` are the notebook's names.

    Further keywords are fields of ``JobSpec`` (``outputs=()``, ``env={…}``). Everything that it needs lies in the folder.
    """
    paths = home.job(spec.setdefault("id", new_job_id())).create()
    namespace = dict(values or {})
    spec.setdefault("origin", Origin(python=sys.executable, cwd=str(Path.cwd())))
    encoded = encode(namespace, namespace=namespace, blobs=BlobStore(paths.bundle_blobs))
    write_json(paths.bundle_manifest, encoded.manifest)
    write_json(paths.ambient, {})
    write_json(paths.spec, JobSpec(source=source, **spec).to_json())
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a finished job left in its folder. ``values`` are all names of the notebook after the result was applied."""

    values: dict[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    states: tuple[str, ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()

    @property
    def stdout(self) -> str:
        """Everything that was written to stdout, in order."""
        streams = (out for out in self.outputs if out.get("output_type") == "stream")
        return "".join("".join(out["text"]) for out in streams if out["name"] == "stdout")


def outcome_of(paths: JobPaths) -> Outcome:
    """Decode bundle and result of a job of this user, in a process that never had the original objects."""
    events = _all_events(paths)
    values: dict[str, Any] = {}
    exception: BaseException | None = None
    manifest = read_json(paths.result_manifest)
    bundle = read_json(paths.bundle_manifest)
    if manifest is not None and bundle is not None:
        decoded = decode(bundle, namespace=values, blobs=BlobStore(paths.bundle_blobs))
        applied = apply_delta(manifest, decoded, values, BlobStore(paths.result_blobs))
        exception = applied.exception
    return Outcome(
        values=values,
        exception=exception,
        states=tuple(event["state"] for event in events if event["k"] == STATE),
        outputs=tuple(event["output"] for event in events if event["k"] == OUTPUT),
    )


def wait_until(look: Callable[[], _T | None], *, timeout_s: float = 60.0, what: str = "") -> _T:
    """The first truthy answer of ``look``, asked every 10 ms.

    Raises:
        AssertionError: none came in ``timeout_s``; the message has ``what`` and the last answer.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or look!r}; last: {answer!r}")
        time.sleep(0.01)
    return answer


def _all_events(paths: JobPaths) -> list[dict[str, Any]]:
    reader = JournalReader(paths.journal())
    events: list[dict[str, Any]] = []
    while more := reader.read():
        events += more
    return events
