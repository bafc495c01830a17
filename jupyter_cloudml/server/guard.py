"""Runs a program that must end with the one who started it: ``python -m jupyter_cloudml.server.guard ARGV…``.

The starter holds a pipe to our stdin. When it is closed, by will or because the starter was killed, the program and all
its helpers are ended; when the program ends by itself, so do we.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

_GRACE_S = 3.0


def main(argv: list[str]) -> int:
    """Run ``argv`` in this process's group (we lead it); its exit code."""
    program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_stdin, args=(program,), daemon=True).start()
    code = program.wait()
    _end_group(signal.SIGKILL)  # helpers that outlived the program, and ourselves
    return code


def _end_with_stdin(program: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_GRACE_S)
    _end_group(signal.SIGKILL)


def _end_group(number: int) -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
