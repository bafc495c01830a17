"""What a forked worker writes to, brought together again in huge pages.

A fork shares its parent's memory until it writes; each page that it writes is copied to wherever one is free. A worker
that trains then walks over thousands of scattered 4 KiB pages of interpreter and libraries, and its TLB misses cost 2 to 3 %
of a training loop (docs/performance.md). Those pages lie close together: where a 32nd of 2 MiB has been copied already, Linux
is asked to make one huge page of the whole. That costs a job 0.1 to 0.6 s of a background thread and about 90 MiB (measured
with the packages of a full zygote; less than a spawned worker has of its own), and only one that outlives the first delay.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

AFTER_S = (1.0, 4.0, 16.0)
"""Seconds after the start of the cell: what it works on shows with time."""
_HUGE = 2 << 20
_PAGE = 4096
_LEAST = _HUGE // _PAGE // 32
_IN_ONE_GO = 8  # one takes 0.5 to 10 ms, and the background thread has other work
_PAUSE_S = 0.02
_MADV_COLLAPSE = 25  # Linux 6.1
_OWN = 0x81  # the highest byte of a pagemap entry: present, mapped by this process alone, and by no file
_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")

_inherited: list[tuple[int, int]] = []


def remember() -> None:
    """Note which memory there is now, in a fresh fork: only that is looked at later, however much the cell allocates."""
    _inherited[:] = _private_memory() if _is_possible() else []


def gather_in_time(soon: Callable[[float, Callable[[], None]], None]) -> None:
    """Have ``soon`` gather as the cell goes on, little by little. Nothing in a process that has not called ``remember``."""

    def go_on(scattered: Iterator[int]) -> None:
        if gather(scattered, at_most=_IN_ONE_GO):
            soon(_PAUSE_S, partial(go_on, scattered))

    for seconds in AFTER_S if _inherited else ():
        soon(seconds, partial(go_on, scattered()))


def gather(addresses: Iterable[int], *, at_most: int) -> bool:
    """Make huge pages of the first ``at_most`` that ``addresses`` names; whether there were so many.

    Values stay as they are. Never raises: what the system refuses (no memory in one piece, an older kernel) stays as it
    was. Other threads run meanwhile; a page fault of theirs may wait some milliseconds.
    """
    import ctypes  # only a fork comes here; its parent has it

    madvise = ctypes.CDLL(None).madvise  # through CDLL, which lets go of the GIL
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    done = 0
    for address in islice(addresses, at_most):
        madvise(address, _HUGE, _MADV_COLLAPSE)
        done += 1
    return done == at_most


def scattered() -> Iterator[int]:
    """Where 2 MiB of what this process had at first hold enough pages that are its own copies by now."""
    try:
        with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
            for start, end in _inherited:
                for address in range(start, end, _HUGE):
                    pagemap.seek(address // _PAGE * 8)
                    if pagemap.read(_HUGE // _PAGE * 8)[7::8].count(_OWN) >= _LEAST:
                        yield address
    except OSError:
        return


def _is_possible() -> bool:
    try:
        return os.sysconf("SC_PAGE_SIZE") == _PAGE and "[never]" not in _SETTING.read_text()
    except OSError:
        return False


def _private_memory() -> list[tuple[int, int]]:
    """The whole huge pages within writable memory that belongs to no file: the heap and what lies beside it."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and (not name or name[0] == "[heap]"):
            start, end = (int(address, 16) for address in span.split("-"))
            start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
            if start < end:
                found.append((start, end))
    return found
