"""What a forked worker writes to, brought together again in huge pages.

A fork shares its parent's memory until it writes; each page that it writes is copied to wherever one is free. A worker
that trains then walks over thousands of scattered 4 KiB pages of interpreter and libraries, and its TLB misses cost 2 to 3 %
of a training loop (docs/performance.md). Those pages lie close together: where a 32nd of 2 MiB has been copied already, Linux
is asked to make one huge page of the whole. That costs a job 0.1 to 0.6 s of a background thread and about 90 MiB (measured
with the packages of a full zygote; less than a spawned worker has of its own), and only one that outlives the first delay.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

AFTER_S = (1.0, 4.0, 16.0)
"""Seconds after the start of the cell: what it works on shows with time."""
_HUGE = 2 << 20
_PAGE = 4096
_LEAST = _HUGE // _PAGE // 32
_IN_ONE_GO = 2  # one takes 0.5 to 10 ms, and the background thread has other work
_PAUSE_S = 0.02
_MOST = 96  # pieces of 2 MiB that one job may have brought together
_MADV_COLLAPSE = 25  # Linux 6.1
_OWN = 0x81  # the highest byte of a pagemap entry: present, mapped by this process alone, and by no file
_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_SHORT = (
    errno.ENOMEM,
    errno.EBUSY,
)  # no memory in one piece, or none that the control group may have

_inherited: list[tuple[int, int]] = []


def remember() -> None:
    """Note which memory there is now, in a fresh fork: what is mapped later is not looked at. Never raises."""
    try:
        _inherited[:] = _private_memory() if _is_possible() else []
    except (OSError, ValueError):
        _inherited.clear()


def gather_in_time(soon: Callable[[float, Callable[[], None]], None]) -> None:
    """Have ``soon`` gather as the cell goes on, little by little. Nothing in a process that has not called ``remember``.

    What is called later never raises, whatever the cell does to this process.
    """
    done = 0

    def go_on(pieces: Iterator[int]) -> None:
        nonlocal done
        try:
            count = gather(islice(pieces, min(_IN_ONE_GO, _MOST - done)))
        except Exception:  # noqa: BLE001 - the cell may have replaced anything; its thread must live
            return
        done += count
        if count:
            soon(_PAUSE_S, partial(go_on, pieces))

    for seconds in AFTER_S if _inherited else ():
        soon(seconds, partial(go_on, scattered()))


def gather(addresses: Iterable[int]) -> int:
    """Ask for a huge page at each address; how many were asked for.

    Values stay as they are. What the system refuses stays as it was; where it is short of memory, nothing more is asked
    for. Other threads run meanwhile; a page fault of theirs may wait some milliseconds.
    """
    import ctypes

    count = 0
    for address in addresses:
        count += 1
        if _madvise()(address, _HUGE, _MADV_COLLAPSE) and ctypes.get_errno() in _SHORT:
            _inherited.clear()
            return 0
    return count


def scattered() -> Iterator[int]:
    """Where 2 MiB of what this process had at first hold enough pages that are its own copies by now."""
    for start, end in list(_inherited):
        with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
            pagemap.seek(start // _PAGE * 8)
            owners = pagemap.read((end - start) // _PAGE * 8)[7::8]
        for number in range((end - start) // _HUGE):
            mine = owners.count(_OWN, number * _HUGE // _PAGE, (number + 1) * _HUGE // _PAGE)
            if mine >= _LEAST:
                yield start + number * _HUGE


@cache
def _madvise() -> Any:
    import ctypes  # only a fork comes here; its parent has it

    madvise = ctypes.CDLL(None, use_errno=True).madvise  # through CDLL, which lets go of the GIL
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return madvise


def _is_possible() -> bool:
    try:
        return os.sysconf("SC_PAGE_SIZE") == _PAGE and "[never]" not in _SETTING.read_text()
    except OSError:
        return False


def _private_memory() -> list[tuple[int, int]]:
    """The whole huge pages within writable memory that belongs to no file: the heap and what lies beside it."""
    found = []
    for line in Path("/proc/self/maps").read_bytes().split(b"\n"):
        span, rights, _, _, _, *name = line.split(maxsplit=5) if line else (b"", b"", b"", b"", b"")
        if rights == b"rw-p" and (
            not name or name[0] == b"[heap]" or name[0].startswith(b"[anon:")
        ):
            start, end = (int(address, 16) for address in span.split(b"-"))
            start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
            if start < end:
                found.append((start, end))
    return found
