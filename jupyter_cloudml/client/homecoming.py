"""How a result comes home: into the very objects that were captured, or rebuilt from the job folder alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import Corrupt, NotFound, RuntimeExceeded
from ..core.states import JobState
from ..journal.atomic import read_json
from ..journal.paths import JobPaths
from ..journal.reader import JournalReader
from ..wire import Applied, BlobStore, Decoded, Departure, Encoded, apply_delta, decode
from ..wire.delta import reachable
from ..wire.meanwhile import Meanwhile, OwnClasses, same_content
from ..worker import ambient, imported_code, local_modules
from .failure import Failure, ended_without_exception

FAILURE = "failure"
AMBIENT = "ambient"
DISPLAYED = "_"
MODULES = "modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A result in a namespace of its own, made from the job folder.

    ``changed`` are the captured names whose objects the code changed in place (a model that it trained).
    """

    namespace: dict[str, Any]
    applied: Applied
    changed: tuple[str, ...] = ()

    def values(self) -> dict[str, Any]:
        return {name: self.namespace[name] for name in (*self.changed, *self.applied.names)}


def has_result(paths: JobPaths) -> bool:
    """Whether the job left a result: a failed one does too (what its cell bound before it failed)."""
    return paths.result_manifest.is_file()


def is_own(paths: JobPaths) -> bool:
    """Whether this user made the job: only then may its pickles be read."""
    found = [paths.root, paths.bundle_manifest, paths.result_manifest]
    return all(path.stat().st_uid == os.geteuid() for path in found if path.exists())


def come_home(
    paths: JobPaths,
    namespace: dict[str, Any],
    home: Encoded,
    departure: Departure | None = None,
) -> Applied:
    """Make ``namespace`` and the captured objects of ``home`` what they would be had the code run here.

    With ``departure`` the job went off on its own: what the notebook has changed since then stays as it is (``kept``).

    Raises:
        NotFound: there is no result.
        Corrupt: it is damaged.
    """
    blobs = BlobStore(paths.result_blobs)
    known = {*sys.modules} - {
        name.removeprefix(local_modules.PREFIX) for name in home.manifest["names"]
    }
    meanwhile = None if departure is None else _meanwhile(paths, namespace, home, departure)
    manifest = _manifest(paths)
    if is_own(paths):
        imported_code.reload_too(manifest.get("reloaded", ()))
    applied = apply_delta(
        manifest, home, namespace, blobs, trusted=is_own(paths), meanwhile=meanwhile
    )
    for name, state in applied.extra.get(MODULES, {}).items():
        if name in sys.modules and name not in known:
            local_modules.restore(sys.modules[name], state)
    return applied


def still_felt(
    paths: JobPaths, namespace: dict[str, Any], felt: Mapping[str, Any]
) -> dict[str, Any]:
    """The parts of ``felt`` (random states, directory, options) that are here what they were when the job was submitted."""
    then = read_json(paths.ambient) or {}
    now = json.loads(json.dumps(ambient.collect(namespace)))
    return {part: value for part, value in felt.items() if now.get(part) == then.get(part)}


def rebuild(paths: JobPaths) -> Rebuilt:
    """The result where nothing of the capture is left in this process: decode the bundle, then the delta.

    Raises:
        NotFound: there is no result.
        Corrupt: bundle or result is damaged.
        FarSideError: another user made the folder, and it holds pickles.
    """
    manifest = _manifest(paths)
    here = OwnClasses.known()
    bundle, namespace = _as_submitted(paths)
    applied = apply_delta(
        manifest,
        bundle,
        namespace,
        BlobStore(paths.result_blobs),
        trusted=is_own(paths),
        meanwhile=OwnClasses(bundle=bundle.objects, before=here),
    )
    return Rebuilt(
        namespace=namespace, applied=applied, changed=_changed(bundle, applied, namespace)
    )


def _as_submitted(paths: JobPaths) -> tuple[Decoded, dict[str, Any]]:
    """The values of the bundle, made once more in a namespace of their own."""
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    bundle = decode(
        read_json(paths.bundle_manifest) or {},
        namespace=namespace,
        blobs=BlobStore(paths.bundle_blobs),
        trusted=is_own(paths),
        watch=False,
    )
    return bundle, namespace


def _meanwhile(
    paths: JobPaths, namespace: dict[str, Any], home: Encoded, departure: Departure
) -> Meanwhile:
    then, beside = _as_submitted(paths)
    return Meanwhile(
        home=home, then=then, then_namespace=beside, namespace=namespace, departure=departure
    )


def _changed(bundle: Decoded, applied: Applied, namespace: dict[str, Any]) -> tuple[str, ...]:
    """The captured names from which an object can be reached that changed in place, and that are bound still."""
    patched = {id(obj) for obj in applied.patched}
    if not patched:
        return ()
    gone = {*applied.names, *applied.deleted}
    return tuple(
        name
        for name, value in bundle.names.items()
        if name not in gone
        and name.isidentifier()
        and not patched.isdisjoint(reachable([value], namespace))
    )


def bind(paths: JobPaths, rebuilt: Rebuilt, namespace: dict[str, Any]) -> Applied:
    """Bind what a rebuilt result holds in a notebook: its names, and nothing of the capture.

    A name that the notebook has bound stays as it is (``kept``), unless it still holds what the job was given.
    """
    values, deleted = rebuilt.values(), rebuilt.applied.deleted
    given: dict[str, Any] = {}
    if any(name in namespace for name in (*values, *deleted)):
        given = _as_submitted(paths)[0].names

    def still_holds(name: str, others: dict[str, Any]) -> bool:
        return name in others and same_content(namespace[name], others[name], namespace)

    kept = []
    for name, value in values.items():
        if name not in namespace or still_holds(name, given):
            namespace[name] = value
        elif not still_holds(name, values):
            kept.append(name)
    for name in deleted:
        if name in namespace and still_holds(name, given):
            del namespace[name]
    return replace(rebuilt.applied, kept=tuple(sorted(kept)))


def _manifest(paths: JobPaths) -> dict[str, Any]:
    if not has_result(paths):
        raise NotFound(f"job {paths.job_id} has no result", hint=f"%cloudattach {paths.job_id}")
    manifest = read_json(paths.result_manifest)
    if not isinstance(manifest, dict):
        raise Corrupt(
            f"the result of job {paths.job_id} is damaged", hint=f"%cloudretry {paths.job_id}"
        )
    return manifest


def exception_and_traceback(
    paths: JobPaths, state: JobState, applied: Applied | None
) -> tuple[BaseException, Sequence[str]]:
    """What to raise for a job that did not succeed, untouched, and the lines of its traceback there."""
    output, error, reason = _last_words(paths)
    exception = applied.exception if applied is not None else None
    if exception is None:
        exception = ended_without_exception(state, error, job_id=paths.job_id, reason=reason)
    if isinstance(exception, RuntimeExceeded):
        return exception, ()  # the traceback there is that of the interrupt
    return exception, (output or {}).get("traceback") or ()


def failure_of(paths: JobPaths, applied: Applied | None) -> Failure | None:
    """The failure for people and debuggers; None when the cell raised nothing."""
    output, error, _ = _last_words(paths)
    if output is None and error is None:
        return None
    there = (applied.extra.get(FAILURE) if applied is not None else None) or {}
    return Failure(
        ename=str((output or {}).get("ename") or (error or {}).get("type") or ""),
        evalue=str((output or {}).get("evalue") or (error or {}).get("message") or ""),
        traceback=tuple((output or {}).get("traceback") or ()),
        frames=tuple(there.get("frames") or ()),
    )


def _last_words(paths: JobPaths) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str]:
    """The last error output, error and reason in the journals."""
    output = error = None
    reason = ""
    for path in (paths.journal(), paths.agent_journal):
        reader = JournalReader(path)
        while batch := reader.read():
            for event in batch:
                shown = event.get("output") or {}
                if shown.get("output_type") == "error":
                    output = shown
                if event["k"] == "state":
                    error = event.get("error") or error
                    reason = event.get("reason") or reason
    return output, error, reason
