"""``file://``: the store whose keys are absolute paths without the leading slash."""

from __future__ import annotations

import builtins
import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ...core.errors import BadInput, Conflict, NotFound
from ..config import StoreOptions
from ..disk import disk_errors, landings, published, temporary_beside
from ..errors import changed
from ..port import ObjectInfo, Page, Progress
from .listing import entries
from .publish import etag_of, publish

_CHUNK = 4 << 20


class FileStore:
    """See ``stores.port.Store``. A directory without files counts as a prefix; checksums are the file system's affair."""

    root = "file://"

    def __init__(self, base: Path = Path("/")) -> None:
        self._base = base

    @classmethod
    def from_options(cls, root: str, options: StoreOptions) -> FileStore:  # noqa: ARG003 - the port's
        return cls()

    @classmethod
    def engine_options(cls, root: str, options: StoreOptions) -> dict[str, str]:  # noqa: ARG003
        return {}

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = "/",
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        if delimiter not in (None, "/"):
            raise BadInput(f"delimiter {delimiter!r}: files are listed by '/' or not at all")
        every = entries(self._base, prefix, after=token or "", deep=delimiter is None)
        found = list(islice(every, limit + 1))
        more, found = len(found) > limit, found[:limit]
        return Page(
            objects=tuple(_info(e.key, e.status) for e in found if not e.is_prefix),
            prefixes=tuple(e.key for e in found if e.is_prefix),
            next=found[-1].key if more else None,
        )

    def walk(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for entry in entries(self._base, prefix, deep=True):
            yield _info(entry.key, entry.status)

    def stat(self, key: str) -> ObjectInfo:
        with self._opened(key) as file:
            return _info(key, os.fstat(file.fileno()))

    def read(
        self, key: str, start: int = 0, length: int | None = None, *, if_match: str | None = None
    ) -> bytes:
        with self._opened(key, if_match) as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> builtins.list[bytes]:
        with self._opened(key) as file:
            return [_read_at(file, start, length) for start, length in ranges]

    def get(
        self,
        key: str,
        path: Path,
        *,
        progress: Progress | None = None,
        resume: bool = True,  # noqa: ARG002 - a copy on this machine begins anew
        if_match: str | None = None,
    ) -> ObjectInfo:
        with self._opened(key, if_match) as file, published(path) as temporary:
            info = _info(key, os.fstat(file.fileno()))
            with temporary.open("xb") as target:
                _copy(file, target, info.size, progress)
            if _info(key, os.fstat(file.fileno())) != info:
                raise Conflict(f"{self._path(key)} changed while it was read", hint="try again")
        return info

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress | None = None,
        resume: bool = True,  # noqa: ARG002 - a copy on this machine begins anew
    ) -> ObjectInfo:
        path = self._path(key)
        temporary = temporary_beside(path)
        try:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("xb") as target:
                    _write(source, target, progress)
                    info = _info(key, os.fstat(target.fileno()))
                publish(temporary, path, if_absent=if_absent, if_match=if_match)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return info

    def get_many(
        self,
        keys: Iterable[str],
        folder: Path,
        *,
        strip: str = "",
        progress: Progress | None = None,
    ) -> builtins.list[ObjectInfo]:
        places = landings(folder, keys, strip)
        return [self.get(key, path, progress=progress) for key, path in places]

    def put_many(
        self, sources: Mapping[str, Path | bytes], *, progress: Progress | None = None
    ) -> builtins.list[ObjectInfo]:
        return [self.put(key, source, progress=progress) for key, source in sources.items()]

    def copy(self, source: str, target: str) -> ObjectInfo:
        with self._opened(source):
            return self.put(target, self._path(source))

    def move(self, source: str, target: str) -> ObjectInfo:
        with self._opened(source), disk_errors(self._path(target)):
            path = self._path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._path(source).replace(path)
            except OSError:  # another file system
                self.copy(source, target)
                self.delete([source])
        return self.stat(target)

    def delete(self, keys: Iterable[str]) -> int:
        gone = 0
        for key in keys:
            path = self._path(key)
            with disk_errors(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
                gone += 1
        return gone

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:  # noqa: ARG002
        raise BadInput(
            f"a file has no presigned link: {self._path(key)}", hint="upload it to a bucket first"
        )

    def _path(self, key: str) -> Path:
        if not key or ".." in key.split("/") or "\0" in key:
            raise BadInput(f"key {key!r} is no path of a file")
        return self._base / key.lstrip("/")

    @contextlib.contextmanager
    def _opened(self, key: str, if_match: str | None = None) -> Iterator[BinaryIO]:
        path = self._path(key)
        with disk_errors(path):
            try:
                is_file = stat.S_ISREG(path.stat().st_mode)
            except NotADirectoryError as exc:
                raise NotFound(f"there is no file {str(path)!r}") from exc
            if not is_file:
                raise NotFound(f"{str(path)!r} is a directory or device, not a file")
            with path.open("rb") as file:
                if if_match is not None and etag_of(os.fstat(file.fileno())) != if_match:
                    raise changed(repr(str(path)))
                yield file


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    return ObjectInfo(key=key, size=status.st_size, etag=etag_of(status), modified=modified)


def _read_at(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _write(source: Path | bytes, target: BinaryIO, progress: Progress | None) -> None:
    if isinstance(source, bytes):
        target.write(source)
        if progress is not None:
            progress(len(source))
    else:
        with disk_errors(source):
            file = source.open("rb")
        with file:
            _copy(file, target, os.fstat(file.fileno()).st_size, progress)
    target.flush()


def _copy(file: BinaryIO, target: BinaryIO, size: int, progress: Progress | None) -> None:
    """The first ``size`` bytes: a file that somebody appends to does not keep us for ever."""
    buffer = memoryview(bytearray(min(_CHUNK, max(size, 1))))
    while size and (count := file.readinto(buffer[:size])):  # type: ignore[attr-defined]
        target.write(buffer[:count])
        size -= count
        if progress is not None:
            progress(count)
