"""The end of a worker process, without the second that tearing down an interpreter with torch in it takes."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import sys
import time
from typing import NoReturn

GRACE_S = 10.0


def forget_inherited_exits() -> None:
    """Exit handlers that a parent registered before the fork are not this process's to run."""
    atexit._clear()


def leave_process(code: int) -> NoReturn:
    """Run the exit handlers that the cell registered, end its child processes, flush, and ``os._exit(code)``.

    Takes ten seconds at most: a handler that hangs is cut.
    """
    _thread.start_new_thread(_cut, (code,))
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        with contextlib.suppress(BaseException):
            util._exit_function()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _cut(code: int) -> NoReturn:
    time.sleep(GRACE_S)
    os._exit(code)
