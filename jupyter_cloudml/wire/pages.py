"""Has a private file mapping been written to? The kernel knows, page by page, without a byte being read."""

from __future__ import annotations

import ctypes
import mmap
import os
from array import array

_ENTRY = 8
_PRESENT = 1 << 63
_SWAPPED = 1 << 62
_OF_FILE = 1 << 61
_BATCH = 1 << 16


def is_untouched(view: memoryview) -> bool:
    """Whether no page under a copy-on-write mapping was ever written; False also where that cannot be told.

    Source: Linux Documentation/admin-guide/mm/pagemap.rst. A written page of a private mapping is anonymous: present
    or swapped, and not of a file.
    """
    if not isinstance(view.obj, mmap.mmap) or view.readonly or not len(view):
        return False
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    first, end = address // mmap.PAGESIZE, -(-(address + len(view)) // mmap.PAGESIZE)
    try:
        fd = os.open("/proc/self/pagemap", os.O_RDONLY)
    except OSError:
        return False
    try:
        for page in range(first, end, _BATCH):
            count = min(_BATCH, end - page)
            raw = os.pread(fd, count * _ENTRY, page * _ENTRY)
            if len(raw) != count * _ENTRY or not _is_clean(raw):
                return False
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _is_clean(raw: bytes) -> bool:
    """Few different entries are met, since the kernel hides the page numbers from us."""
    for entry in set(array("Q", raw)):
        if entry & _SWAPPED or (entry & _PRESENT and not entry & _OF_FILE):
            return False
    return True
