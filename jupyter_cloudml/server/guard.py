"""Runs a program that must end with the one who started it: ``python -m jupyter_cloudml.server.guard FOLDER ARGV…``.

The starter holds a pipe to our stdin. When it is closed, by will or because the starter was killed, the program and all
its helpers are ended, and ``FOLDER``, which was theirs alone, is removed; when the program ends by itself, so do we.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

_GRACE_S = 3.0


def main(arguments: list[str]) -> int:
    """Run the program in this process's group (we lead it); its exit code."""
    folder, *argv = arguments
    program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_stdin, args=(program, folder), daemon=True).start()
    code = program.wait()
    _end_group(signal.SIGKILL)  # helpers that outlived the program, and ourselves
    return code


def _end_with_stdin(program: subprocess.Popen[bytes], folder: str) -> None:
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # first: we end with the program
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_GRACE_S)
    _end_group(signal.SIGKILL)


def _end_group(number: int) -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
