"""Runs one engine and ends it, and all that it started, when whoever asked for it is gone.

``python guard.py FOLDER PROGRAM ARGUMENT…``: leads a process group of its own. When its stdin ends or its parent has
changed, the group gets SIGTERM, after PATIENCE_S SIGKILL, and FOLDER is removed. It ends with the engine's own status.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys

PATIENCE_S = 5
LOOK_S = 0.5


def main() -> int:
    folder, *argv = sys.argv[1:]
    parent = os.getppid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    engine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=_as_usual)
    while engine.poll() is None:
        ready, _, _ = select.select([0], [], [], LOOK_S)
        if ready or os.getppid() != parent:
            os.killpg(0, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                engine.wait(PATIENCE_S)
            shutil.rmtree(folder, ignore_errors=True)
            os.killpg(0, signal.SIGKILL)
    return engine.returncode


def _as_usual() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
