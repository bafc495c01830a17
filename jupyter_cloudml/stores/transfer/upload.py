"""One large file to one object: parallel parts under an upload id, resumed, checksummed, published by the last call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from ...core.errors import CloudMLError, Conflict, Corrupt, NotFound, Unavailable
from ..disk import disk_errors
from ..port import ObjectInfo, Progress
from .checksums import Crc, best_crc
from .memo import Memo
from .source import Slice, State
from .workers import Stop, Told, work_off

RETRIES = 4
_FIRST_PAUSE_S = 0.2
_MOST_PARTS = 9_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """A part that the store has: its number from 1, the store's word for it, its checksum and length."""

    number: int
    etag: str
    crc: int
    length: int


class Multipart(Protocol):
    """How one store takes one object in parts. Nothing shows under the key before ``complete``.

    Backend authors: errors are those of ``core.errors``; ``send`` may be repeated for a number, the last one counts.
    ``is_published`` is True once the object is there, where the last part makes it: what happens to the file then is too late.
    """

    @property
    def is_published(self) -> bool: ...

    def begin(self, crc: Crc, whole: Callable[[], int]) -> str:
        """The id of a new upload. ``whole()`` reads the file for the checksum of all, if that must be said first."""
        ...

    def send(self, upload: str, number: int, body: Slice, crc: Crc, value: int) -> str:
        """Store one part whose checksum is ``value``; the store's word for it. ``Corrupt`` when it arrived otherwise."""
        ...

    def sent(self, upload: str) -> Mapping[int, tuple[str, int]]:
        """The parts that are there: number → (the store's word, length). ``NotFound`` when the upload is gone."""
        ...

    def complete(self, upload: str, parts: list[SentPart], crc: Crc, value: int) -> ObjectInfo:
        """Make the object of its parts; ``value`` is the checksum of all. ``Conflict`` when a precondition fails."""
        ...

    def abort(self, upload: str) -> None:
        """Throw the parts away."""
        ...


def upload(
    uri: str,
    source: Path,
    multipart: Multipart,
    *,
    progress: Progress | None = None,
    resume: bool = True,
    part_bytes: int = 16 << 20,
    threads: int = 8,
) -> ObjectInfo:
    """See ``Store.put``. What was begun and cannot be resumed is aborted.

    Raises:
        Conflict: a precondition fails, or the file changed while it was sent; nothing of it is under the key.
        Unavailable: the link broke too often; what was sent stays in the store for the next call.
    """
    with disk_errors(source):
        fd = os.open(source, os.O_RDONLY)
    try:
        return _upload(uri, source, fd, multipart, progress, resume, part_bytes, threads)
    finally:
        os.close(fd)


def _upload(
    uri: str,
    source: Path,
    fd: int,
    multipart: Multipart,
    progress: Progress | None,
    resume: bool,
    part_bytes: int,
    threads: int,
) -> ObjectInfo:
    state, crc = State.of(fd), best_crc()
    whole = cache(lambda: Slice(fd, 0, state.size).checksum(crc))
    part_bytes = max(part_bytes, -(-state.size // _MOST_PARTS))
    memo = Memo.open(uri, source, state, part_bytes, crc.name, resume=resume)
    try:
        if memo.stale:
            with contextlib.suppress(CloudMLError):
                multipart.abort(memo.stale)
        known = _known(memo, multipart, state.size, part_bytes)
        if not memo.upload:
            memo.begin(multipart.begin(crc, whole))
        job = _Job(multipart, memo.upload, fd, state.size, crc, whole, memo, Told(progress), Stop())
        job.told(sum(part.length for part in known))
        parts = job.send_all(_cut(state.size, part_bytes, {part.number for part in known}), threads)
        if State.of(fd) != state and not multipart.is_published:
            raise Conflict(f"{str(source)!r} changed while it was sent", hint="send it again")
        every = sorted([*known, *parts], key=lambda part: part.number)
        joined = crc.join((part.crc, part.length) for part in every)
        info = multipart.complete(memo.upload, every, crc, joined)
    except BaseException as exc:
        if not (resume and _may_resume(exc)):
            _abort(memo, multipart)
        raise
    else:
        memo.forget()
        return info
    finally:
        memo.close()


@dataclass(frozen=True, slots=True)
class _Job:
    multipart: Multipart
    upload: str
    fd: int
    size: int
    crc: Crc
    whole: Callable[[], int]
    memo: Memo
    told: Told
    stop: Stop

    def send_all(self, missing: list[tuple[int, int, int]], threads: int) -> list[SentPart]:
        return work_off(self._send, missing, threads=threads, stop=self.stop)

    def _send(self, item: tuple[int, int, int]) -> SentPart:
        number, start, length = item
        body = Slice(self.fd, start, length, self.told)
        value = self.whole() if length == self.size else body.checksum(self.crc)
        etag = self._stored(number, body, value)
        part = SentPart(number=number, etag=etag, crc=value, length=length)
        self.memo.sent(part.number, part.etag, part.crc)
        body.reached(length)
        return part

    def _stored(self, number: int, body: Slice, value: int) -> str:
        """The store's word for the part. A link that breaks is tried again, for as long as more goes out each time."""
        failures = 0
        while True:
            gone = body.gone
            try:
                body.seek(0)
                return self.multipart.send(self.upload, number, body, self.crc, value)
            except (Unavailable, Corrupt):
                failures = failures + 1 if body.gone == gone else 1
                if failures > RETRIES:
                    raise
                self.stop.pause(_FIRST_PAUSE_S * 2 ** (failures - 1))


def _known(memo: Memo, multipart: Multipart, size: int, part_bytes: int) -> list[SentPart]:
    """The parts of an earlier call that the store still has, as the memo remembers them."""
    if not memo.upload:
        return []
    try:
        there = multipart.sent(memo.upload)
    except NotFound:
        memo.restart()
        return []
    lengths = {number: length for number, _, length in _cut(size, part_bytes, set())}
    return [
        SentPart(number=number, etag=etag, crc=crc, length=lengths[number])
        for number, (etag, crc) in memo.parts.items()
        if there.get(number) == (etag, lengths.get(number))
    ]


def _cut(size: int, part_bytes: int, without: set[int]) -> list[tuple[int, int, int]]:
    """Number, start and length of every part."""
    starts = range(0, size, part_bytes)
    return [
        (number, start, min(part_bytes, size - start))
        for number, start in enumerate(starts, 1)
        if number not in without
    ]


def _may_resume(exc: BaseException) -> bool:
    return not isinstance(exc, (Conflict, Corrupt, NotFound))


def _abort(memo: Memo, multipart: Multipart) -> None:
    """As well as it can be done: a store that does not answer keeps the parts until its own rules remove them."""
    if memo.upload:
        with contextlib.suppress(CloudMLError):
            multipart.abort(memo.upload)
    memo.forget()
