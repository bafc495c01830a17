"""``--memory``: a process beside the worker ends the job that uses more, and says so in its journal.

A process, not a thread: one long call into C code that keeps the interpreter's lock would keep a thread from looking.
Linux only (``/proc``); elsewhere nothing is watched.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ..core import events
from ..core.errors import MemoryExceeded
from ..core.states import JobState
from ..journal.writer import JournalWriter

EVERY_S = 0.2
_STANDS_S = 1.0
_SHARE = 20  # at most one twentieth of a core
_PROC = Path("/proc")
_BOOT = """\
import os, sys
if os.fork(): os._exit(0)
sys.path.append(sys.argv[1])
from jupyter_cloudml.worker.memory import main
main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
"""


@contextlib.contextmanager
def limited(memory_mib: int, journal: Path) -> Iterator[None]:
    """While the block runs, this process and its children may use so much memory; 0 means no limit.

    A job that uses more is stopped, has ``FAILED`` with `MemoryExceeded` as the last word in its journal, and is killed
    with its children. The watcher is no child of this process, and ends with the block or with this process.
    """
    if not memory_mib or not hasattr(os, "pidfd_open") or not (_PROC / "self/statm").exists():
        yield
        return
    listen, tell = os.pipe()
    argv = [sys.executable, "-I", "-S", "-c", _BOOT, str(Path(__file__).parents[2])]
    argv += [str(os.getpid()), str(memory_mib), str(journal), str(listen)]
    try:
        subprocess.run(argv, pass_fds=[listen], start_new_session=True, check=True)
    finally:
        os.close(listen)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.write(tell, b"x")
        os.close(tell)


def main(worker: int, memory_mib: int, journal: str, listen: int) -> None:
    """Watch ``worker`` until it is gone or something can be read from ``listen``."""
    os.chdir("/")
    try:
        alive = os.pidfd_open(worker)
    except ProcessLookupError:
        return
    pause_s = EVERY_S
    while not select.select([alive, listen], [], [], pause_s)[0]:
        begun = time.monotonic()
        used = used_by(worker, enough=memory_mib << 20)
        if used > memory_mib << 20 and _end(worker, alive, listen, used, memory_mib, journal):
            return
        pause_s = max(EVERY_S, _SHARE * (time.monotonic() - begun))


def _end(worker: int, alive: int, listen: int, used: int, memory_mib: int, journal: str) -> bool:
    """False when the cell was over before the worker stood still: then it goes on.

    The worker stands still before the word is written, so it cannot write another one; and it is written before the
    death, so nobody can take the death for a loss.
    """
    signal.pidfd_send_signal(alive, signal.SIGSTOP)
    _wait_until_it_stands(worker)
    family = [pid for pid in tree(worker) if pid != worker]
    if select.select([listen], [], [], 0)[0]:
        signal.pidfd_send_signal(alive, signal.SIGCONT)
        return False
    error = exceeded(used, memory_mib)
    with JournalWriter(journal) as writer:
        writer.append(
            events.STATE,
            state=JobState.FAILED,
            error={"type": type(error).__name__, "message": error.message, "hint": error.hint},
        )
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    signal.pidfd_send_signal(alive, signal.SIGKILL)
    return True


def _wait_until_it_stands(worker: int) -> None:
    """A thread in the middle of a write ends that first. A disk that takes longer than ``_STANDS_S`` is not waited for."""
    deadline = time.monotonic() + _STANDS_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            states = [
                path.read_text("utf-8", "replace").rpartition(")")[2].split()[0]
                for path in (_PROC / str(worker) / "task").glob("*/stat")
            ]
            if all(state in "TtZX" for state in states):
                return
        time.sleep(0.002)


def exceeded(used: int, memory_mib: int) -> MemoryExceeded:
    """The error of a job that used ``used`` bytes."""
    return MemoryExceeded(
        f"used {_size(used / 2**20)}, more than --memory {_size(memory_mib)}",
        hint="give it more, or make it need less: smaller batches, data read in parts",
    )


def used_by(worker: int, enough: int = 0) -> int:
    """Bytes of memory that the process and its descendants have for themselves; what several share counts once.

    Pages of files do not count: the kernel takes them back when it needs them (a bundle's arrays are such). Up to
    ``enough`` the cheap, larger figure is good enough, and is what comes back.
    """
    family = tree(worker)
    resident = sum(map(_resident, family))
    return resident if resident <= enough else sum(map(_own, family))


def tree(worker: int) -> list[int]:
    """The process, its descendants, and what was left behind in its session."""
    parents: dict[int, tuple[int, int]] = {}
    for name in os.listdir(_PROC):  # noqa: PTH208 - several times a second
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                rest = (_PROC / name / "stat").read_text("utf-8", "replace").rpartition(")")[2]
                fields = rest.split()
                parents[int(name)] = int(fields[1]), int(fields[3])
    found = {worker}
    leads = parents.get(worker, (0, 0))[1] == worker
    while True:
        more = {
            pid
            for pid, (parent, session) in parents.items()
            if pid not in found and (parent in found or (leads and session == worker))
        }
        if not more:
            return sorted(found)
        found |= more


def _resident(pid: int) -> int:
    try:
        pages = (_PROC / str(pid) / "statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _own(pid: int) -> int:
    """Anonymous and shared memory, its share of it (proc(5), ``smaps_rollup``); else what is resident and of no file."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return _of_no_file(pid)
    sizes = {line.split(":")[0]: line.split() for line in text.splitlines()[1:]}
    own = [sizes[kind] for kind in ("Pss_Anon", "Pss_Shmem") if kind in sizes]
    return sum(int(words[1]) for words in own or [sizes["Pss"]]) << 10


def _of_no_file(pid: int) -> int:
    try:
        fields = (_PROC / str(pid) / "statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def _size(mib: float) -> str:
    return f"{mib / 1024:.4g}G" if mib >= 1024 else f"{mib:.4g}M"
