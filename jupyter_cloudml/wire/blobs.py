"""Content-addressed blobs: bytes under the name of their hash."""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Corrupt, Unavailable
from .digests import DIGEST, digest_of, digest_of_file

Buffer = bytes | bytearray | memoryview | mmap.mmap

_PARALLEL_FROM = 8 << 20
_CHUNK = 8 << 20
_CHECK_LATER_FROM = 1 << 20
_CHECKERS = 2
_FileKey = tuple[str, int, int, int, int]
_verified: set[_FileKey] = set()
_seen: set[tuple[int, int]] = set()


@dataclass(frozen=True, kw_only=True)
class BlobRef:
    """A stored blob: its digest with the algorithm's tag, and its size in bytes."""

    digest: str
    size: int
    is_new: bool = False


class BlobStore:
    """Blobs as files under ``root``. With ``fan_out`` files lie in folders named by the digest's first two digits.

    Safe for many processes at once: a blob appears under its name only whole, by one rename, and equal content has
    one name, so two writers of the same blob never harm each other.
    """

    def __init__(self, root: Path, *, fan_out: bool = False) -> None:
        self.root = root
        self.fan_out = fan_out
        self._checks: list[tuple[_Check, Future[None]]] = []
        self._checkers: ThreadPoolExecutor | None = None

    def path(self, digest: str) -> Path:
        """Where the blob lies, or would lie.

        Raises:
            Corrupt: ``digest`` is not a digest (it could otherwise name any file).
        """
        if not DIGEST.fullmatch(digest):
            raise Corrupt(f"{digest!r} is not the name of a blob", hint="the manifest is damaged")
        return self.root / digest[3:5] / digest if self.fan_out else self.root / digest

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is stored whole (by its size; ``open`` checks the content)."""
        try:
            return self.path(digest).stat().st_size == size
        except OSError:
            return False

    def _keep(self, digest: str, size: int) -> bool:
        """Whether the blob is stored whole; it is then as young as a new one, so that a prune leaves it alone."""
        if not self.has(digest, size):
            return False
        try:
            os.utime(self.path(digest))
        except OSError:  # it went away in between, or belongs to another user
            return self.has(digest, size)
        return True

    def put(self, data: Buffer | Iterable[Buffer], *, portable: bool = False) -> BlobRef:
        """Store ``data``. After return the blob is whole under its name; writes nothing when it was there already.

        Large buffers are hashed and written in two threads, unless this process stored the same memory before: then
        it hashes first, and an unchanged value costs the hash only.

        Raises:
            Unavailable: the disk is full or read-only; no part of the blob stays.
        """
        if isinstance(data, (bytes, bytearray, memoryview, mmap.mmap)):
            view = memoryview(data).cast("B")
        else:
            view = memoryview(b"".join(data))
        key = (_address(view), len(view))
        if len(view) < _PARALLEL_FROM or key in _seen:
            ref = self._put_hash_first(view, portable)
        else:
            ref = self._put_parallel(view, portable)
        _seen.add(key)
        return ref

    def link_into(self, folder: Path, digest: str) -> Path:
        """Make the blob also appear in ``folder``: a hard link, or a whole copy where links are impossible."""
        _make(folder)
        target = folder / digest
        source = self.path(digest)
        try:
            os.link(source, target)
        except FileExistsError:
            return target
        except OSError:
            _copy(source, target)
        return target

    def open(self, digest: str, size: int | None = None) -> memoryview:
        """The blob as private writable memory, mapped copy-on-write: nothing is read before it is touched.

        The content is checked by its hash on the first open of a file in this process, the size always. Blobs from
        1 MiB on are checked in threads meanwhile: call ``check`` before a result that rests on them is given out.

        Raises:
            Corrupt: the blob is missing, has another size, or its content does not match its name.
        """
        path = self.path(digest)
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError as exc:
            raise _damaged(digest, "is missing") from exc
        try:
            info = os.fstat(fd)
            if size is not None and info.st_size != size:
                raise _damaged(digest, f"has {info.st_size} bytes instead of {size}")
            key = _key(digest, info)
            if key not in _verified:
                check = _Check(path=path, digest=digest, key=key)
                if info.st_size >= _CHECK_LATER_FROM:
                    self._check_later(check)
                else:
                    check.run()
                    check.finish()
            if info.st_size == 0:
                return memoryview(bytearray())
            return memoryview(mmap.mmap(fd, info.st_size, access=mmap.ACCESS_COPY))
        finally:
            os.close(fd)

    def discard_damaged(self, digests: Iterable[str]) -> list[str]:
        """Remove those blobs whose content does not match their name, so that ``put`` writes them anew; which they were."""
        gone = []
        for digest in digests:
            with contextlib.suppress(OSError):
                with self.path(digest).open("rb") as file:
                    is_whole = digest_of_file(file.fileno(), digest) == digest
                if not is_whole:
                    self.path(digest).unlink()
                    gone.append(digest)
        return gone

    def check(self) -> None:
        """Wait until every blob that was opened here is checked.

        Raises:
            Corrupt: one does not match its checksum.
        """
        try:
            while self._checks:
                check, running = self._checks.pop()
                running.result()
                check.finish()
        finally:
            if self._checkers is not None and not self._checks:
                self._checkers.shutdown()
                self._checkers = None

    def _check_later(self, check: _Check) -> None:
        if self._checkers is None:
            self._checkers = ThreadPoolExecutor(_CHECKERS, thread_name_prefix="cloudml-check")
        self._checks.append((check, self._checkers.submit(check.run)))

    def _put_hash_first(self, view: memoryview, portable: bool) -> BlobRef:
        digest = digest_of(view, portable=portable)
        if self._keep(digest, len(view)):
            return BlobRef(digest=digest, size=len(view))
        path = self.path(digest)
        with _disk_errors(), self._temporary(path.parent) as (fd, temporary):
            _write_all(fd, view)
            temporary.rename(path)
        return BlobRef(digest=digest, size=len(view), is_new=True)

    def _put_parallel(self, view: memoryview, portable: bool) -> BlobRef:
        found: list[str] = []

        def hash_it() -> None:
            found.append(digest_of(view, portable=portable))

        def is_stored() -> bool:
            return bool(found) and self.has(found[0], len(view))

        thread = threading.Thread(target=hash_it, name="cloudml-hash")
        with _disk_errors(), self._temporary(self.root) as (fd, temporary):
            thread.start()
            try:
                whole = _write_all(fd, view, stop=is_stored)
            finally:
                thread.join()
            digest = found[0]
            if not whole or is_stored():
                self._keep(digest, len(view))
                return BlobRef(digest=digest, size=len(view))
            path = self.path(digest)
            _make(path.parent)
            temporary.rename(path)
        return BlobRef(digest=digest, size=len(view), is_new=True)

    @contextlib.contextmanager
    def _temporary(self, folder: Path) -> Any:
        temporary = folder / f".{secrets.token_hex(8)}.part"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            _make(folder)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield fd, temporary
        finally:
            os.close(fd)
            temporary.unlink(missing_ok=True)


@dataclass(kw_only=True)
class _Check:
    """Compares a file with its digest. ``key`` is which file it was when it was mapped."""

    path: Path
    digest: str
    key: _FileKey
    found: str = ""

    def run(self) -> None:
        """Read the whole file; leaves ``found`` empty when another lies there now."""
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except OSError:
            return
        try:
            if _key(self.digest, os.fstat(fd))[:4] == self.key[:4]:
                self.found = digest_of_file(fd, self.digest)
        finally:
            os.close(fd)

    def finish(self) -> None:
        """The verdict, once it is there; Corrupt when the content is another."""
        if self.found != self.digest:
            raise _damaged(self.digest, "does not match its checksum")
        _verified.add(self.key)


def _key(digest: str, info: os.stat_result) -> _FileKey:
    return digest, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _write_all(fd: int, view: memoryview, stop: Callable[[], bool] | None = None) -> bool:
    """Write everything; False when ``stop`` said that the rest is not needed."""
    done = 0
    while done < len(view):
        if stop is not None and stop():
            return False
        done += os.write(fd, view[done : done + _CHUNK])
    return True


def _make(folder: Path) -> None:
    """Make ``folder`` and the one above it, open to nobody else."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _copy(source: Path, target: Path) -> None:
    import shutil

    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        shutil.copyfile(source, temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def _address(view: memoryview) -> int:
    import ctypes

    if view.readonly or not len(view):
        return id(view.obj)
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _damaged(digest: str, what: str) -> Corrupt:
    return Corrupt(f"blob {digest} {what}", hint="the stored data is damaged; submit the job again")


@contextlib.contextmanager
def _disk_errors() -> Any:
    try:
        yield
    except OSError as exc:
        raise Unavailable(
            f"the captured values cannot be stored: {exc.strerror} ({exc.filename or 'data folder'})",
            hint="free disk space or choose another folder with CLOUDML_HOME",
        ) from exc
