"""What the magics do: one call of the client each, and a cell that looks at the job."""

from __future__ import annotations

import ast
import os
import re
import sys
import time
from collections.abc import Collection
from typing import Any
from weakref import WeakValueDictionary

from ..client.anticipate import import_ahead
from ..client.defaults import defaults, notebook_defaults, set_notebook_defaults
from ..client.failure import dressed
from ..client.flags import (
    CONFIG_FLAGS,
    FOLLOW_FLAGS,
    JOB_FLAGS,
    LIST_FLAGS,
    OUTPUT_FLAGS,
    PREP_FLAGS,
)
from ..client.job import Job
from ..client.launch import Source, launch
from ..client.line import Flag, parse_line
from ..client.lookup import get, jobs
from ..client.options import SubmitOptions, build_spec, options_from
from ..client.session import Session, configuration, current_session
from ..core.errors import BadInput
from ..core.ids import new_job_id
from .context import cell_origin, is_batch
from .report import CaptureReport, dry_run
from .settle import say_what_is_kept, settle
from .tables import JobTable
from .watch import Watch

_MAY_BE_MAGIC = re.compile(r"[%!?]")


class Verbs:
    """The verbs of one kernel."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.batch: bool | None = None
        self._detached: dict[str, Job] = {}
        self._returned: WeakValueDictionary[str, Job] = WeakValueDictionary()

    @property
    def _session(self) -> Session:
        return current_session()

    def train(self, line: str, cell: str) -> Job | CaptureReport | None:
        words = parse_line("%%cloudtrain", line, JOB_FLAGS, ("name",))
        return self._start(self._source(cell), self._options(words))

    def prep(self, line: str, cell: str) -> Job | CaptureReport | None:
        from ..client.preparation import as_preparation

        words = parse_line("%%cloudprep", line, PREP_FLAGS, ("name",))
        source, of_job = as_preparation(self._source(cell), words)
        return self._start(source, self._options(of_job))

    def _start(self, source: Source, options: SubmitOptions) -> Job | CaptureReport | None:
        origin = cell_origin(self.shell, os.environ)
        if options.dry_run:
            return dry_run(self._session, source, options, origin)
        launched = launch(self._session, source, options, origin)
        for warning in launched.warnings:
            sys.stderr.write(f"cloudml: {warning}\n")
        job = Job(launched.id, self._session, home=launched.home)
        if options.detach:
            job.depart(self.shell.user_ns, launched.binds)
            self._returned[job.id] = job
            return job
        if launched.spec.outputs != ():
            import_ahead(launched.imports)
        self._look(job, launched.binds)
        return None

    def attach(self, line: str) -> None:
        self._look(self._job("%cloudattach", line, ())[0])

    def pull(self, line: str) -> None:
        job, words = self._job("%cloudpull", line, OUTPUT_FLAGS)
        names, space = words.get("outputs", ()), self.shell.user_ns
        bound = {*job.pull(*names, into=space if names else None)}
        applied = None if names else job.bind_rebuilt(space)
        kept = applied.kept if applied is not None else ()
        sys.stdout.write(f"bound: {', '.join(sorted(bound - {*kept})) or 'nothing'}\n")
        say_what_is_kept(job, kept)

    def logs(self, line: str) -> None:
        job, words = self._job("%cloudlogs", line, FOLLOW_FLAGS)
        follow = bool(words.get("follow"))
        try:
            for piece in job.live_text() if follow else [job.text()]:
                sys.stdout.write(piece)
        except KeyboardInterrupt:
            sys.stderr.write(f"cloudml: job {job.id} goes on\n")

    def jobs(self, line: str) -> JobTable:
        words = parse_line("%cloudjobs", line, LIST_FLAGS, ("text",))
        limit = str(words.pop("limit", "20"))
        if not limit.isdigit():
            raise BadInput(f"-n {limit!r} is not a number")
        return JobTable(jobs(**words, limit=int(limit), session=self._session))

    def cancel(self, line: str) -> None:
        job, _ = self._job("%cloudcancel", line, ())
        done = "asked to stop" if job.cancel() else f"has ended already: {job.state}"
        sys.stdout.write(f"job {job.id} {done}\n")

    def retry(self, line: str) -> Job:
        return self._job("%cloudretry", line, ())[0].retry()

    def config(self, line: str) -> dict[str, Any]:
        words = parse_line("%cloudconfig", line, CONFIG_FLAGS)
        earlier = notebook_defaults()
        if words.pop("reset", False):
            earlier, self.batch = {}, None
        for word, value in (("batch", True), ("no_batch", False)):
            if words.pop(word, False):
                self.batch = value
        wanted = {**earlier, **words}
        self._check(options_from(wanted, configuration().defaults.given()))
        set_notebook_defaults(wanted)
        batch = {} if self.batch is None else {"batch": self.batch}
        return {**defaults(), **batch}

    def _check(self, options: SubmitOptions) -> None:
        """Refuse defaults that no job could have, before they are kept."""
        session, origin = self._session, cell_origin(self.shell, os.environ)
        job_id = new_job_id()
        spec = build_spec(
            options,
            "",
            job_id=job_id,
            now=time.time(),
            origin=origin,
            environ=os.environ,
            home=session.home.root,
        )
        session.target(spec.target, configuration()).plan(spec, session.paths(job_id))

    def _options(self, words: dict[str, Any]) -> SubmitOptions:
        return options_from(words, defaults())

    def _source(self, cell: str) -> Source:
        shell = self.shell
        return Source(
            text=cell,
            namespace=shell.user_ns,
            transform=shell.transform_cell,
            compile=lambda text: self._compile(text, cell),
            hidden=frozenset(shell.user_ns_hidden),
            execution_count=shell.displayhook.prompt_count,
            file=self._remembered(cell),
        )

    def _remembered(self, cell: str) -> str:
        """Make the cell's source known here as the shell does for cells that run here; the file name of its code."""
        shell = self.shell
        text = shell.transform_cell(cell) if _MAY_BE_MAGIC.search(cell) else cell
        name = shell.compile.cache(text, shell.displayhook.prompt_count, raw_code=cell)
        return str(name)

    def _compile(self, text: str, cell: str) -> None:
        """Compile as the shell does before it runs a cell; raises what the shell shows."""
        compiler = self.shell.compile
        name = compiler.cache(text, self.shell.displayhook.prompt_count, raw_code=cell)
        tree = compiler.ast_parse(text, filename=name)
        with compiler.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
            compiler(tree, name, "exec")

    def _job(self, magic: str, line: str, flags: tuple[Flag, ...]) -> tuple[Job, dict[str, Any]]:
        """The job that the line names, by id, name, or a variable of the notebook that holds it; and the other words."""
        words = parse_line(magic, line, flags, ("job",))
        name = words.pop("job", "")
        if not name:
            raise BadInput(f"{magic} needs a job", hint="%cloudjobs lists them")
        held = self.shell.user_ns.get(name)
        job = held if isinstance(held, Job) else get(name, session=self._session)
        return self._returned.get(job.id) or self._detached.get(job.id) or job, words

    def _look(self, job: Job, binds: Collection[str] = ()) -> None:
        watch = Watch(self.shell, job, is_batch=is_batch(self.shell, os.environ, self.batch))
        state = watch.run()
        if state is None:
            job.depart(self.shell.user_ns, binds)
            self._detached[job.id] = job
            raise dressed(KeyboardInterrupt(), [f"Detached from job {job.id}, which goes on."])
        self._detached.pop(job.id, None)
        settle(self.shell, watch, state)
