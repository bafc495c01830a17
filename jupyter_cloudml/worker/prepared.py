"""A ``%%cloudprep`` cell: sources bound as lazy tables, the cell, its results; shown, recorded and bound.

The cell of a preparation is Python that is run by the shell, or SQL that never meets it. What goes wrong in the sources,
the query or the engine is one sentence; what goes wrong in Python code has its traceback, as in every cell.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Protocol

from ..core import events
from ..core.errors import BadInput, CloudMLError
from ..core.spec import JobSpec
from ..journal.home import DataHome
from ..journal.paths import JobPaths
from ..journal.writer import JournalWriter
from ..prep.drawing import bundle
from ..prep.request import PYTHON, PrepRequest
from ..prep.run import Place, Preparation, Result
from .outcome import CellRun

_LAST = "__cloudprep__"
_MISSING = object()


class _Shell(Protocol):
    @property
    def namespace(self) -> dict[str, Any]: ...
    def run(self, source: str, *, cell_id: str = "", keep: str = "") -> CellRun: ...


class _Outlet(Protocol):
    def output(self, output: dict[str, Any]) -> None: ...


def run_preparation(
    spec: JobSpec,
    shell: _Shell,
    *,
    paths: JobPaths,
    manifest: Mapping[str, Any],
    writer: JournalWriter,
    outlet: _Outlet,
) -> CellRun:
    """How the preparation ended. After success its outputs are bound in the shell; after a failure no sink has changed."""
    request = PrepRequest.from_json(spec.prep)

    def report(bar: str, rows: int, words: str, is_done: bool) -> None:
        done = {"done": True} if is_done else {}
        writer.append(events.PROGRESS, id=f"prep-{bar}", n=rows, total=None, desc=words, **done)

    place = Place(
        job=spec.id,
        scratch=paths.root / "prep",
        cache=DataHome.from_environ(os.environ).root / "prep",
        memory_mib=spec.resources.memory_mib,
        values=digest_of(manifest),
        report=report,
    )
    frames = {name: shell.namespace[name] for name in request.frames if name in shell.namespace}
    try:
        with Preparation(request=request, code=spec.source, place=place, frames=frames) as prep:
            made: dict[str, Any] | None = None
            if request.language == PYTHON and not prep.is_cached:
                outcome, made = _run_python(prep, spec, shell)
                if made is None:
                    return outcome
            results = prep.finish(made)
            _record(prep, results, writer)
            _show(prep.engine, results, outlet)
            for result in results:
                if result.frame is not None:
                    shell.namespace[result.name] = result.frame
            return CellRun()
    except CloudMLError as exc:
        return _failed(exc, outlet)


def _run_python(
    prep: Preparation, spec: JobSpec, shell: _Shell
) -> tuple[CellRun, dict[str, Any] | None]:
    """Run the cell; the frames that it made by the results' names, None when it failed."""
    import narwhals

    names = prep.names
    shell.namespace.update(names)
    shell.namespace.setdefault("nw", narwhals)
    outcome = shell.run(spec.source, cell_id=spec.origin.cell_id, keep=_LAST)
    last = shell.namespace.pop(_LAST, _MISSING)
    if outcome.is_failed:
        return outcome, None
    wanted = prep.request.results
    made = {
        name: shell.namespace[name]
        for name in wanted
        if name in shell.namespace and shell.namespace[name] is not names.get(name)
    }
    missing = [name for name in wanted if name not in made]
    if len(missing) == 1 and last is not _MISSING:
        made[missing.pop()] = last
    if missing:
        raise BadInput(
            f"the cell makes no frame named {missing[0]!r}",
            hint="bind one to that name, or let the last expression be the result",
        )
    return outcome, {name: made[name] for name in wanted}


def _record(prep: Preparation, results: list[Result], writer: JournalWriter) -> None:
    for dataset in prep.datasets(results):
        writer.append(events.DATASET, **dataset)


def _show(engine: str, results: list[Result], outlet: _Outlet) -> None:
    for result in results:
        notes = [engine]
        if result.is_cached:
            notes.append("from the cache (--no-cache computes it again)")
        if result.sink:
            notes.append(f"in {result.sink}")
        elif result.frame is None:
            notes.append("only a look: --sink or -o computes all of it")
        data = bundle(result.name, result.profile, result.head, notes)
        outlet.output({"output_type": "display_data", "data": data, "metadata": {}})


def _failed(error: CloudMLError, outlet: _Outlet) -> CellRun:
    """One sentence, without the frames of this package."""
    name, line = type(error).__name__, f"{type(error).__name__}: {error}"
    outlet.output(
        {"output_type": "error", "ename": name, "evalue": str(error), "traceback": [line]}
    )
    return CellRun(error=error.with_traceback(None), is_failed=True, traceback=(line,))


def digest_of(manifest: Mapping[str, Any]) -> str:
    """A digest of what travelled: equal bundles have equal ones."""
    told = {key: value for key, value in manifest.items() if key not in ("report", "extra")}
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
