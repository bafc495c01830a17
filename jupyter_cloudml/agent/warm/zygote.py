"""The zygote: it imports the heavy packages, never computes, and forks on demand. One thread, one loop.

Messages are JSON datagrams over one socket pair with the agent. To here, each with one descriptor beside it:
``{"fork": "spare"}`` (the spare's end of its door) and ``{"fork": "forwarder", "home": …}`` (its standard input).
From here: ``{"awake": pid}`` (from now on it dies with the agent, even while it is stopped),
``{"ready": {"sites": […], "missing": […]}}``, ``{"forked": pid, "role": …}`` and ``{"exit": pid, "code": n}`` (minus a
signal's number). It ends when the agent's end closes.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import selectors
import signal
import site
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import preload
from .spare import MAX_MESSAGE, become_a_process, die_with_parent, spare_main

BOOT = """\
import sys
sys.path[:] = [p for p in sys.path if p]
if sys.argv[1] and sys.argv[1] not in sys.path: sys.path.append(sys.argv[1])
from jupyter_cloudml.agent.warm.zygote import main
main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
"""
"""Run by ``python -c``: then ``__main__`` has no file that multiprocessing's spawn could run again in a worker."""

FORWARDER = "jupyter_cloudml.tracking.forwarder"


def main(control_fd: int, parent: int, level: str) -> None:
    """Import, tell the agent, and serve until it goes away."""
    die_with_parent(True)
    if os.getppid() != parent:
        return
    control = socket.socket(fileno=control_fd)
    _send(control, {"awake": os.getpid()})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    missing = preload.import_all(level)
    sys.argv[:] = [""]
    gc.collect()
    gc.freeze()
    gc.disable()  # nothing is made here any more; a collection would only unshare pages
    _send(control, {"ready": {"sites": site_folders(), "missing": missing}})
    _serve(control)


def site_folders() -> list[str]:
    """The folders in which packages of this interpreter are installed."""
    folders = {*site.getsitepackages(), *(p for p in sys.path if p.endswith("-packages"))}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return sorted(folders)


def _serve(control: socket.socket) -> None:
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wake:
                    wake.recv(4096)
                    _reap(control)
                elif not _obey(control):
                    return


def _obey(control: socket.socket) -> bool:
    """Do what one message asks; False when the agent is gone."""
    data, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
    if not data:
        return False
    order: dict[str, Any] = json.loads(data)
    role = order["fork"]
    _fork(control, role, _ROLES[role], fds[0], order)
    os.close(fds[0])
    return True


def _fork(
    control: socket.socket,
    role: str,
    live: Callable[[int, int, dict[str, Any]], NoReturn],
    fd: int,
    order: dict[str, Any],
) -> None:
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        live(fd, parent, order)
    _send(control, {"forked": pid, "role": role})


def _be_spare(fd: int, parent: int, order: dict[str, Any]) -> NoReturn:
    del order
    spare_main(socket.socket(fileno=fd), parent)


def _be_forwarder(fd: int, parent: int, order: dict[str, Any]) -> NoReturn:
    """The MLflow forwarder, with mlflow imported already. It outlives the zygote and ends when its input does."""
    code = 1
    try:
        become_a_process(fd, parent)
        die_with_parent(False)
        os.dup2(fd, 0)
        os.close(fd)
        gc.enable()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s tracking: %(message)s")
        importlib.import_module(FORWARDER).run_forwarder(Path(order["home"]), 0)
        code = 0
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


_ROLES: dict[str, Callable[[int, int, dict[str, Any]], NoReturn]] = {
    "spare": _be_spare,
    "forwarder": _be_forwarder,
}


def _reap(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(control, {"exit": pid, "code": os.waitstatus_to_exitcode(status)})


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    try:
        control.send(json.dumps(message).encode())
    except OSError:
        os._exit(0)  # the agent is gone; spares end with us, workers go on alone
