"""Local files that stores read and write: what an ``OSError`` means, and names that only whole files have."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.errors import BadInput, CloudMLError, NotFound, PermissionDenied, Unavailable

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space there, or choose another directory",
    errno.EDQUOT: "your disk quota is used up: free some space there, or choose another directory",
    errno.EFBIG: "the file reached the size limit of this process (ulimit -f)",
    errno.EROFS: "the file system is read-only: choose another directory",
    errno.EMFILE: "too many open files: raise ulimit -n",
}
_SHAPES = {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST, errno.EINVAL}


def disk_error(path: Path | str, exc: OSError) -> CloudMLError:
    """The error to raise ``from exc``: it names the path, the reason and the way out."""
    said = f"{str(path)!r}: {exc.strerror or exc}"
    if isinstance(exc, FileNotFoundError):
        return NotFound(f"there is no file {str(path)!r}")
    if isinstance(exc, PermissionError):
        return PermissionDenied(said, hint="see who owns it, or choose another path")
    if exc.errno in _SHAPES:
        return BadInput(said, hint="a key is the path of a file, not of a directory")
    return Unavailable(said, hint=_HINTS.get(exc.errno or 0, "see whether the disk is there"))


@contextlib.contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """Raise an ``OSError`` of the block as ``disk_error(path)``."""
    try:
        yield
    except OSError as exc:
        raise disk_error(path, exc) from exc


@contextlib.contextmanager
def published(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; after the block it gets the final name, after an exception it goes.

    The directory is made. Whatever is killed when, ``path`` is the old file or the whole new one.
    """
    temporary = temporary_beside(path)
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def temporary_beside(path: Path) -> Path:
    """A name that ``is_temporary`` knows and nobody else has."""
    return path.with_name(f".cloudml-{os.getpid()}-{os.urandom(6).hex()}.tmp")


def is_temporary(name: str) -> bool:
    """Whether a file of that name is one that is being written: listings leave it out."""
    return name.startswith(".cloudml-") and name.endswith(".tmp")


def landing(folder: Path, key: str, strip: str = "") -> Path:
    """Where the object ``key`` lands below ``folder``.

    Raises:
        BadInput: the rest of the key after ``strip`` would leave the folder, or names no file.
    """
    rest = key.removeprefix(strip).lstrip("/")
    parts = rest.split("/")
    if not rest or rest.endswith("/") or ".." in parts or "\0" in rest:
        raise BadInput(f"object {key!r} cannot be a file below {str(folder)!r}")
    return folder.joinpath(*(part for part in parts if part not in ("", ".")))


def landings(folder: Path, keys: Iterable[str], strip: str = "") -> list[tuple[str, Path]]:
    """Each key with where it lands.

    Raises:
        BadInput: a key has no place below the folder, or two would land on one file (``a/b`` and ``a//b``).
    """
    places = [(key, landing(folder, key, strip)) for key in keys]
    owners: dict[Path, str] = {}
    for key, path in places:
        other = owners.setdefault(path, key)
        if other != key:
            raise BadInput(
                f"objects {other!r} and {key!r} would be one file: {str(path)!r}",
                hint="get them one by one, under names of your own",
            )
    return places
