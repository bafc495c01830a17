"""What an ``OSError`` of the data directory means to the user: one sentence and the way out."""

from __future__ import annotations

import errno
from pathlib import Path

from ..core.errors import Unavailable

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space where the data directory lies",
    errno.EDQUOT: "your disk quota is used up: free some space where the data directory lies",
    errno.EFBIG: "the file reached the size limit of this process (ulimit -f)",
    errno.EROFS: "the file system is read-only: set CLOUDML_HOME to a directory that you may write",
    errno.EACCES: "set CLOUDML_HOME to a directory that you may write",
    errno.EPERM: "set CLOUDML_HOME to a directory that you may write",
    errno.ENOTDIR: "a file is in the way: set CLOUDML_HOME to another directory",
    errno.EEXIST: "a file is in the way: set CLOUDML_HOME to another directory",
    errno.EMFILE: "too many open files: raise ulimit -n",
}


def unavailable(path: Path | str, exc: OSError) -> Unavailable:
    """The error to raise ``from exc``: it names the path, the reason, and what to do about it."""
    reason = exc.strerror or str(exc)
    hint = _HINTS.get(exc.errno or 0, "see whether the disk is there, or set CLOUDML_HOME")
    return Unavailable(f"cannot write {str(path)!r}: {reason}", hint=hint)
