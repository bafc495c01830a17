"""Sending a job off: capture, encode, one folder, one row, one nudge. Nothing is left behind when it is refused."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ..agent.ledger import Capacity
from ..capture import CapturePlan, CellNames, analyse, modules, plan
from ..core.errors import BadInput, CloudMLError, NotFound
from ..core.ids import new_job_id
from ..core.spec import JobSpec, Origin
from ..core.states import JobState
from ..core.uris import scheme_of
from ..journal.atomic import write_json
from ..journal.paths import JobPaths
from ..journal.staging import staged
from ..targets.local.starts import all_starts, start_lock
from ..targets.port import Target
from ..wire import BlobStore, Encoded, Limits, ValueReport, encode
from ..worker import ambient, checkpoint, imported_code, local_modules
from ..worker.local_modules import state_of
from ..worker.redact import Redactor
from .lookup import get
from .options import SubmitOptions, build_spec, refuse_unbound_outputs
from .origin import look_at_git
from .secrets import (
    known_secrets,
    refuse_written_secrets,
    secret_values,
    split_environ,
    without_secrets,
)
from .session import Session, blob_digests, configuration

WARN_BYTES = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to run and the names around it. ``transform`` and ``compile`` are the shell's, ``hidden`` its own names."""

    text: str
    namespace: dict[str, Any]
    kind: str = "cell"
    transform: Callable[[str], str] | None = None
    compile: Callable[[str], object] | None = None
    hidden: frozenset[str] = frozenset()
    values: Mapping[str, Any] | None = None
    execution_count: int = 1
    file: str = ""
    """The name that the shell gives to the code of the cell."""
    prep: Mapping[str, Any] = field(default_factory=dict)
    """What ``%%cloudprep`` asks for; its ``captured`` says what the cell reads, which may be no Python."""
    captured: tuple[CellNames, CapturePlan] | None = None
    script: tuple[str, ...] = ()
    """A script's path and its arguments: it has them as ``sys.argv``, and its folder first in ``sys.path``."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A job that could be submitted: everything was checked and encoded, nothing was started."""

    spec: JobSpec
    encoded: Encoded
    ambient: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    environ_by_hand: dict[str, str] = field(repr=False)
    target: Target
    names: CellNames
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A job that the agent knows of."""

    id: str
    spec: JobSpec
    home: Encoded
    binds: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def launch(session: Session, source: Source, options: SubmitOptions, origin: Origin) -> Launched:
    """Prepare, write and register a job, and nudge the agent.

    After return the job outlives this process. After an exception there is no job, no folder and no row.

    Raises:
        BadInput and its children: the words, a value or a size is wrong.
        Unavailable: the disk is full or read-only, or the agent cannot be started.
    """
    job_id = new_job_id()
    with staged(session.home, job_id) as staging:
        prepared = prepare(session, source, options, origin, job_id=job_id, blobs=session.blobs)
        _write(staging, prepared, session.blobs)
    _register(session, prepared)
    look_at_git(origin.cwd)
    return Launched(
        id=job_id,
        spec=prepared.spec,
        home=prepared.encoded,
        binds=frozenset(prepared.names.binds),
        imports=prepared.names.imports,
        warnings=prepared.warnings,
    )


def prepare(
    session: Session,
    source: Source,
    options: SubmitOptions,
    origin: Origin,
    *,
    job_id: str,
    blobs: BlobStore,
) -> Prepared:
    """Check everything and encode the values into ``blobs``; starts nothing (this is also ``--dry-run``)."""
    spec = build_spec(
        options,
        source.text,
        job_id=job_id,
        now=time.time(),
        origin=origin,
        environ=os.environ,
        home=session.home.root,
        kind=source.kind,
        execution_count=source.execution_count,
    )
    spec = replace(_with_resume(session, spec), prep=dict(source.prep))
    target = session.target(spec.target, configuration())
    target.plan(spec, session.paths(job_id))
    if target.shares_machine:
        refuse_impossible(spec, Capacity.detect(os.environ).seen_by(os.environ))
    else:
        refuse_out_of_reach(spec)
    secrets = secret_values(spec.secrets, os.environ)
    names, chosen = _capture(source, spec)
    is_local = target.shares_machine
    own = _own_modules(source) if is_local else {}
    limits = Limits(warn_bytes=WARN_BYTES, max_bytes=target.max_bundle_bytes)
    with _parameters(source.namespace, spec.params):
        encoded = encode(
            _values(source, chosen) | spec.params | _module_states(own),
            namespace=source.namespace,
            blobs=blobs,
            portable=not is_local,
            required={*chosen.required, *spec.params},
            limits=limits,
        )
    refuse_written_secrets(secrets, spec.source, encoded.manifest, blobs)
    felt = _ambient(source, is_local)
    felt["modules"], lost = imported_code.outdated(own)
    return Prepared(
        spec=spec,
        encoded=encoded,
        ambient=felt,
        secrets=secrets,
        environ_by_hand=_taken_out(felt),
        target=target,
        names=names,
        warnings=_lost_code_warnings(lost) if is_local else _size_warnings(encoded),
    )


def refuse_impossible(spec: JobSpec, there: Capacity) -> None:
    """Refuse what this machine can never give; it would wait for ever, or be given less without a word.

    Raises:
        BadInput: more GPUs, CPU cores, memory or processes than there are.
    """
    wish = spec.resources
    of_type = f"{wish.gpu_type}:" if wish.gpu_type else ""
    for flag, asked, wanted, has in (
        ("--gpus", f"{of_type}{wish.gpus}", wish.gpus, len(there.gpus)),
        ("--cpus", str(wish.cpus), wish.cpus, there.cpus),
    ):
        if wanted > has:
            raise BadInput(
                f"{flag} {asked}: this machine has {has or 'none'}",
                hint="name another target with --on"
                if not has
                else f"ask for {has} or fewer, or name another target with --on",
            )
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    if wish.memory_mib > memory_mib:
        raise BadInput(
            f"--memory {wish.memory_mib}M: this machine has {memory_mib}M",
            hint="ask for less, or name another target with --on",
        )
    if wish.nproc_per_node > 1:
        raise BadInput(
            f"--nproc-per-node {wish.nproc_per_node}: target 'local' starts one process",
            hint="start more from the cell (torch.multiprocessing, joblib), or name another target with --on",
        )


def refuse_out_of_reach(spec: JobSpec) -> None:
    """Refuse what a target that is not this machine cannot do yet; it would be passed over without a word.

    Raises:
        BadInput: data that lies here.
    """
    for name, uri in spec.data.items():
        if scheme_of(uri) == "file":
            raise BadInput(
                f"--data {name}={uri}: target {str(spec.target)!r} does not see this machine's files",
                hint=f"copy it to a store first: jupyter cloudml data cp {uri} s3://bucket/{name}",
            )


def _capture(source: Source, spec: JobSpec) -> tuple[CellNames, CapturePlan]:
    if source.captured is not None:
        return source.captured
    if source.values is not None:
        required = tuple(sorted(source.values))
        return CellNames(), CapturePlan(required=required, optional=())
    names = analyse(source.text, source.transform)
    if names.syntax_error:
        raise_syntax_error(source, names.syntax_error)
    refuse_unbound_outputs(spec.outputs, names, source.namespace)
    return names, plan(names, source.namespace, inputs=spec.inputs, hidden=source.hidden)


def raise_syntax_error(source: Source, why: str) -> None:
    """Raise what the shell itself raises for the text, under the name that it gives to its cells."""
    text = source.transform(source.text) if source.transform else source.text
    if source.compile is not None:
        source.compile(text)
    compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    raise BadInput(f"the cell is not Python: {why}")


def _values(source: Source, chosen: CapturePlan) -> dict[str, Any]:
    namespace = source.namespace if source.values is None else source.values
    return {name: namespace[name] for name in (*chosen.required, *chosen.optional)}


def _own_modules(source: Source) -> dict[str, ModuleType]:
    return local_modules.reached([*source.namespace.values(), *(source.values or {}).values()])


def _module_states(own: Mapping[str, ModuleType]) -> dict[str, Any]:
    """What the notebook changed in the user's own modules, which are imported afresh there."""
    return {f"{local_modules.PREFIX}{name}": state_of(module) for name, module in own.items()}


def _lost_code_warnings(lost: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"the file of module {name!r} was changed after its import: the cell runs it as it is now"
        f" (importlib.reload({name}) makes the notebook do so too)"
        for name in lost
    )


@contextlib.contextmanager
def _parameters(namespace: dict[str, Any], params: Mapping[str, Any]) -> Iterator[None]:
    """While the values are encoded, the notebook's functions see the parameters too; afterwards it is as it was."""
    before = {name: namespace[name] for name in params if name in namespace}
    namespace.update(params)
    try:
        yield
    finally:
        for name in params:
            del namespace[name]
        namespace.update(before)


def _with_resume(session: Session, spec: JobSpec) -> JobSpec:
    if not spec.resume_from:
        return spec
    whole = get(spec.resume_from.strip(), session=session).id
    if not checkpoint.has_any(session.spec(whole), session.paths(whole)):
        raise NotFound(
            f"--resume {spec.resume_from}: job {whole} has no checkpoint",
            hint="a cell makes one by cloudml.checkpoint.save(state, step=n)",
        )
    return replace(spec, resume_from=whole)


def _ambient(source: Source, is_local: bool) -> dict[str, Any]:
    """The ambient state, without any secret that this process has ever given to a job (the history may hold one)."""
    state = ambient.collect(source.namespace, is_local=is_local)
    if source.file:
        state["cell_file"] = source.file
    if source.script:
        state["argv"] = list(source.script)
        if is_local:
            state["path"].insert(0, str(Path(source.script[0]).resolve().parent))
    secrets = known_secrets()
    if not secrets:
        return state
    if "environ" in state:
        state["environ"] = without_secrets(state["environ"], secrets, secrets.values())
    redacted: dict[str, Any] = Redactor(secrets).tree(state)
    return redacted


def _taken_out(felt: dict[str, Any]) -> dict[str, str]:
    """The variables that look like secrets; of these only the names stay in ``felt``, which goes to the disk."""
    if "environ" not in felt:
        return {}
    felt["environ"], hidden = split_environ(felt["environ"])
    if hidden:
        felt["environ_by_hand"] = sorted(hidden)
    return hidden


def _size_warnings(encoded: Encoded) -> tuple[str, ...]:
    return tuple(
        f"{report.name} is {report.bytes / 2**20:,.0f} MiB"
        + (f" ({report.note})" if report.note else "")
        for report in encoded.report
        if report.bytes > WARN_BYTES
    )


def _write(paths: JobPaths, prepared: Prepared, blobs: BlobStore) -> None:
    for digest in blob_digests(prepared.encoded.manifest):
        blobs.link_into(paths.bundle_blobs, digest)
    if not prepared.target.shares_machine:
        _copy_modules(paths, prepared)
    report = [_told(item) for item in prepared.encoded.report]
    write_json(paths.bundle_manifest, {**prepared.encoded.manifest, "report": report})
    write_json(paths.ambient, prepared.ambient)
    write_json(paths.spec, prepared.spec.to_json())


def _told(item: ValueReport) -> dict[str, Any]:
    """How one name travels, for those who look at the job later."""
    note = item.note or (f"read by {item.via}" if item.via else "")
    return {"name": item.name, "how": item.how, "bytes": item.bytes, "note": note}


def _copy_modules(paths: JobPaths, prepared: Prepared) -> None:
    """The user's own modules as source files, where the worker puts them on ``sys.path``."""
    for module in modules(prepared.names.imports).values():
        for file in module.files:
            target = paths.bundle / "modules" / file.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(file.source, target)


def _register(session: Session, prepared: Prepared) -> None:
    spec = prepared.spec
    try:
        session.registry.insert(spec, spec.created_at)
    except BaseException:
        shutil.rmtree(session.paths(spec.id).root, ignore_errors=True)
        raise
    try:
        session.nudge(spec.id, secrets=prepared.secrets, environ=prepared.environ_by_hand)
    except BaseException:
        with contextlib.suppress(CloudMLError, OSError):
            withdraw(session, spec.id)
        raise


def withdraw(session: Session, job_id: str) -> None:
    """Make a job unheard of that nothing was started for; one that was started meanwhile is cancelled."""
    paths = session.paths(job_id)
    with start_lock(paths):
        queued = not all_starts(paths) and session.registry.move(
            job_id,
            JobState.CANCELLED,
            now=time.time(),
            reason="withdrawn before it started",
            expected=JobState.QUEUED,
        )
        if queued and session.registry.forget(job_id):
            shutil.rmtree(paths.root, ignore_errors=True)
        else:
            session.registry.request(job_id, "cancel")
