"""How errors show: as the far side saw them, once, without the frames of this package."""

from __future__ import annotations

import functools
from builtins import BaseExceptionGroup  # Python 3.11 and newer, as all but the worker
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ..core.errors import CloudMLError

_PACKAGE = __name__.partition(".")[0]


def install(shell: Any) -> None:
    """Make ``shell`` show what the magics raise as they say. Safe to repeat."""
    plain = shell.showtraceback
    if hasattr(plain, "__wrapped__"):
        return

    @functools.wraps(plain)
    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        try:
            kind, value, trace = shell._get_exc_info(exc_tuple)  # keeps it for %tb and %debug
        except ValueError:
            plain(exc_tuple, *args, **kwargs)
            return
        if value is _words.error:
            if lines := _words.take():
                shell._showtraceback(kind, value, lines)
        elif isinstance(value, CloudMLError) and not hasattr(value, "_render_traceback_"):
            value.__cause__, value.__suppress_context__ = None, True
            plain((kind, value, _users_frames(trace)), *args, **kwargs)
        else:
            plain(exc_tuple, *args, **kwargs)

    shell.showtraceback = showtraceback


def uninstall(shell: Any) -> None:
    """Give ``shell`` its own way back. Safe to repeat."""
    if hasattr(shell.showtraceback, "__wrapped__"):
        del shell.showtraceback


class _Words:
    """The exception that a magic raised last, and how it reads. The exception itself, which is the user's, is not touched."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.lines: list[str] = []
        self._is_shown = False

    def set(self, error: BaseException, lines: Sequence[str], *, is_shown: bool) -> None:
        self.error, self.lines, self._is_shown = error, list(lines), is_shown

    def take(self) -> list[str]:
        """What to show now: nothing if it was shown; the next time (``%tb``) all of it."""
        was_shown, self._is_shown = self._is_shown, False
        return [] if was_shown else self.lines


_words = _Words()


def reads(error: BaseException, lines: Sequence[str], *, is_shown: bool = False) -> BaseException:
    """``error``, which the shell shows as ``lines`` from now on; not at once, if the far side's output shows it already."""
    _words.set(error, lines, is_shown=is_shown)
    return error


def is_known(error: BaseException) -> bool:
    return _words.error is error


def as_of_a_cell(shell: Any, error: SyntaxError) -> None:
    """Make ``error`` show as it does for a cell without a magic: the line and the caret, no frames."""
    reads(error, shell.SyntaxTB.structured_traceback(type(error), error, []))


def is_printed(error: BaseException) -> bool:
    """Whether the far side's shell prints such an error on the error stream, and makes no output of it."""
    from IPython.core.error import UsageError

    found: BaseException | None = error
    while found is not None:
        if isinstance(found, UsageError | BaseExceptionGroup):
            return True
        found = found.__context__
    return False


def _users_frames(trace: TracebackType | None) -> TracebackType | None:
    """``trace`` up to the call of this package: what a user can act on is the line that called it."""
    last = trace
    while last is not None and last.tb_next is not None:
        if str(last.tb_next.tb_frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
            last.tb_next = None
            break
        last = last.tb_next
    return trace
