"""Which jobs a list is about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..core.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """A job fits when it fits every condition that is given; an empty word is none.

    ``states`` None is any state. ``target`` is ``kind`` (all of that kind) or ``kind:name``; ``text`` is looked for in id,
    name and first line; ``name`` is the whole name.
    """

    states: Collection[JobState] | None = None
    target: str = ""
    notebook: str = ""
    experiment: str = ""
    name: str = ""
    text: str = ""


EVERY_JOB = JobFilter()
