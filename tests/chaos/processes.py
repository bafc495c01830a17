"""Which processes belong to one data directory, what they are, and how to kill exactly one of them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.registry import Registry
from jupyter_cloudml.targets.local.client import is_running, process_stat
from jupyter_cloudml.targets.local.starts import all_starts

_ZYGOTE = b"jupyter_cloudml.agent.warm.zygote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """One process, proof against a pid used again; ``job_id`` for a worker."""

    role: str
    pid: int
    starttime: int
    job_id: str = ""

    def kill(self) -> bool:
        """SIGKILL to that very process; False when it had ended."""
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if is_running(self.pid, self.starttime):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    return True
            finally:
                os.close(handle)
        return False


def victim(role: str, pid: int | None, job_id: str = "") -> Victim | None:
    """The process ``pid`` as it is now; None when there is none."""
    stat = process_stat(pid) if pid else None
    if pid is None or stat is None or not stat.is_running:
        return None
    return Victim(role=role, pid=pid, starttime=stat.starttime, job_id=job_id)


def agent(home: DataHome) -> Victim | None:
    return victim("agent", lease_holder(home.agent_lock))


def forwarder(home: DataHome) -> Victim | None:
    return victim("forwarder", lease_holder(home.root / "tracking.lock"))


def zygotes(home: DataHome) -> list[Victim]:
    """The agent's children that fork spares; also while they still import."""
    parent = agent(home)
    found = [] if parent is None else [victim("zygote", pid) for pid in children(parent.pid)]
    return [child for child in found if child is not None and _ZYGOTE in _command(child.pid)]


def workers(home: DataHome, registry: Registry) -> list[Victim]:
    """The workers of all jobs that have not ended, from the moment at which they were chosen."""
    found = []
    for row in registry.active():
        starts = all_starts(home.job(row.id))
        if starts and is_running(starts[-1].ref.pid, starts[-1].ref.starttime):
            ref = starts[-1].ref
            found.append(Victim(role="worker", pid=ref.pid, starttime=ref.starttime, job_id=row.id))
    return found


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def owned_by(root: Path) -> list[int]:
    """Every living process that was started with this data directory in its environment, or as an argument."""
    variable = f"CLOUDML_HOME={root}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            environ = (entry / "environ").read_bytes().split(b"\0")
            words = _command(int(entry.name)).split(b"\0")
            stat = process_stat(int(entry.name))
            is_ours = variable in environ or os.fsencode(root) in words
            if is_ours and stat is not None and stat.is_running:
                found.append(int(entry.name))
    return found


def describe(pid: int) -> str:
    return f"{pid}: {_command(pid).replace(bytes(1), b' ').decode(errors='replace')[:200]}"


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
