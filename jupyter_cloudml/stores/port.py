"""What every store of objects promises.

Backend authors: write ``client.py`` (the only file that imports the vendor's SDK, inside functions) and ``store.py``,
then subclass ``jupyter_cloudml.testing.StoreSuite``. The room ships in the worker's zipapp: Python 3.10, and nothing
but the standard library at import time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

Progress = Callable[[int], None]
"""Called with the number of bytes that moved since the last call; from several threads, one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What a store is told to encrypt with at rest.

    ``AES256`` is the vendor's own key (SSE-S3), ``aws:kms`` a key of AWS KMS (``key`` None is the account's default),
    ``cmek`` a Cloud KMS key of Google, ``cmk`` an encryption scope of Azure.
    """

    kind: Literal["AES256", "aws:kms", "cmek", "cmk"]
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One object. ``etag`` changes whenever its bytes do; ``checksum`` is ``"crc32c:<hex>"``, ``"sha256:<hex>"`` or
    ``"md5:<hex>"`` of the whole object where the store keeps one (listings leave it None); ``encryption`` is the
    vendor's word for what it is encrypted with. Sizes are bytes, times UTC."""

    key: str
    size: int
    etag: str
    modified: datetime
    checksum: str | None = None
    encryption: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing. ``next`` is the token of the page after it, None at the end."""

    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    next: str | None = None


class Store(Protocol):
    """A bucket, container or file system: flat keys without a leading slash, whole objects.

    Safe to call from several threads. Talks to nobody before its first method call, and a process that forks after
    one opens its stores anew. Every method raises the errors of ``core.errors``: ``NotFound`` (bucket or key),
    ``PermissionDenied``, ``Unauthorised`` (no, wrong or expired credentials), ``Conflict`` (a precondition does not
    hold), ``Corrupt`` (a checksum), ``BadInput`` (a region, a key), ``Unavailable`` (retryable: network, full disk).
    """

    root: str
    """``"s3://bucket"``; ``root + "/" + key`` is the URI of an object."""

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = "/",
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        """At most ``limit`` names that begin with ``prefix``, in the order of ``walk``: objects, and up to ``delimiter`` the common
        prefixes. None as ``delimiter`` lists everything below. A prefix with nothing below it is an empty page."""
        ...

    def walk(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with ``prefix``, in the store's order: that of keys, but for a few servers
        (SeaweedFS puts ``a/x`` before ``a.txt``). Who needs one order everywhere sorts."""
        ...

    def stat(self, key: str) -> ObjectInfo:
        """Raises ``NotFound`` when there is no such object."""
        ...

    def read(
        self, key: str, start: int = 0, length: int | None = None, *, if_match: str | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them; empty behind the end. ``Conflict`` when the etag is not
        ``if_match``."""
        ...

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> builtins.list[bytes]:
        """The bytes of every ``(start, length)``, fetched together; a range behind the end is short or empty."""
        ...

    def get(
        self,
        key: str,
        path: Path,
        *,
        progress: Progress | None = None,
        resume: bool = True,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """Fetch the object to the file ``path`` (its directory is made), which appears whole and verified or not at all.

        After a broken link the same call moves only what is missing, as long as the object is the same (its etag);
        ``resume=False`` begins anew. ``progress`` is told of bytes that were there already, too.
        """
        ...

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress | None = None,
        resume: bool = True,
    ) -> ObjectInfo:
        """Store a file or bytes under ``key``: nobody sees a part of it, and an object that was there stays until then.

        ``if_absent`` raises ``Conflict`` when the key is taken, ``if_match`` when its etag is another; of several such
        writers exactly one wins. After a broken link the same call sends only what is missing, as long as the file is
        the same (size and time of change).
        """
        ...

    def get_many(
        self,
        keys: Iterable[str],
        folder: Path,
        *,
        strip: str = "",
        progress: Progress | None = None,
    ) -> builtins.list[ObjectInfo]:
        """Fetch many (small) objects below ``folder``, each as the file named like its key less the leading ``strip``.

        Every file appears whole or not at all. At the first error nothing more is begun and it is raised; what has
        arrived stays. ``BadInput`` for a key that would leave the folder. Infos in the order of ``keys``.
        """
        ...

    def put_many(
        self, sources: Mapping[str, Path | bytes], *, progress: Progress | None = None
    ) -> builtins.list[ObjectInfo]:
        """Store many (small) files or bytes by key; as ``get_many`` in the other direction."""
        ...

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy within the store, without moving the bytes through this machine where the store can."""
        ...

    def move(self, source: str, target: str) -> ObjectInfo:
        """``copy``, then delete ``source``; at no instant is there neither. A kill in between leaves both."""
        ...

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; missing ones are none's error. How many keys were given that are gone now."""
        ...

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        """A URL that lets its bearer ``GET`` or ``PUT`` this object for a time. A secret: do not log it."""
        ...
