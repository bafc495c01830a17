"""The end of a job in its cell: values home, ``_`` and ``Out``, notes, and the exception where there is one."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

from ..capture import analyse
from ..client.homecoming import DISPLAYED
from ..client.job import Job
from ..core.errors import BadInput, RuntimeExceeded
from ..core.spec import JobSpec
from ..core.states import JobState
from ..wire import Applied
from ..worker import ambient
from .tracebacks import is_printed, reads
from .watch import Watch


def settle(shell: Any, watch: Watch, state: JobState) -> None:
    """Make the notebook what it would be had the cell run here; then show the card's last picture.

    Names that were bound before an exception come home too, as in a cell that fails half way.

    Raises:
        BaseException: the exception of the cell, with its own type and its traceback from there.
        BadInput: ``-o`` names what the cell never bound.
    """
    job, spec = watch.job, watch.job.spec
    feels_at_home = job.is_at_home
    applied = job.bind(shell.user_ns)
    wrong: list[str] = []
    if applied is not None:
        if feels_at_home and (felt := job.felt(applied, shell.user_ns)):
            ambient.apply(felt)
        if DISPLAYED in applied.extra:
            _remember_result(shell, applied.extra[DISPLAYED])
        wrong = _wrong_outputs(shell, spec, applied)
        _say_what_stayed(job, applied, wrong)
        say_what_is_kept(job, applied.kept)
    watch.finish()
    if state is not JobState.SUCCEEDED:
        _fail(shell, watch, state, applied)
    if wrong:
        bound = sorted(analyse(spec.source, shell.transform_cell).binds)
        hint = f"it binds: {', '.join(bound)}" if bound else "it binds no name"
        raise BadInput(f"-o {wrong[0]}: the cell bound no such name", hint=hint)


def _fail(shell: Any, watch: Watch, state: JobState, applied: Applied | None) -> None:
    """Raise what the cell raised; its traceback was played among the outputs. No exception: a value could not be shown."""
    shown = watch.replay.error
    ended = watch.follower.view.error
    if shown is not None and state is JobState.FAILED and not ended:
        shell._last_traceback_during_displayhook = (
            True  # the kernel's way to report the cell as failed
        )
        return
    exception, lines = watch.job.exception_and_traceback(state, applied)
    if isinstance(exception, RuntimeExceeded):
        raise exception
    came_home = applied is not None and applied.exception is exception
    is_shown = shown is not None and shown.get("ename") == type(exception).__name__
    if came_home or is_shown:
        is_shown = is_shown or is_printed(exception)
        raise reads(exception, lines, is_shown=is_shown)
    raise exception


def _remember_result(shell: Any, value: Any) -> None:
    hook = shell.displayhook
    hook.update_user_ns(value)
    hook.fill_exec_result(value)


def _wrong_outputs(shell: Any, spec: JobSpec, applied: Applied) -> list[str]:
    """Names of ``-o`` that neither the cell nor the notebook has; those that merely stayed there are not wrong."""
    asked = [n for n in spec.outputs or () if n not in applied.names and n not in shell.user_ns]
    if not asked:
        return []
    binds = analyse(spec.source, shell.transform_cell).binds
    return [name for name in asked if name not in binds]


def _say_what_stayed(job: Job, applied: Applied, wrong: list[str]) -> None:
    for name, reason in applied.left_out.items():
        if name not in wrong:
            sys.stderr.write(f"cloudml: {name} stayed with job {job.id}: {reason}\n")


def say_what_is_kept(job: Job, kept: Collection[str]) -> None:
    """Tell which names the notebook has changed meanwhile, so that the job's were not bound, and how to get those."""
    if not kept:
        return
    brought = job.pull()
    pulled = ",".join(name for name in kept if name in brought)
    way_out = f"; %cloudpull {job.id} -o {pulled} binds the job's" if pulled else ""
    sys.stderr.write(
        f"cloudml: {', '.join(kept)}: changed here since job {job.id} began, left as it is{way_out}\n"
    )
