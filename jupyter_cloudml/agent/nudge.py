"""The surfaces' side of the agent: is it there, start it, tell it to look. Standard library only; ≤ 1 ms when it is up.

A nudge carries no intent: that is in the registry before. So a nudge that is lost costs time, never a job.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import CloudMLError, Unavailable
from ..journal.disk import unavailable
from ..journal.home import DataHome
from ..journal.lease import lease_holder
from .environment import sensitive

ANSWER_S = 5.0
START_S = 20.0
_MAX_PATH = 100  # sun_path has 108 bytes (unix(7))
_CREDENTIALS = struct.Struct("3i")

BOOT = """\
import sys
sys.path[:] = [p for p in sys.path if p]
if sys.argv[1] not in sys.path: sys.path.append(sys.argv[1])
from jupyter_cloudml.agent.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


def ensure_agent(home: DataHome, *, timeout_s: float = START_S) -> None:
    """An agent of ``home`` answers when this returns; it is started where none does. Safe to repeat and to race.

    Raises:
        Unavailable: none can be started within ``timeout_s``, one dies while it starts (with its last words), or one
            is there that does not answer.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(home):
        if time.monotonic() > deadline:
            raise Unavailable("the agent does not start", hint=f"see {str(home.agent_log)!r}")
        _start(home, deadline)
        _wait_until_it_listens(home, deadline)


def nudge(
    home: DataHome,
    op: str | Mapping[str, Any] = "nudge",
    *,
    timeout_s: float = ANSWER_S,
    **fields: Any,
) -> Any:
    """Send one request to the agent; its answer, a dictionary. ``op`` is its name, or the whole request.

    ``nudge(home)`` makes it look at the registry; ``nudge(home, job=id)`` at that job only, which is faster. An agent that
    is not there is started, but not to be stopped or to say how it is.

    Raises:
        Unavailable: no agent can be started, or it does not answer in time.
        CloudMLError: the agent refuses the request.
    """
    message = {"op": op, **fields} if isinstance(op, str) else {**op, **fields}
    try:
        return request(home, message, timeout_s=timeout_s)
    except NobodyThere:
        if message["op"] in ("stop", "status"):
            raise
        ensure_agent(home)
        return request(home, message, timeout_s=timeout_s)


def warm(home: DataHome, *, python: str = "", environ: Mapping[str, str] | None = None) -> None:
    """Make the agent prepare workers for this interpreter and environment; returns before they are ready."""
    variables = sensitive(os.environ if environ is None else environ)
    nudge(home, "warm", python=python or sys.executable, environ=variables)


def request(home: DataHome, message: dict[str, Any], *, timeout_s: float = ANSWER_S) -> Any:
    """One request to an agent that runs already; its answer. Never starts one, never blocks longer than ``timeout_s``."""
    with _connected(home, timeout_s) as door:
        try:
            door.sendall(json.dumps(message).encode() + b"\n")
            answer = json.loads(_line(door))
        except TimeoutError as exc:
            raise _hangs(home) from exc
        except (OSError, ValueError) as exc:
            raise NobodyThere(
                "the agent does not answer", hint="try again; %cloudjobs shows what runs"
            ) from exc
    if not answer.get("ok"):
        error = CloudMLError(
            answer.get("message", "the agent refuses"), hint=answer.get("hint", "")
        )
        raise error
    return answer


class NobodyThere(Unavailable):
    """No agent listens, or it died while it was asked."""


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """``path`` as an address that fits into ``sockaddr_un``, however deep the data directory lies."""
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_uid(door: socket.socket) -> int:
    """The user on the other end of a Unix socket (``SO_PEERCRED``, unix(7))."""
    credentials = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


@contextmanager
def _connected(home: DataHome, timeout_s: float) -> Iterator[socket.socket]:
    path = home.agent_socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(timeout_s)
        try:
            with socket_address(path) as address:
                door.connect(address)
        except (TimeoutError, BlockingIOError) as exc:
            raise _hangs(home) from exc
        except PermissionError as exc:
            raise Unavailable(
                f"{str(path)!r} is another user's agent, or not open to you",
                hint="set CLOUDML_HOME to a directory of your own",
            ) from exc
        except OSError as exc:
            raise NobodyThere("no agent runs", hint="it starts with the next job") from exc
        if peer_uid(door) != os.geteuid():
            raise Unavailable(
                f"{str(path)!r} is another user's agent",
                hint="remove that file, or set CLOUDML_HOME to a directory of your own",
            )
        yield door


def _hangs(home: DataHome) -> Unavailable:
    """The error for an agent that listens and says nothing (stopped, or its disk hangs)."""
    pid = lease_holder(home.agent_lock)
    return Unavailable(
        f"the agent (process {pid or 'unknown'}) does not answer",
        hint=f"kill -9 {pid}: jobs go on, and the next call starts another" if pid else "try again",
    )


def _line(door: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        part = door.recv(1 << 16)
        if not part:
            raise ConnectionResetError("closed")
        data += part
    return data


def _answers(home: DataHome) -> bool:
    try:
        request(home, {"op": "ping"})
    except NobodyThere:
        return False
    return True


def _start(home: DataHome, deadline: float) -> None:
    """Start an agent in a session of its own; it has left us (a second fork) when this returns, and listens or has died.

    Raises:
        Unavailable: it died, with the last line of its log.
    """
    import subprocess

    parent = str(Path(__file__).parents[2])
    try:
        said = home.agent_log.stat().st_size if home.agent_log.exists() else 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(home.agent_log, flags, 0o600), "ab") as log:
            code = subprocess.run(
                [sys.executable, "-c", BOOT, parent, "--home", str(home.root), "--daemon"],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=False,
                timeout=max(1.0, deadline - time.monotonic()),
            ).returncode
    except OSError as exc:
        raise unavailable(home.agent_log, exc) from exc
    except subprocess.TimeoutExpired as exc:
        raise Unavailable("the agent does not start", hint=f"see {str(home.agent_log)!r}") from exc
    if code != 0:
        raise Unavailable(
            f"the agent cannot start: {_last_line(home.agent_log, said)}",
            hint=f"{str(home.agent_log)!r} says more",
        )


def _last_line(log: Path, begin: int) -> str:
    lines = log.read_bytes()[begin:].decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _wait_until_it_listens(home: DataHome, deadline: float) -> None:
    """Returns soon also when nobody comes: the one that was there may just have left, and the next round starts another."""
    give_up = min(deadline, time.monotonic() + 2.0)
    while time.monotonic() < give_up and not _answers(home):
        time.sleep(0.005)
