"""What a shell says of the cell that it ran."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """How a cell ended. ``error`` is the exception that ended it; ``displayed`` the value of its last expression.

    ``context`` holds the context variables (NumPy's print options, the decimal context) as the cell left them.
    ``is_failed`` without an ``error`` means: the value could not be formatted, which a kernel reports as a failure too.
    """

    error: BaseException | None = None
    is_failed: bool = False
    traceback: tuple[str, ...] = ()
    has_displayed: bool = False
    displayed: Any = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
