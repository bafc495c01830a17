"""``%%cloudtrain`` and the verbs of jobs. Parse, one call of the client, render: no logic of their own."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..client.failure import dressed, plainly
from ..client.flags import JOB_FLAGS, Flag, help_text, keep, parse_line, switch
from ..client.job import Job
from ..client.lookup import get, jobs
from ..client.options import SubmitOptions, options_from
from ..client.session import Session, configuration, current_session
from ..client.submit import Source, launch
from ..core.errors import BadInput, CloudMLError
from ..core.spec import TargetRef
from .context import cell_origin, is_batch
from .report import CaptureReport, dry_run
from .settle import settle
from .tables import JobTable
from .watch import Watch

_F = TypeVar("_F", bound=Callable[..., Any])

CONFIG_WORDS = [
    "on",
    "gpus",
    "cpus",
    "memory",
    "num_nodes",
    "nproc_per_node",
    "requirements",
    "env",
    "secrets",
    "experiment",
    "tags",
    "retries",
    "max_runtime",
    "checkpoint",
    "autolog",
    "detach",
]
CONFIG_FLAGS = (
    *(flag for flag in JOB_FLAGS if flag.word in CONFIG_WORDS),
    Flag(
        names=("--batch",), word="batch", fold=switch, arity=0, help="one interrupt cancels the job"
    ),
    Flag(
        names=("--no-batch",),
        word="no_batch",
        fold=switch,
        arity=0,
        help="the first interrupt detaches",
    ),
    Flag(names=("--reset",), word="reset", fold=switch, arity=0, help="forget what was set here"),
)
LIST_FLAGS = (
    Flag(
        names=("--state",), word="state", fold=keep, takes="STATE", help="only jobs in this state"
    ),
    Flag(
        names=("--on",),
        word="on",
        fold=keep,
        takes="kind[:name]",
        completes="target",
        help="only this target",
    ),
    Flag(
        names=("--experiment",),
        word="experiment",
        fold=keep,
        takes="E",
        help="only this experiment",
    ),
    Flag(names=("-n", "--limit"), word="limit", fold=keep, takes="N", help="how many (default 20)"),
)
FOLLOW = (
    Flag(
        names=("-f", "--follow"),
        word="follow",
        fold=switch,
        arity=0,
        help="go on until the job ends",
    ),
)
OUTPUTS = tuple(flag for flag in JOB_FLAGS if flag.word == "outputs")
FLAGS_OF: dict[str, tuple[Flag, ...]] = {
    "cloudtrain": JOB_FLAGS,
    "cloudconfig": CONFIG_FLAGS,
    "cloudjobs": LIST_FLAGS,
    "cloudlogs": FOLLOW,
    "cloudpull": OUTPUTS,
    "cloudattach": (),
    "cloudcancel": (),
    "cloudretry": (),
}
"""Every magic and its flags; completion reads it too."""

_EXAMPLES = """
Examples
--------
%%cloudtrain --on local                             run this cell in another process, as if it ran here
%%cloudtrain train --gpus 1 -p lr 0.01              a named job with a GPU and a recorded parameter
%%cloudtrain --dry-run                              what would travel, how, and how big it is
%%cloudtrain -o model,history --detach              come back later: %cloudattach, or cloudml.get(id).result()
%%cloudtrain --resume 3f2a --retries 2              go on from the newest checkpoint of another job
"""


def one_sentence(method: _F) -> _F:
    """A user's mistake is shown as one sentence, without the frames of this package."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except CloudMLError as exc:
            if hasattr(exc, "_render_traceback_"):
                raise
            raise plainly(exc) from None
        except SyntaxError as exc:
            raise exc.with_traceback(None) from None

    return call  # type: ignore[return-value]


@magics_class
class CloudMagics(Magics):  # type: ignore[misc]
    """The magics of one kernel. ``defaults`` are what ``%cloudconfig`` set in it."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.defaults: dict[str, Any] = {}
        self.batch: bool | None = None
        self._detached: dict[str, Job] = {}
        self._returned: WeakValueDictionary[str, Job] = WeakValueDictionary()

    @property
    def _session(self) -> Session:
        return current_session()

    @cell_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudtrain(self, line: str, cell: str) -> Job | CaptureReport | None:
        words = parse_line("%%cloudtrain", line, JOB_FLAGS, ("name",))
        options = self._options(words)
        source = self._source(cell)
        origin = cell_origin(self.shell, os.environ)
        if options.dry_run:
            return dry_run(self._session, source, options, origin)
        launched = launch(self._session, source, options, origin)
        for warning in launched.warnings:
            sys.stderr.write(f"cloudml: {warning}\n")
        job = Job(launched.id, self._session, home=launched.home)
        if options.detach:
            self._returned[job.id] = job
            return job
        self._look(job)
        return None

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudattach(self, line: str) -> None:
        """Show a job in this cell, live or again, and bind its results here: ``%cloudattach JOB``"""
        self._look(self._job("%cloudattach", line, ())[0])

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudpull(self, line: str) -> None:
        """Bind what a job brought home, without its output: ``%cloudpull JOB [-o x,y]``"""
        job, words = self._job("%cloudpull", line, OUTPUTS)
        bound = job.pull(*words.get("outputs", ()), into=self.shell.user_ns)
        sys.stdout.write(f"bound: {', '.join(sorted(bound)) or 'nothing'}\n")

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudlogs(self, line: str) -> None:
        """Print what a job printed: ``%cloudlogs [-f] JOB``; ``-f`` goes on until it ends, ■ stops looking."""
        job, words = self._job("%cloudlogs", line, FOLLOW)
        follow = bool(words.get("follow"))
        try:
            for piece in job.live_text() if follow else [job.text()]:
                sys.stdout.write(piece)
        except KeyboardInterrupt:
            sys.stderr.write(f"cloudml: job {job.id} goes on\n")

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudjobs(self, line: str) -> JobTable:
        """List jobs, newest first: ``%cloudjobs [TEXT] [--state S] [--on kind[:name]] [--experiment E] [-n N]``"""
        words = parse_line("%cloudjobs", line, LIST_FLAGS, ("text",))
        limit = str(words.pop("limit", "20"))
        if not limit.isdigit():
            raise BadInput(f"-n {limit!r} is not a number")
        return JobTable(jobs(**words, limit=int(limit), session=self._session))

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudcancel(self, line: str) -> None:
        """Ask a job to stop: ``%cloudcancel JOB``"""
        job, _ = self._job("%cloudcancel", line, ())
        done = "asked to stop" if job.cancel() else f"has ended already: {job.state}"
        sys.stdout.write(f"job {job.id} {done}\n")

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudretry(self, line: str) -> Job:
        """Start a job that has ended once more, with the same bundle: ``%cloudretry JOB``"""
        return self._job("%cloudretry", line, ())[0].retry()

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudconfig(self, line: str) -> dict[str, Any]:
        words = parse_line("%cloudconfig", line, CONFIG_FLAGS)
        if words.pop("reset", False):
            self.defaults, self.batch = {}, None
        for word, value in (("batch", True), ("no_batch", False)):
            if words.pop(word, False):
                self.batch = value
        if "on" in words:
            self._session.target(TargetRef.parse(words["on"]), configuration())
        self.defaults = {**self.defaults, **words}
        batch = {} if self.batch is None else {"batch": self.batch}
        return {**configuration().defaults.given(), **self.defaults, **batch}

    def _options(self, words: dict[str, Any]) -> SubmitOptions:
        return options_from(words, {**configuration().defaults.given(), **self.defaults})

    def _source(self, cell: str) -> Source:
        shell = self.shell
        return Source(
            text=cell,
            namespace=shell.user_ns,
            transform=shell.transform_cell,
            name_of=lambda text: shell.compile.cache(text, shell.execution_count, raw_code=cell),
            hidden=frozenset(shell.user_ns_hidden),
            execution_count=shell.execution_count,
        )

    def _job(self, magic: str, line: str, flags: tuple[Flag, ...]) -> tuple[Job, dict[str, Any]]:
        """The job that the line names, by id, name, or a variable of the notebook that holds it; and the other words."""
        words = parse_line(magic, line, flags, ("job",))
        name = words.pop("job", "")
        if not name:
            raise BadInput(f"{magic} needs a job", hint="%cloudjobs lists them")
        held = self.shell.user_ns.get(name)
        job = held if isinstance(held, Job) else get(name, session=self._session)
        return self._returned.get(job.id) or self._detached.get(job.id) or job, words

    def _look(self, job: Job) -> None:
        watch = Watch(self.shell, job, is_batch=is_batch(self.shell, os.environ, self.batch))
        state = watch.run()
        if state is None:
            self._detached[job.id] = job
            raise dressed(KeyboardInterrupt(), [f"Detached from job {job.id}, which goes on."])
        self._detached.pop(job.id, None)
        settle(self.shell, watch, state)


CloudMagics.cloudtrain.__doc__ = (
    "Run this cell on a target as if it ran here.\n\n"
    "%%cloudtrain [NAME] [options]\n\n"
    "Values that the cell reads travel there; output, names that it binds, objects that it changes, and errors come "
    "home.\n\n"
    f"{help_text(JOB_FLAGS)}\n{_EXAMPLES}"
)
CloudMagics.cloudconfig.__doc__ = (
    "Set or show the defaults of this notebook's jobs: ``%cloudconfig --on slurm:hpc --experiment churn``\n\n"
    f"{help_text(CONFIG_FLAGS)}\n"
)
