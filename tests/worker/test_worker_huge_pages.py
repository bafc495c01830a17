"""A forked worker's copied pages come together in huge ones; nothing else does, and no value changes."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_cloudml.worker import huge_pages

FORK = """
import ctypes, hashlib, mmap, os, re, sys
from jupyter_cloudml.worker import huge_pages

HUGE = 2 << 20

def room():
    made = mmap.mmap(-1, 9 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    made.write(os.urandom(len(made)))
    return made

def huge_kib(made):
    at, count, is_it = ctypes.addressof(ctypes.c_char.from_buffer(made)), 0, False
    for line in open("/proc/self/smaps"):
        if span := re.match("([0-9a-f]+)-([0-9a-f]+) ", line):
            is_it = int(span[1], 16) <= at < int(span[2], 16)
        elif is_it and line.startswith("AnonHugePages:"):
            count += int(line.split()[1])
    return count

memory = room()
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
huge_pages.remember()
later = room()
for page in range(0, len(memory) // 4096, {stride}):
    memory[page * 4096] = page % 256
digest = lambda: hashlib.sha256(memory[:] + later[:]).hexdigest()
before, had, had_later = digest(), huge_kib(memory), huge_kib(later)
queue = []
huge_pages.gather_in_time(lambda seconds, call: queue.append(call))
while queue:
    queue.pop(0)()
assert digest() == before
print(huge_kib(memory) - had, huge_kib(later) - had_later, flush=True)
os._exit(0)
"""


def gained_kib(stride: int) -> tuple[int, int]:
    """How much of inherited 18 MiB is huge in a fork that has written to every so manieth page; and of 18 MiB mapped later."""
    code = FORK.replace("{stride}", str(stride))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    inherited, later = map(int, done.stdout.split())
    return inherited, later


@pytest.mark.usefixtures("has_huge_pages")
def test_what_a_fork_has_written_to_becomes_huge_and_what_is_mapped_later_does_not() -> None:
    inherited, later = gained_kib(stride=16)
    assert inherited >= 8 << 11
    assert later == 0


@pytest.mark.usefixtures("has_huge_pages")
def test_what_a_fork_has_hardly_written_to_stays_shared() -> None:
    assert gained_kib(stride=64) == (0, 0)


def test_a_system_that_is_short_of_memory_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def refuse(address: int, size: int, advice: int) -> int:
        asked.append(address)
        ctypes.set_errno(errno.ENOMEM)
        return -1

    monkeypatch.setattr(huge_pages, "_madvise", lambda: refuse)
    monkeypatch.setattr(huge_pages, "_inherited", [(0, 1 << 21)])
    assert huge_pages.gather([0, 1 << 21]) == 0
    assert asked == [0]
    assert huge_pages._inherited == []


def test_a_cell_that_has_replaced_what_is_used_here_does_not_end_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huge_pages, "_inherited", [(0, 1 << 21)])
    calls: list[Callable[[], None]] = []
    huge_pages.gather_in_time(lambda seconds, call: calls.append(call))
    monkeypatch.setattr(Path, "open", None)
    for call in list(calls):
        call()
    assert len(calls) == len(huge_pages.AFTER_S)


@pytest.mark.parametrize("name", [b"caf\xe9.so", "a b\u2028c\x0cd".encode()])
def test_a_mapped_file_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4 << 20)
    with mmap.mmap(fd, 4 << 20, flags=mmap.MAP_PRIVATE):
        os.close(fd)
        assert all(start < end for start, end in huge_pages._private_memory())


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
