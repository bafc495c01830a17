"""The only file here that touches processes: spawn, look, signal, reap."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...core.errors import BadInput, Unavailable
from .request import LocalRequest
from .status import ProcessStat, stat_from

GATE = 'cd "$1" && shift && read -r _ && exec "$@" </dev/null'
"""Waits for one line, then becomes the worker under the same pid. A closed pipe ends it instead."""


SECRETS_FD = 9
SECRETS_FLAG = ("--secrets-fd", str(SECRETS_FD))
PIPE_BYTES = 1 << 16


class SpawnLauncher:
    """Starts a plain process per job, in a session of its own, that outlives this one. Safe from several threads."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._ended: dict[int, int | None] = {}
        self._lock = threading.Lock()

    def hold(self, request: LocalRequest) -> SpawnHeld:
        """See ``port.Launcher.hold``. Secrets come from the launcher's environment and go through a pipe.

        Raises:
            BadInput: a secret is not set there.
        """
        secrets = self._secrets_pipe(request.secrets)
        reader, writer = os.pipe()
        log = request.folder / "worker.log"
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", GATE, "cloudml-worker", request.cwd, *request.argv, *SECRETS_FLAG],
                {**self._environ, **request.env},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reader, 0),
                    (os.POSIX_SPAWN_DUP2, secrets, SECRETS_FD),
                    (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), append, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD],
                setsigmask=[],
            )
        except OSError as exc:
            os.close(writer)
            raise Unavailable(f"no process can be started: {exc.strerror}") from exc
        finally:
            os.close(reader)
            os.close(secrets)
        with self._lock:
            self._ended[pid] = None
        return SpawnHeld(pid, writer)

    def _secrets_pipe(self, names: tuple[str, ...]) -> int:
        """The reading end of a pipe that holds ``{name: value}`` as JSON; the kernel keeps it until the worker reads."""
        for name in names:
            if not self._environ.get(name):
                raise BadInput(f"--secret {name} is not set in this environment")
        data = json.dumps({name: self._environ[name] for name in names}).encode()
        if len(data) > PIPE_BYTES:
            raise BadInput(f"the secrets {', '.join(names)} are more than {PIPE_BYTES} bytes")
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        return reader

    def exit_code(self, pid: int) -> int | None:
        with self._lock:
            if pid in self._ended and self._ended[pid] is None:
                with suppress(ChildProcessError):
                    reaped, status = os.waitpid(pid, os.WNOHANG)
                    self._ended[pid] = os.waitstatus_to_exitcode(status) if reaped else None
            return self._ended.get(pid)


class SpawnHeld:
    """A shell at the gate; see ``port.Held``."""

    def __init__(self, pid: int, gate: int) -> None:
        self.pid = pid
        self._gate = gate

    def release(self) -> None:
        try:
            os.write(self._gate, b"\n")
        except BrokenPipeError as exc:
            raise Unavailable(f"process {self.pid} ended before it could begin") from exc
        finally:
            self.drop()

    def drop(self) -> None:
        gate, self._gate = self._gate, -1
        if gate >= 0:
            os.close(gate)


def process_stat(pid: int) -> ProcessStat | None:
    """What ``/proc`` says of ``pid``; None when there is no such process."""
    try:
        return stat_from(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid: int, starttime: int) -> bool:
    """Whether that very process runs: neither ended, nor a later one with the same pid."""
    stat = process_stat(pid)
    return stat is not None and stat.starttime == starttime and stat.is_running


def send_signal(
    pid: int, starttime: int, number: signal.Signals, *, to_group: bool = False
) -> None:
    """Signal that very process, and with ``to_group`` all of its group where it leads one; gone is fine.

    A pidfd pins the process between the look and the signal.
    """
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if not is_running(pid, starttime):
                return
            if to_group and os.getpgid(pid) == pid:
                os.killpg(pid, number)
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
