"""Fixtures of every room: the engines that tests start, and what the machine can do."""

from __future__ import annotations

import ctypes
import mmap
import os

import pytest

pytest_plugins = ("tests.engines.fixtures",)


@pytest.fixture
def has_huge_pages() -> None:
    """Skip where the kernel itself refuses, or its owner does."""
    from jupyter_cloudml.worker import huge_pages

    if not huge_pages._is_possible():
        pytest.skip("no transparent huge pages here")
    size = 2 << 20
    memory = mmap.mmap(-1, 9 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(bytes(len(memory)))
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if madvise(-(-start // size) * size, 8 * size, 25):
        pytest.skip(f"no huge page on demand here: {os.strerror(ctypes.get_errno())} (Linux 6.1)")
