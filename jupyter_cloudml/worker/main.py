"""One job, from its folder to its final state. ``run_job`` is the whole of it; ``run_and_exit`` ends the process too."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..core import events
from ..core.errors import CloudMLError, Corrupt, FarSideError, RuntimeExceeded, Unavailable
from ..core.spec import JobSpec
from ..core.states import JobState
from ..journal.atomic import read_json
from ..journal.lease import Lease
from ..journal.paths import JobPaths
from ..journal.writer import JournalWriter
from ..wire import BlobStore, Decoded, decode
from . import ambient, checkpoint, context, huge_pages, imported_code, local_modules, memory
from .background import Background
from .departure import forget_inherited_exits, leave_process
from .environment import preparation
from .environment.preparation import Handover
from .failure import short_text, unknown_names
from .interrupt import interruptible
from .mlflow_shim import follow_mlflow
from .on_import import forget, when_imported
from .outcome import CellRun
from .outlet import JournalOutlet
from .redact import Redactor
from .result import publish
from .sampler import INTERVAL_S, Sampler
from .threads import Joined

EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.FAILED: 1, JobState.CANCELLED: 130}


class Shell(Protocol):
    """What runs a cell: ``shell.Shell`` with IPython, ``plain.PlainShell`` without."""

    @property
    def namespace(self) -> dict[str, Any]: ...
    @property
    def hidden(self) -> frozenset[str]: ...
    def configure(self, outlet: Any, *, execution_count: int, ambient: dict[str, Any]) -> None: ...
    def adopt_values(self) -> None: ...
    def own_names(self) -> frozenset[str]: ...
    def rehearse(self) -> None: ...
    def run(self, source: str, *, cell_id: str = "", keep: str = "") -> CellRun: ...


def make_shell() -> Shell:
    """The best shell that this interpreter can make. Can be made ahead of need, before any job is known."""
    try:
        from .shell import make_shell as make_ipython_shell
    except ImportError:
        from .plain import PlainShell

        return PlainShell()
    shell = make_ipython_shell()
    ambient.apply_options(ambient.collect(shell.namespace))  # the first time is the slow one
    return shell


def run_job(
    folder: Path | str,
    *,
    rank: int = 0,
    shell: Shell | None = None,
    secrets: dict[str, str] | None = None,
    env: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    lease: Lease | None = None,
    has_agent: bool = False,
    is_prepared: bool = False,
) -> int:
    """Run the job in ``folder`` and return its exit code: 0 succeeded, 1 failed, 130 cancelled.

    When it returns, the journal ends with the final state, and everything that led there is on its way to the disk:
    first the result manifest at once as a whole, then the executed cell, the ``result`` event, the final state. Never
    raises what the cell raises. ``env`` is set over all else (the launcher's devices, ranks, addresses); ``secrets`` are
    set in the environment and replaced by ``***NAME***`` in everything that is journalled. ``environ`` are variables of
    the submitter that lie on no disk (None: they are in this process's environment). ``has_agent``: see `Handover`.
    ``is_prepared``: this interpreter is the one of the job's own packages (``run_and_exit`` sees to that).

    Raises:
        Unavailable: the job runs already in another process, or the disk refuses; nothing was started.
    """
    paths = JobPaths(Path(folder).absolute())
    held = lease or Lease.acquire(paths.lease(rank))
    try:
        with JournalWriter(paths.journal(rank)) as writer:
            job = _Job(
                paths=paths,
                rank=rank,
                writer=writer,
                secrets=secrets or {},
                env=env or {},
                environ=environ,
                has_agent=has_agent,
                is_prepared=is_prepared,
            )
            return EXIT_CODES[job.run(shell)]
    finally:
        if lease is None:
            held.release()


def run_and_exit(folder: Path | str, told: Handover, *, shell: Shell | None = None) -> None:
    """``run_job``, and then the end of this process: the lease is held to the very end, teardown is skipped.

    A job that asks for packages makes this process begin anew in their environment first (``preparation``). Exit
    handlers of the cell run; those that were registered before do not (a parent's, in a forked spare). A crash in C code
    leaves a traceback on standard error.
    """
    forget_inherited_exits()
    faulthandler.enable(os.dup(2))
    paths = JobPaths(Path(folder).absolute())
    lease = Lease.acquire(paths.lease(told.rank))
    code = preparation.prepare(paths, told, lease)
    if code is None:
        code = run_job(
            folder,
            rank=told.rank,
            shell=shell,
            secrets=told.secrets,
            env=told.env,
            environ=told.environ,
            lease=lease,
            has_agent=told.has_agent,
            is_prepared=told.is_prepared,
        )
    leave_process(code)


@dataclass(kw_only=True)
class _Job:
    """The state of one run. Its methods are the steps, in the order in which they are called."""

    paths: JobPaths
    rank: int
    writer: JournalWriter
    secrets: dict[str, str]
    env: dict[str, str]
    environ: dict[str, str] | None = field(repr=False)
    has_agent: bool
    is_prepared: bool
    redactor: Redactor = field(init=False)
    outlet: JournalOutlet = field(init=False)
    background: Background = field(init=False)

    def __post_init__(self) -> None:
        self.redactor = Redactor(self.secrets)
        self.background = Background()
        self.outlet = JournalOutlet(self.writer, self.redactor, self.background)
        if self.has_agent:
            self.writer.keep_tail(self.background.every)

    def run(self, shell: Shell | None) -> JobState:
        self.writer.append(
            events.STATE, state=JobState.RUNNING, pid=os.getpid(), host=socket.gethostname()
        )
        try:
            return self._finish(*self._attempt(shell))
        except KeyboardInterrupt:
            if self.paths.overdue.exists():
                spec = self._spec()
                late = RuntimeExceeded.after(spec.max_runtime_s, spec.id)
                return self._finish(JobState.FAILED, late)
            return self._finish(JobState.CANCELLED, None)
        except CloudMLError as exc:
            return self._finish(JobState.FAILED, exc)
        except Exception as exc:  # noqa: BLE001 - the outermost frame: the job must end with a state, whatever it was
            traceback.print_exc()
            return self._finish(JobState.FAILED, _far_side(exc))

    def _attempt(self, shell: Shell | None) -> tuple[JobState, BaseException | None]:
        spec = self._spec()
        offset = self.paths.journal(self.rank).stat().st_size
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            felt = self._feel(spec)
            self._import_as_at_home(felt, stack)
            shell = shell or make_shell()
            decoded = self._decode(shell)
            modules = self._follow_modules(shell)
            self._enter(spec, decoded, stack)
            shell.configure(self.outlet, execution_count=spec.execution_count, ambient=felt)
            shell.adopt_values()
            self._follow_options(felt)
            before = dict(shell.namespace)
            outcome, felt_before = self._run_cell(spec, shell, decoded, felt)
            self._tell_what_was_missing(decoded, outcome)
            outcome = self._as_overdue(spec, outcome)
            reloaded = imported_code.reloaded()
        publish(
            self.paths,
            self.rank,
            spec,
            shell=shell,
            before=before,
            decoded=decoded,
            outcome=outcome,
            felt_before=felt_before,
            modules=modules,
            reloaded=reloaded,
            redactor=self.redactor,
            writer=self.writer,
            offset=offset,
        )
        failed = JobState.FAILED if outcome.is_failed else JobState.SUCCEEDED
        return failed, outcome.error

    def _spec(self) -> JobSpec:
        data = read_json(self.paths.spec)
        if not isinstance(data, dict):
            raise Corrupt(
                f"{str(self.paths.spec)!r} is missing or damaged", hint="submit the job again"
            )
        return JobSpec.from_json(data)

    def _feel(self, spec: JobSpec) -> dict[str, Any]:
        """Environment, path and directory as at home; the launcher's word is the last one."""
        felt = read_json(self.paths.ambient)
        felt = felt if isinstance(felt, dict) else {}
        here = list(sys.path)
        if "environ" in felt:
            ambient.replace_environ({**felt["environ"], **self._handed_over(felt)})
        os.environ.update({**spec.env, **self.secrets, **self.env})
        os.environ["CLOUDML_JOB_ID"] = spec.id
        ambient.apply_place(felt)
        if self.is_prepared:
            ambient.put_first(preparation.settle_in())
        modules = self.paths.bundle / "modules"
        if modules.is_dir():
            sys.path.insert(0, str(modules))
        own = str(Path(__file__).parents[2])
        if own in here and own not in sys.path:
            sys.path.append(own)
        return felt

    def _import_as_at_home(self, felt: dict[str, Any], stack: ExitStack) -> None:
        """Modules whose files were changed after their import at home are here what they are there."""
        for name in imported_code.follow(felt.get("modules", {})):
            self.writer.append(
                events.NOTE,
                text=f"module {name} is imported from its file as it is now: another Python runs here",
            )
        stack.callback(imported_code.forget)

    def _handed_over(self, felt: dict[str, Any]) -> dict[str, str]:
        """The variables of the submitter that lie on no disk; a note tells of those that are lost."""
        names = felt.get("environ_by_hand", [])
        given = os.environ if self.environ is None else self.environ
        lost = [name for name in names if name not in given]
        if lost:
            self.writer.append(
                events.NOTE,
                text=f"started without {', '.join(lost)} of the notebook's environment: "
                "they are on no disk, and the agent that held them is gone (retry from the notebook, or use --secret)",
            )
        return {name: given[name] for name in names if name in given}

    def _follow_options(self, felt: dict[str, Any]) -> None:
        """Random states and options as at home, now and for packages that the cell will import."""
        ambient.apply_options(felt)
        for name, parts in ambient.PACKAGES.items():
            if name not in sys.modules and not felt.keys().isdisjoint(parts):
                when_imported(name, partial(ambient.apply_package, name, state=felt))

    def _follow_modules(self, shell: Shell) -> dict[str, Any]:
        """The user's modules have the state that they have at home, from their import on; that state, by name."""
        given = {}
        for name in [name for name in shell.namespace if name.startswith(local_modules.PREFIX)]:
            state = shell.namespace.pop(name)
            module = name.removeprefix(local_modules.PREFIX)
            given[module] = local_modules.snapshot(state)
            when_imported(module, imported_code.meet)
            when_imported(module, partial(local_modules.restore, state=state))
        return given

    def _decode(self, shell: Shell) -> Decoded:
        manifest = read_json(self.paths.bundle_manifest)
        if not isinstance(manifest, dict):
            raise Corrupt(
                f"{str(self.paths.bundle_manifest)!r} is missing or damaged",
                hint="submit the job again",
            )
        blobs = BlobStore(self.paths.bundle_blobs)
        return decode(manifest, namespace=shell.namespace, blobs=blobs, trusted=True)

    def _enter(self, spec: JobSpec, decoded: Decoded, stack: ExitStack) -> None:
        """The SDK knows its job, and MLflow lands in its run; both only until the cell is over."""
        checkpoints = checkpoint.folder_of(spec, self.paths)
        _resume(spec, self.paths, checkpoints)
        context.enter(
            context.JobContext(
                job_id=spec.id,
                rank=self.rank,
                params={name: decoded.names.get(name, spec.params[name]) for name in spec.params},
                paths=self.paths,
                checkpoints=checkpoints,
                checkpoint_uri=checkpoint.far_uri_of(spec),
                data=spec.data,
                writer=self.writer,
                redactor=self.redactor if self.redactor else None,
            )
        )
        stack.callback(context.leave)
        stack.callback(forget)
        follow_mlflow(spec, self.paths, self.writer, rank=self.rank, redactor=self.redactor)

    def _run_cell(
        self, spec: JobSpec, shell: Shell, decoded: Decoded, felt: dict[str, Any]
    ) -> tuple[CellRun, dict[str, Any]]:
        """How the cell ended, and the ambient state in which it began."""
        sampler = Sampler(self.writer)
        with memory.limited(spec.resources.memory_mib, self.paths.journal(self.rank)), self.outlet:
            ambient.apply_logging(felt)
            felt_before = ambient.collect_lasting(shell.namespace)
            self.background.every(INTERVAL_S, sampler.sample)
            if not spec.resources.memory_mib:
                huge_pages.gather_in_time(self.background.soon)
            self.background.start()
            try:
                with Joined(self.writer):
                    if spec.autolog and self.rank == 0:
                        import mlflow

                        mlflow.autolog()
                    return self._run_source(spec, shell, decoded), felt_before
            finally:
                self.background.stop()
                with contextlib.suppress(Unavailable):
                    self.writer.settle()
                sampler.last()

    def _run_source(self, spec: JobSpec, shell: Shell, decoded: Decoded) -> CellRun:
        if not spec.prep:
            return shell.run(spec.source, cell_id=spec.origin.cell_id)
        from .prepared import run_preparation

        return run_preparation(
            spec,
            shell,
            paths=self.paths,
            manifest=decoded.manifest,
            writer=self.writer,
            outlet=self.outlet,
        )

    def _tell_what_was_missing(self, decoded: Decoded, outcome: CellRun) -> None:
        """A cell that failed for want of a name which could not travel, or not be rebuilt here: a note says why."""
        reasons = {**decoded.manifest.get("left_out", {}), **decoded.left_out}
        for name in unknown_names(outcome.error):
            if name in reasons:
                text = self.redactor.text(f"{name} did not arrive there: {reasons[name]}")
                self.writer.append(events.NOTE, text=text)

    def _as_overdue(self, spec: JobSpec, outcome: CellRun) -> CellRun:
        """A cell that the agent interrupted because its time is over ends with that, not with the interrupt."""
        if outcome.error is None or not self.paths.overdue.exists() or self.paths.cancel.exists():
            return outcome
        late = RuntimeExceeded.after(spec.max_runtime_s, spec.id)
        late.__traceback__ = outcome.error.__traceback__
        return replace(outcome, error=late)

    def _finish(self, state: JobState, error: BaseException | None) -> JobState:
        """Journal the final state. A job whose cancellation was asked for ends CANCELLED."""
        fields: dict[str, Any] = {}
        if self.paths.cancel.exists():
            state = JobState.CANCELLED
        if state is JobState.CANCELLED:
            fields["reason"] = "cancelled" if self.paths.cancel.exists() else "interrupted"
        if error is not None:
            message = error.message if isinstance(error, CloudMLError) else short_text(error)
            hint = getattr(error, "hint", "") if isinstance(error, CloudMLError) else ""
            fields["error"] = {
                "type": type(error).__name__,
                "message": self.redactor.text(message),
                **({"hint": hint} if hint else {}),
            }
        self.writer.append(events.STATE, state=state, **fields)
        return state


def _resume(spec: JobSpec, paths: JobPaths, target: Path) -> None:
    """Bring the checkpoints of the job that this one resumes, where its folder lies beside this one."""
    if not spec.resume_from:
        return
    other = JobPaths(paths.root.parent / spec.resume_from)
    data = read_json(other.spec)
    resumed = JobSpec.from_json(data) if isinstance(data, dict) else None
    folder = checkpoint.folder_of(resumed, other) if resumed else other.checkpoints
    if folder.is_dir():
        checkpoint.carry_over(folder, target)
    far = checkpoint.far_uri_of(resumed) if resumed else ""
    if far and far != checkpoint.far_uri_of(spec):
        checkpoint.bring_over(far, target)


def _far_side(exc: Exception) -> FarSideError:
    error = FarSideError(
        f"the far end could not run the cell: {type(exc).__name__}: {exc}",
        hint="worker.log in the job's folder has the traceback",
    )
    error.__cause__ = exc
    return error
