"""The small objects of one bucket, by obstore over the XML API, each compared with the MD5 that Google keeps of it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..errors import damaged
from ..obstores import CLIENT, RETRIES, obstore_errors
from ..port import ObjectInfo
from .credentials import Tokens
from .refusals import LOGIN
from .wire import KMS_HEADER

_MD5 = re.compile(r'"?([0-9a-f]{32})"?$')
_MD5_OF_EMULATORS = re.compile(r'"?([A-Za-z0-9+/]{22}==)"?$')


class Small:
    """Blocking calls for threads. obstore is opened at the first one, in whatever process that is."""

    def __init__(self, bucket: str, endpoint: str, tokens: Tokens, kms: str | None) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._tokens = tokens
        self._kms = kms
        self._opened: dict[tuple[int, bool], Any] = {}
        self._lock = threading.Lock()

    def size_and_bytes(self, key: str, *, up_to: int) -> tuple[ObjectInfo, bytes | None, str]:
        """What it is, its bytes unless it is larger than ``up_to``, and the hex of its MD5 or nothing.

        Raises:
            Corrupt: the bytes do not have the MD5 that Google keeps.
        """
        import obstore

        with obstore_errors(self._uri(key), login=LOGIN):
            answer = obstore.get(self._store(writes=False), key)
            meta = answer.meta
            data = None if meta["size"] > up_to else bytes(answer.bytes())
        md5 = _md5_of(meta["e_tag"])
        if data is not None and md5 and md5_hex(data) != md5:
            raise damaged(self._uri(key))
        return _info(key, meta), data, md5

    def put(self, key: str, data: bytes) -> tuple[ObjectInfo, str]:
        """Store it; what it is, and the hex of the MD5 that Google says or nothing."""
        import obstore

        with obstore_errors(self._uri(key), login=LOGIN):
            done = obstore.put(self._store(writes=True), key, data, use_multipart=False)
        md5 = _md5_of(done["e_tag"])
        info = ObjectInfo(
            key=key,
            size=len(data),
            etag=done["version"] or "",
            modified=datetime.now(timezone.utc),
            checksum=f"md5:{md5}" if md5 else None,
        )
        return info, md5

    def ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        import obstore

        starts, lengths = zip(*ranges, strict=True)
        with obstore_errors(self._uri(key), login=LOGIN):
            found = obstore.get_ranges(
                self._store(writes=False), key, starts=starts, lengths=lengths
            )
        return [bytes(each) for each in found]

    def _store(self, *, writes: bool) -> Any:
        """Requests that write carry the key's name; Google refuses it on those that read."""
        with self._lock:
            which = (os.getpid(), writes)
            if which not in self._opened:
                self._opened[which] = self._open(self._kms if writes else None)
            return self._opened[which]

    def _open(self, kms: str | None) -> Any:
        from obstore.store import GCSStore

        options: dict[str, Any] = {**CLIENT}
        if kms is not None:
            options["default_headers"] = {KMS_HEADER: kms}
        opened: Any = GCSStore  # its types want more than it does
        return opened(
            self._bucket,
            base_url=self._endpoint,
            client_options=options,
            retry_config=RETRIES,
            credential_provider=self._credential,
        )

    def _credential(self) -> dict[str, Any]:
        tokens = self._tokens
        token = tokens.bearer()
        return {"token": token or "", "expires_at": token and tokens.expiry()}

    def _uri(self, key: str) -> str:
        return f"gs://{self._bucket}/{key}"


def md5_hex(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _md5_of(etag: str | None) -> str:
    if found := _MD5.match(etag or ""):
        return found[1]
    found = _MD5_OF_EMULATORS.match(etag or "")
    return base64.b64decode(found[1]).hex() if found else ""


def _info(key: str, meta: Any) -> ObjectInfo:
    md5 = _md5_of(meta["e_tag"])
    return ObjectInfo(
        key=key,
        size=meta["size"],
        etag=meta["version"] or "",
        modified=meta["last_modified"].astimezone(timezone.utc),
        checksum=f"md5:{md5}" if md5 else None,
    )
