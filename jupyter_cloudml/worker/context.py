"""What the SDK in the cell needs to know of its job; one per worker process, none at home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..journal.paths import JobPaths
    from ..journal.writer import JournalWriter
    from .redact import Redactor


@dataclass(kw_only=True, slots=True)
class JobContext:
    """The job that this process runs. ``step`` counts the ``log`` calls that name no step."""

    job_id: str
    rank: int
    params: dict[str, Any]
    paths: JobPaths
    checkpoints: Path
    """Where they are written; ``checkpoint_uri`` is the store that they are published to, empty without one."""
    data: dict[str, str]
    """URIs by name."""
    writer: JournalWriter
    redactor: Redactor | None = None
    """Set where the job has secrets: what the SDK journals must not hold one."""
    step: int = 0
    checkpoint_uri: str = ""
    flush: Callable[[], None] = lambda: None


_current: JobContext | None = None


def current() -> JobContext | None:
    """The job of this process; None at home."""
    return _current


def enter(context: JobContext) -> None:
    global _current
    _current = context


def leave() -> None:
    global _current
    _current = None
