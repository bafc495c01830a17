"""Names for content: digests with the tag of their algorithm. Pure functions of the content.

``b2-``: blake2b-128, any Python computes it. ``x3-``: xxh3-128. ``t3-``, from 64 MiB on: xxh3-128 over the xxh3-128
digests of each 16 MiB, so that several cores share the work.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    import xxhash

    HAS_XXHASH = True
except ImportError:  # a bare Python at the far end
    HAS_XXHASH = False

DIGEST = re.compile(r"(x3|t3|b2)-[0-9a-f]{32}")
TREE_FROM = 64 << 20
_LEAF = 16 << 20
_READ = 2 << 20
_MAX_THREADS = 4


def digest_of(data: Any, *, portable: bool = False) -> str:
    """The digest of bytes: ``b2-`` when ``portable`` or where xxhash is missing, else ``x3-`` or ``t3-`` by size."""
    view = memoryview(data).cast("B")
    if portable or not HAS_XXHASH:
        return f"b2-{hashlib.blake2b(view, digest_size=16).hexdigest()}"
    if len(view) < TREE_FROM:
        return f"x3-{xxhash.xxh3_128_hexdigest(view)}"
    return _tree(lambda at: xxhash.xxh3_128_digest(view[at : at + _LEAF]), len(view))


def digest_as(digest: str, data: Any) -> str:
    """The digest of ``data`` by the algorithm of ``digest``."""
    tag = digest[:2]
    if tag == "x3" and HAS_XXHASH:
        return f"x3-{xxhash.xxh3_128_hexdigest(data)}"
    return digest_of(data, portable=tag == "b2")


def digest_of_file(fd: int, digest: str) -> str:
    """The digest of a file by the algorithm of ``digest``; where that is not installed, ``digest`` itself."""
    tag = digest[:2]
    if tag != "b2" and not HAS_XXHASH:
        return digest
    size = os.fstat(fd).st_size
    if tag == "t3":
        return _tree(lambda at: _of_span(fd, at, min(_LEAF, size - at), xxhash.xxh3_128()), size)
    hasher = hashlib.blake2b(digest_size=16) if tag == "b2" else xxhash.xxh3_128()
    return f"{tag}-{_of_span(fd, 0, size, hasher).hex()}"


def _tree(leaf: Callable[[int], bytes], size: int) -> str:
    places = range(0, size, _LEAF)
    threads = min(_MAX_THREADS, _cores())
    if threads < 2:
        leaves = list(map(leaf, places))
    else:
        with ThreadPoolExecutor(threads, thread_name_prefix="cloudml-hash") as pool:
            leaves = list(pool.map(leaf, places))
    return f"t3-{xxhash.xxh3_128_hexdigest(b''.join(leaves))}"


def _of_span(fd: int, start: int, size: int, hasher: Any) -> bytes:
    buffer = bytearray(min(_READ, max(size, 1)))
    view = memoryview(buffer)
    at, end = start, start + size
    while at < end:
        read = os.preadv(fd, [view[: end - at]], at)
        if not read:
            break
        hasher.update(view[:read])
        at += read
    found: bytes = hasher.digest()
    return found


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
