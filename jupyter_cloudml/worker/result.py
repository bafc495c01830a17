"""What goes home: the names that the cell bound, changed or deleted, its exception, and the executed cell."""

from __future__ import annotations

import re
import sys
from typing import Any, Protocol

from ..core import events
from ..core.spec import JobSpec
from ..journal.atomic import write_atomic, write_json
from ..journal.outputs import outputs
from ..journal.paths import JobPaths
from ..journal.reader import JournalReader
from ..journal.writer import JournalWriter
from ..wire import BlobStore, Decoded, encode_delta
from . import ambient, failure, local_modules, secrecy
from .notebook import executed_cell
from .outcome import CellRun
from .redact import Redactor

_SHELL_NAMES = re.compile(r"_i{1,3}|_i?\d+|In|Out|_[ioi]h|_dh|__builtins?__")


class _Shell(Protocol):
    @property
    def namespace(self) -> dict[str, Any]: ...
    @property
    def hidden(self) -> frozenset[str]: ...
    def own_names(self) -> frozenset[str]: ...


def publish(
    paths: JobPaths,
    rank: int,
    spec: JobSpec,
    *,
    shell: _Shell,
    before: dict[str, Any],
    decoded: Decoded,
    outcome: CellRun,
    felt_before: dict[str, Any],
    modules: dict[str, Any],
    reloaded: list[str],
    redactor: Redactor,
    writer: JournalWriter,
    offset: int,
) -> None:
    """Put the result into the job folder: blobs, manifest (whole or not at all), executed cell, then the event.

    Only rank 0 has a result. Names that cannot go home are left out with a reason, never a failure of the job.
    """
    if rank != 0:
        return
    bound, deleted = differences(before, shell.namespace, shell.own_names())
    bound, withheld = secrecy.split(bound, redactor.secrets)
    felt_after = outcome.context.run(ambient.collect_lasting, shell.namespace)
    changed = ambient.changes(felt_before, felt_after)
    extra: dict[str, Any] = {"ambient": redactor.tree(changed)} if changed else {}
    if states := _changed_modules(shell.namespace, modules):
        extra["modules"] = states
    if outcome.error is not None:
        extra["failure"] = _failure(outcome, redactor)
    if outcome.has_displayed and spec.outputs != ():
        extra |= secrecy.split({"_": outcome.displayed}, redactor.secrets)[0]
    only = spec.outputs
    if withheld and only is not None:
        only = tuple(name for name in only if name not in withheld)
    manifest = encode_delta(
        decoded,
        shell.namespace,
        bound=bound,
        deleted=deleted,
        only=only,
        exception=secrecy.cleared(outcome.error, redactor),
        extra=extra,
        blobs=BlobStore(paths.result_blobs),
        portable=bool(decoded.manifest.get("portable")),
    )
    manifest["reloaded"] = reloaded
    secrecy.guard(manifest, paths.result_blobs, redactor.secrets)
    left_out = manifest.setdefault("left_out", {})
    left_out.update(withheld)
    for name in set(spec.outputs or ()) - shell.namespace.keys():
        left_out[name] = "the cell bound no such name"
    write_json(paths.result_manifest, manifest)
    write_atomic(paths.result_cell, executed_cell(spec, _outputs(paths, rank, offset)))
    for name, reason in left_out.items():
        writer.append(events.NOTE, text=redactor.text(f"{name} stayed there: {reason}"))
    for name, note in manifest.get("notes", {}).items():
        writer.append(events.NOTE, text=redactor.text(f"{name} {note}"))
    writer.append(events.RESULT)


def differences(
    before: dict[str, Any], after: dict[str, Any], own: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], list[str]]:
    """The names that were bound to another object, with their values, and the names that are gone.

    The shell's bookkeeping (``_i1``, ``Out``, …) is no name of the cell; ``own`` are those of ``_``, ``__``, ``___`` that
    the cell did not set itself.
    """
    missing = object()

    def is_of_cell(name: str) -> bool:
        return name not in own and not _SHELL_NAMES.fullmatch(name)

    bound = {
        name: value
        for name, value in list(after.items())
        if before.get(name, missing) is not value and is_of_cell(name)
    }
    return bound, [name for name in before if name not in after and is_of_cell(name)]


def _changed_modules(namespace: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The state of the user's modules that were first imported here, or in which a name was bound anew."""
    values = [*namespace.values(), *(sys.modules.get(name) for name in given)]
    states = {
        name: local_modules.state_of(module)
        for name, module in local_modules.reached(values).items()
    }
    return {
        name: state
        for name, state in states.items()
        if name not in given or local_modules.differs(state, given[name])
    }


def _failure(outcome: CellRun, redactor: Redactor) -> dict[str, Any]:
    """What the error looked like there, as a JSON value, without secrets."""
    error = outcome.error
    assert error is not None
    described = {
        "ename": type(error).__name__,
        "evalue": failure.short_text(error),
        "traceback": list(outcome.traceback),
        "frames": failure.frames(error),
    }
    return redactor.tree(described)  # type: ignore[no-any-return]


def _outputs(paths: JobPaths, rank: int, offset: int) -> list[dict[str, Any]]:
    """The outputs of this attempt, folded from its own journal."""
    reader = JournalReader(paths.journal(rank), offset)
    found: list[dict[str, Any]] = []
    while batch := reader.read():
        found += [event for event in batch if event["k"] == events.OUTPUT]
    return outputs(found)
