"""Thousands of small objects, up through obstore, whose Rust client costs a tenth of a Python one for each request.

What arrives is compared with the CRC32C that ``put_many`` leaves in an object's metadata (5 GB/s), else with the checksum that
the store says, else with its etag where that is an MD5 (0.7 GB/s), as it is of small objects; S3 has other etags where it
encrypts by keys of KMS, and some stores always. So what does not fit is no error yet: the object moves once more, alone.
obstore must not be used in a process that forks afterwards: its threads do not follow into the child.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from ..disk import disk_errors, landings, temporary_beside
from ..port import ObjectInfo, Progress
from .checksums import Crc, crc_named, fits
from .workers import Stop, Told, work_off

CRC_NAME = "cloudml-crc32c"
"""The metadata of an object that holds eight hexadecimal digits. Others who write it anew leave none, or a wrong one."""
_PUT_THREADS = 32
_GET_THREADS = 16
_SMALL_BYTES = 16 << 20
"""Above it the engine for one large object is faster, and needs less memory."""


class Whole(Protocol):
    """The parts of ``Store`` for objects that are large, oddly named, or in any way not as they should be."""

    def get(self, key: str, path: Path) -> ObjectInfo: ...
    def put(self, key: str, source: Path | bytes) -> ObjectInfo: ...


_MD5 = re.compile("[0-9a-f]{32}")

Errors = Callable[[str], AbstractContextManager[None]]
"""Given a key: the context manager that translates what obstore raises for it."""


def is_plain(key: str) -> bool:
    """Whether obstore can name it: it takes no empty, ``.`` or ``..`` part, no control character, no slash at an end."""
    return all(part not in ("", ".", "..") for part in key.split("/")) and key.isprintable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One object as it came. ``crc`` is what its metadata say by ``CRC_NAME``, ``checksum`` what its store does, spelled as in
    ``ObjectInfo``; either may be absent."""

    data: bytes
    etag: str
    modified: datetime
    crc: str | None
    checksum: str | None


Fetch = Callable[[str, int], "Fetched | None"]
"""Given a plain key and a size: the object, or None where it is larger or something is not as it should be: then it is
asked for by ``Whole.get``, which says what is wrong. Called by many threads."""


def get_many(
    fetch: Fetch,
    whole: Whole,
    keys: Iterable[str],
    folder: Path,
    *,
    strip: str,
    progress: Progress | None,
) -> list[ObjectInfo]:
    """See ``Store.get_many``."""
    places = landings(folder, keys, strip)
    told, etags, crc = Told(progress), _Etags(), crc_named("crc32c")

    def one(place: tuple[str, Path]) -> ObjectInfo:
        key, path = place
        got = fetch(key, _SMALL_BYTES) if is_plain(key) else None
        if got is not None and _is_right(got, crc, etags):
            _write(path, got.data)
            told(len(got.data))
            etag = got.etag.strip('"')
            return ObjectInfo(key=key, size=len(got.data), etag=etag, modified=got.modified)
        info = whole.get(key, path)
        if got is not None and not got.crc and path.read_bytes() == got.data:
            etags.are_md5 = False
        told(info.size)
        return info

    return work_off(one, places, threads=_GET_THREADS, stop=Stop())


def _is_right(got: Fetched, crc: Crc | None, etags: _Etags) -> bool:
    """By what costs least; a CRC32C of ours that does not fit may be one that others left behind."""
    kept = got.crc if crc else None
    if crc and kept and _crc_of(crc, got.data) == kept:
        return True
    fitting = fits(got.checksum, [got.data])
    return etags.allow(got.etag, got.data, is_needed=bool(kept)) if fitting is None else fitting


def put_many(
    store: Any,
    whole: Whole,
    sources: Mapping[str, Path | bytes],
    *,
    progress: Progress | None,
    errors: Errors,
) -> list[ObjectInfo]:
    """See ``Store.put_many``. The times in the infos are this machine's."""
    import obstore

    told, etags, crc = Told(progress), _Etags(), crc_named("crc32c")

    def one(item: tuple[str, Path | bytes]) -> ObjectInfo:
        key, source = item
        data = _small(source) if is_plain(key) else None
        if data is None:
            info = whole.put(key, source)
            told(info.size)
            return info
        with errors(key):
            marks = {CRC_NAME: _crc_of(crc, data)} if crc else None
            answer = obstore.put(store, key, data, attributes=marks, use_multipart=False)
        if not etags.allow(answer["e_tag"], data):
            info = whole.put(key, data)
            if not etags.allow(info.etag, data):
                etags.are_md5 = False
            told(info.size)
            return info
        told(len(data))
        etag = (answer["e_tag"] or "").strip('"')
        now = datetime.now(timezone.utc)
        return ObjectInfo(key=key, size=len(data), etag=etag, modified=now)

    return work_off(one, list(sources.items()), threads=_PUT_THREADS, stop=Stop())


class _Etags:
    """``are_md5`` until one of an object that is whole was none."""

    are_md5 = True

    def allow(self, etag: str | None, data: Any, *, is_needed: bool = False) -> bool:
        """False when the etag is the MD5 of other bytes. One that is none at all says nothing: False where it ``is_needed``."""
        said = (etag or "").strip('"')
        if not self.are_md5 or not _MD5.fullmatch(said):
            return not is_needed
        return hashlib.md5(data, usedforsecurity=False).hexdigest() == said


def _crc_of(crc: Crc, data: bytes) -> str:
    return f"{crc.extend(0, data):08x}"


def _small(source: Path | bytes) -> bytes | None:
    if isinstance(source, bytes):
        return source if len(source) <= _SMALL_BYTES else None
    with disk_errors(source), source.open("rb") as file:
        if os.fstat(file.fileno()).st_size > _SMALL_BYTES:
            return None
        return file.read()


def _write(path: Path, data: bytes) -> None:
    temporary = temporary_beside(path)
    with disk_errors(path):
        fd = _create(temporary)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108
            raise
        finally:
            os.close(fd)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)
