"""What a cell says to its job: ``log``, ``progress``, ``checkpoint``, ``params``, ``rank``. At home they just print.

Every call is an append to the job's journal, or to its mapped tail: microseconds, and durable against a kill of the worker
when it returns.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from itertools import count
from operator import index
from typing import Any, SupportsIndex, TypeVar

from ..core import events
from ..core.errors import BadInput, CloudMLError
from . import checkpoint, context
from .channels import Channels

__all__ = ["Params", "checkpoint", "data", "log", "params", "progress", "rank", "world_size"]

_T = TypeVar("_T")
_PROGRESS_EVERY_S = 0.1
_progress_ids = count(1)


def log(step: int | None = None, **metrics: Any) -> None:
    """Record metrics of a step: ``cloudml.log(loss=0.3, accuracy=0.9, step=epoch)``.

    Without ``step`` the calls are counted from 0. Values are anything that ``float`` takes (tensors of one element too).
    Costs a few microseconds; what was logged survives ``kill -9`` when this returns. At home it prints.

    Raises:
        BadInput: a value is no number, or ``step`` no whole number.
    """
    job = context._current
    if job is None:
        print(*(f"{name}={value}" for name, value in metrics.items()))
        return
    at = job.step if step is None else step
    if job.redactor is not None:
        metrics = job.redactor.tree(metrics)
    try:
        job.writer.append_metrics(metrics, at)
    except CloudMLError:
        raise
    except Exception as exc:  # a value's own ``__float__`` may raise anything
        raise _not_a_number(metrics, at) from exc
    if step is None:
        job.step += 1


def _not_a_number(metrics: dict[str, Any], step: SupportsIndex) -> BadInput:
    """What is wrong with values that could not be written."""
    try:
        whole = index(step)
    except Exception:  # noqa: BLE001 - a stranger's ``__index__`` may raise anything
        kind = type(step).__name__
        return BadInput(
            f"step is a {kind}, not a whole number", hint="cloudml.log(loss=0.3, step=7)"
        )
    if whole.bit_length() > 63:
        return BadInput("step has more than 64 bits", hint="count the steps from 0")
    for name, value in metrics.items():
        try:
            float(value)
        except OverflowError:
            return BadInput(f"metric {name!r} is beyond what a float holds", hint="scale it")
        except Exception:  # noqa: BLE001 - a stranger's ``__float__`` may raise anything
            kind = type(value).__name__
            return BadInput(f"metric {name!r} is a {kind}, not a number", hint="log one number")
    return BadInput("a metric is not a number", hint="log one number a name")


def progress(iterable: Iterable[_T], total: int | None = None, *, desc: str = "") -> Iterator[_T]:
    """Go through ``iterable`` and show how far it is (with the time left, where the length is known).

    At most ten events a second are journalled, and always the last one, also when the loop is left early.
    """
    job = context.current()
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if job is None:
        yield from iterable
        return
    if job.redactor is not None:
        desc = job.redactor.text(desc)
    bar, done, next_at = f"p{next(_progress_ids)}", 0, 0.0
    try:
        for item in iterable:
            if (now := time.monotonic()) >= next_at:
                next_at = now + _PROGRESS_EVERY_S
                job.writer.append(events.PROGRESS, id=bar, n=done, total=total, desc=desc)
            yield item
            done += 1
    finally:
        job.writer.append(events.PROGRESS, id=bar, n=done, total=total, desc=desc, done=True)


class Params(dict[str, Any]):
    """The ``-p`` parameters of the job, as items and as attributes; empty at home."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"no parameter {name!r}; known: {', '.join(self) or 'none'}"
            ) from None


def params() -> Params:
    """The parameters that were given with ``-p name value``."""
    job = context.current()
    return Params(job.params if job is not None else {})


def data() -> Channels:
    """What was given with ``--data name=URI``, by name; empty at home."""
    job = context.current()
    return Channels(job.data if job is not None else {})


def rank() -> int:
    """The rank of this worker in its job; 0 at home and for a job of one process."""
    job = context.current()
    return job.rank if job is not None else 0


def world_size() -> int:
    """How many workers the job has."""
    import os

    return int(os.environ.get("WORLD_SIZE", "1")) if context.current() is not None else 1
