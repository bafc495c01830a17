"""The header of an ``.npy`` array, as several threads may read it at once."""

from __future__ import annotations

import math
import os
import threading
from typing import IO, Any

import numpy as np

_one = threading.Lock()
"""NumPy reads headers with ``ast``, whose count of recursions CPython 3.11 keeps for all threads together: two at once may
raise ``SystemError``."""


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is column-major, and type; ``file`` then is at the first byte of the array.

    Raises:
        ValueError: it is no header that NumPy writes for numbers.
    """
    version = np.lib.format.read_magic(file)
    with _one:
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"its format {version} is for records with names beyond Latin-1, or unknown")


def read_array(file: IO[bytes]) -> np.ndarray[Any, Any]:
    """The array, read-only.

    Raises:
        ValueError: it is no array of numbers, or ends too early.
    """
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds objects")
    count = math.prod(shape)
    flat = (
        np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
        if count
        else np.empty(0, dtype)
    )
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _renew() -> None:
    """A child that was forked while a thread read a header must not wait for that thread, which it does not have."""
    global _one
    _one = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
