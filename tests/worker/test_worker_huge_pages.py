"""A forked worker's copied pages come together in huge ones; nothing else does, and no value changes."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.worker import huge_pages

FORK = """
import hashlib, mmap, os, sys
from jupyter_cloudml.worker import huge_pages

HUGE = 2 << 20
memory = mmap.mmap(-1, 8 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.write(os.urandom(len(memory)))
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))

def huge_kib():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))

huge_pages.remember()
later = mmap.mmap(-1, 8 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
later.write(os.urandom(len(later)))
for page in range(0, {share} * len(memory) // 4096):
    memory[page * 4096] = page % 256
digest = lambda: hashlib.sha256(memory[:] + later[:]).hexdigest()
before, had = digest(), huge_kib()
queue = []
huge_pages.gather_in_time(lambda seconds, call: queue.append(call))
while queue:
    queue.pop(0)()
gained = huge_kib() - had
assert digest() == before
print(gained)
os._exit(0 if sys.stdout.flush() is None else 1)
"""


def gained_kib(share: str) -> int:
    """How much a fork that has written to this share of its inherited 16 MiB got in huge pages."""
    code = FORK.replace("{share} * len(memory)", f"int({share} * len(memory))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def has_huge_pages() -> None:
    """Skip where the kernel itself refuses."""
    size = 2 << 20
    memory = mmap.mmap(-1, 2 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(bytes(len(memory)))
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if madvise(-(-start // size) * size, size, 25):
        pytest.skip(f"no huge page on demand here: {os.strerror(ctypes.get_errno())} (Linux 6.1)")


@pytest.mark.usefixtures("has_huge_pages")
def test_what_a_fork_has_written_to_becomes_huge_and_what_it_shares_or_maps_later_does_not() -> (
    None
):
    everything, half = gained_kib("1.0"), gained_kib("0.5")
    assert (
        14 << 10 <= everything <= 24 << 10
    )  # 7 or 8 of the 8, with a little of the heap; none of ``later``
    assert 6 << 10 <= half <= everything - (6 << 10)


@pytest.mark.parametrize("broken", ["/nowhere/enabled", "never"])
def test_without_huge_pages_nothing_is_noted_and_nothing_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    setting = Path(broken)
    if broken == "never":
        setting = tmp_path / "enabled"
        setting.write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "_SETTING", setting)
    huge_pages.remember()
    called: list[float] = []
    huge_pages.gather_in_time(lambda seconds, call: called.append(seconds))
    assert called == []
