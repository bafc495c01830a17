"""Errors of a cell that IPython draws in its own way: syntax errors, usage errors, groups of exceptions, and our own.

Ours are shown without the frames of this package. Of all others it asks ``_render_traceback_``; for these it would show this package's frames, or what the far side's shell has
already printed a second time.
"""

from __future__ import annotations

import functools
import sys
from builtins import BaseExceptionGroup  # Python 3.11 and newer, as all but the worker
from types import TracebackType
from typing import Any

from ..core.errors import CloudMLError

_PACKAGE = __name__.partition(".")[0]
_RENDER = "_render_traceback_"


def install(shell: Any) -> None:
    """Make ``shell`` ask an exception's own ``_render_traceback_`` first, whatever its type. Safe to repeat."""
    plain = shell.showtraceback
    if hasattr(plain, "__wrapped__"):
        return

    @functools.wraps(plain)
    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        kind, value, trace = exc_tuple or sys.exc_info()
        render = getattr(value, _RENDER, None)
        if render is None and isinstance(value, CloudMLError):
            value.__cause__, value.__suppress_context__ = None, True
            plain((kind, value, _users_frames(trace)), *args, **kwargs)
            return
        if render is None or not _is_drawn_otherwise(value):
            plain(exc_tuple, *args, **kwargs)
            return
        shell._get_exc_info(exc_tuple)  # keeps it for %tb and %debug
        if lines := render():
            shell._showtraceback(kind, value, lines)

    shell.showtraceback = showtraceback


def uninstall(shell: Any) -> None:
    """Give ``shell`` its own way back. Safe to repeat."""
    if hasattr(shell.showtraceback, "__wrapped__"):
        del shell.showtraceback


def as_of_a_cell(shell: Any, error: SyntaxError) -> None:
    """Make ``error`` show as it does for a cell without a magic: the line and the caret, no frames."""
    lines = shell.SyntaxTB.structured_traceback(type(error), error, [])
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


def already_shown(error: BaseException) -> None:
    """The far side's shell printed this error itself, and its text was played here: show nothing more."""
    if _is_drawn_otherwise(error) and not hasattr(error, _RENDER):
        error._render_traceback_ = lambda: []  # type: ignore[attr-defined]


def _users_frames(trace: TracebackType | None) -> TracebackType | None:
    """``trace`` up to the call of this package: what a user can act on is the line that called it."""
    last = trace
    while last is not None and last.tb_next is not None:
        if str(last.tb_next.tb_frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
            last.tb_next = None
            break
        last = last.tb_next
    return trace


def _is_drawn_otherwise(error: BaseException | None) -> bool:
    from IPython.core.error import UsageError

    if isinstance(error, SyntaxError | UsageError):
        return True
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return True
        error = error.__context__
    return False
