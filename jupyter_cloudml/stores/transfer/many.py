"""Thousands of small objects through obstore, whose Rust client costs a tenth of a Python one for each request.

What arrives is compared with the CRC32C that ``put_many`` leaves in an object's metadata (5 GB/s), else with its etag where that
is an MD5 (0.7 GB/s), as it is of small objects; S3 has other etags where it encrypts by keys of KMS, and some stores always.
So what does not fit is no error yet: the object moves once more, alone, with the checksum that the store keeps. obstore must
not be used in a process that forks afterwards: its threads do not follow into the child.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from ..disk import disk_errors, landings, temporary_beside
from ..port import ObjectInfo, Progress
from .checksums import Crc, crc_named
from .workers import Stop, Told, work_off

CRC_NAME = "cloudml-crc32c"
"""The metadata of an object that holds eight hexadecimal digits. Others who write it anew leave none, or a wrong one."""
_THREADS = 32
_QUICK_S = 0.003
_SMALL_BYTES = 16 << 20
"""Above it the engine for one large object is faster, and needs less memory."""


class Whole(Protocol):
    """The parts of ``Store`` for objects that obstore cannot name, or that are large."""

    def get(self, key: str, path: Path) -> ObjectInfo: ...
    def put(self, key: str, source: Path | bytes) -> ObjectInfo: ...


_MD5 = re.compile("[0-9a-f]{32}")

Errors = Callable[[str], AbstractContextManager[None]]
"""Given a key: the context manager that translates what obstore raises for it."""


def is_plain(key: str) -> bool:
    """Whether obstore can name it: it takes no empty, ``.`` or ``..`` part, no control character, no slash at an end."""
    return all(part not in ("", ".", "..") for part in key.split("/")) and key.isprintable()


def get_many(
    store: Any,
    whole: Whole,
    keys: Iterable[str],
    folder: Path,
    *,
    strip: str,
    progress: Progress | None,
    errors: Errors,
) -> list[ObjectInfo]:
    """See ``Store.get_many``; ``store`` is an obstore."""
    import obstore

    places = landings(folder, keys, strip)
    told, etags, crc = Told(progress), _Etags(), crc_named("crc32c")
    writing = _InTurn()

    def one(place: tuple[str, Path]) -> ObjectInfo:
        key, path = place
        data = kept = None
        if is_plain(key):
            with errors(key):
                answer = obstore.get(store, key)
                meta = answer.meta
                data = answer.bytes() if meta["size"] <= _SMALL_BYTES else None
            kept = answer.attributes.get(CRC_NAME) if crc else None
            if data is not None and (
                (crc and kept and _crc_of(crc, data) == kept)
                or etags.allow(meta["e_tag"], data, is_needed=bool(kept))
            ):
                with writing:
                    _write(path, data)
                told(len(data))
                return _info(key, meta)
        info = whole.get(key, path)
        if data is not None and not kept and path.read_bytes() == data:
            etags.are_md5 = False
        told(info.size)
        return info

    return work_off(one, places, threads=_THREADS, stop=Stop())


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

    return work_off(one, list(sources.items()), threads=_THREADS, stop=Stop())


class _Etags:
    """``are_md5`` until one of an object that is whole was none."""

    are_md5 = True

    def allow(self, etag: str | None, data: Any, *, is_needed: bool = False) -> bool:
        """False when the etag is the MD5 of other bytes. One that is none at all says nothing: False where it ``is_needed``."""
        said = (etag or "").strip('"')
        if not self.are_md5 or not _MD5.fullmatch(said):
            return not is_needed
        return hashlib.md5(data, usedforsecurity=False).hexdigest() == said


class _InTurn:
    """One writer at a time: on a disk of this machine many spin on the lock of their folder, which costs a tenth more time of
    the processor. Where one writer takes long, as over a network, from then on all go at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = threading.local()
        self._is_quick = True

    def __enter__(self) -> None:
        self._since.begun = 0.0
        if self._is_quick:
            self._lock.acquire()
            self._since.begun = time.perf_counter()

    def __exit__(self, *_exc: object) -> None:
        if self._since.begun:
            self._is_quick = self._is_quick and time.perf_counter() - self._since.begun < _QUICK_S
            self._lock.release()


def _crc_of(crc: Crc, data: Any) -> str:
    return f"{crc.extend(0, bytes(data)):08x}"  # which costs nothing where they are bytes


def _small(source: Path | bytes) -> bytes | None:
    if isinstance(source, bytes):
        return source if len(source) <= _SMALL_BYTES else None
    with disk_errors(source), source.open("rb") as file:
        if os.fstat(file.fileno()).st_size > _SMALL_BYTES:
            return None
        return file.read()


def _write(path: Path, data: Any) -> None:
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


def _info(key: str, meta: Any) -> ObjectInfo:
    etag = (meta["e_tag"] or "").strip('"')
    return ObjectInfo(key=key, size=meta["size"], etag=etag, modified=meta["last_modified"])
