"""The first lines of every worker process: hold the slots, take the job's environment, run the job, leave.

A spare child imports this; a plainly spawned worker runs this very file as its script, in whatever interpreter the job
names. So it needs the standard library only, and finds the worker in the zipapp where our package is not installed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

_slots: list[int] = []  # descriptors of the slot locks: closing one would give the slot away


def begin(message: dict[str, Any], shell: Any = None) -> NoReturn:
    """Run the job that ``message`` (see ``pool.Assignment``) describes, and end this process. Never returns.

    The slots are held before the first line of the user's runs and until the process is gone, however it ends.
    """
    try:
        _log_to(message["log"])
        hold_slots(message["slots"])
        main = _worker_main(message["zipapp"])
        told = main.Handover(
            secrets=message["secrets"],
            env=message["env"],
            environ=message["environ"],
            held=tuple(_slots),
            has_agent=True,
        )
        main.run_and_exit(Path(message["folder"]), told, shell=shell)
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def hold_slots(paths: list[str]) -> None:
    """Take the record locks of all slots, waiting for each in the order of their names (so never in a circle)."""
    for path in sorted(paths):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(fd, fcntl.LOCK_EX)
        _slots.append(fd)


def _worker_main(zipapp: str) -> Any:
    """The worker of this installation; the zipapp's where this interpreter has none."""
    try:
        from jupyter_cloudml.worker import main
    except ModuleNotFoundError as exc:
        if not (exc.name or "").startswith("jupyter_cloudml"):
            raise
        sys.path.insert(0, zipapp)
        from jupyter_cloudml.worker import main
    return main


def _log_to(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _message_from_stdin() -> dict[str, Any] | None:
    """One line of JSON; None when the pipe closes first. Standard input is empty afterwards."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            return None
        line += part
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    message: dict[str, Any] = json.loads(line)
    return message


def _main() -> None:
    del sys.path[0]  # this folder, put there because we are the script
    main = sys.modules["__main__"]
    main.__spec__ = None
    del main.__file__  # multiprocessing's spawn would run this script again in every child
    message = _message_from_stdin()
    if message is not None:
        begin(message)


if __name__ == "__main__":
    _main()
