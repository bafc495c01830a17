"""The header of an ``.npy`` array, as several threads may read it at once."""

from __future__ import annotations

import threading
from typing import IO, Any

import numpy as np

_ONE = threading.Lock()
"""NumPy reads headers with ``ast``, whose count of recursions CPython 3.11 keeps for all threads together: two at once may
raise ``SystemError``."""


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is column-major, and type; ``file`` then is at the first byte of the array.

    Raises:
        ValueError: it is no header.
    """
    version = np.lib.format.read_magic(file)
    with _ONE:
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        return np.lib.format.read_array_header_2_0(file)


def read_array(file: IO[bytes]) -> np.ndarray[Any, Any]:
    """The array, read-only.

    Raises:
        ValueError: it is no array of numbers, or ends too early.
    """
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds objects")
    flat = np.frombuffer(file.read(), dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")
