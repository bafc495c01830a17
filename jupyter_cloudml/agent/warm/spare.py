"""A spare child: forked ahead of need, everything made that needs no job, waiting for one message."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

MAX_MESSAGE = 1 << 18
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(is_wanted: bool) -> None:
    """Be killed when the parent's main thread ends (Linux), or no longer."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if is_wanted else 0, 0, 0, 0)


def spare_main(door: socket.socket, parent: int) -> NoReturn:
    """The life of a spare from its birth to the end of its one job; in a fresh child of the zygote only.

    While it waits, it ends with its zygote, and when the agent's end of ``door`` closes. From the message on, it is a
    worker that nothing but its job ends.
    """
    try:
        become_a_process(door.fileno(), parent)
        reset_randomness()
        shell = _make_shell()
        gc.collect()
        gc.freeze()  # the job's collections look at its own objects, as in a fresh process
        gc.enable()
        door.send(json.dumps({"ready": os.getpid()}).encode())
        message = door.recv(MAX_MESSAGE)
        if message:
            die_with_parent(False)
            door.close()
            from ..start import begin

            begin(json.loads(message), shell)
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def become_a_process(kept_fd: int, parent: int) -> None:
    """Give up all that a fork inherits: session, signal handlers, descriptors (lock files!), standard input."""
    os.setsid()
    die_with_parent(True)
    if os.getppid() != parent:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for name in [path.name for path in Path("/proc/self/fd").iterdir()]:
        if (fd := int(name)) > 2 and fd != kept_fd:
            _close(fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    _close(null)


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # the listing's own descriptor


def reset_randomness() -> None:
    """Fresh seeds from the system where a fresh process has them; torch starts from its fixed seed there, and here.

    The number of torch's threads is set once more: its pools do not survive a fork.
    """
    from jupyter_cloudml.worker.ambient import renew_randomness

    renew_randomness()
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.set_num_threads(torch.get_num_threads())


def _make_shell() -> Any:
    """The IPython shell of the job, in a directory that no user can make vanish."""
    os.chdir(Path("/"))
    from jupyter_cloudml.worker import huge_pages
    from jupyter_cloudml.worker.main import make_shell
    from jupyter_cloudml.worker.rehearsal import rehearse

    shell = make_shell()
    rehearse(shell)
    huge_pages.remember()
    return shell
