"""The bytes of an object of Google Cloud Storage, as requests."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import changed, damaged
from ..http import Ask, HttpClient
from ..transfer.checksums import crc_named
from ..transfer.download import Sink
from . import wire

_BEHIND = 416


class Reading:
    """Reads of one object, all of one generation when ``generation`` is given."""

    def __init__(self, client: HttpClient, bucket: str, key: str, generation: str | None) -> None:
        self._client = client
        self._uri = f"gs://{bucket}/{key}"
        self._path = wire.media_path(bucket, key)
        self._generation = generation
        condition = {} if generation is None else {"ifGenerationMatch": generation}
        self._query = {"alt": "media", **condition}

    def read(self, start: int, length: int | None) -> bytes:
        """At most ``length`` bytes from ``start``; nothing behind the end. All of an object is compared with its CRC32C.

        Raises:
            Conflict: it has another generation.
            Corrupt: the bytes are not those that Google keeps the checksum of.
        """
        is_whole = start == 0 and length is None
        headers = {} if is_whole else {"Range": byte_range(start, length)}
        ask = Ask(
            method="GET",
            path=self._path,
            uri=self._uri,
            query=self._query,
            headers=headers,
            also=(_BEHIND,),
            raw=True,
        )
        got = self._client.ask(ask)
        if got.status == _BEHIND:
            return b""
        self._check(got.headers)
        kept, crc = wire.crc_of_headers(got.headers), crc_named("crc32c")
        if is_whole and kept and crc and f"{crc.extend(0, got.body):08x}" != kept:
            raise damaged(self._uri)
        return got.body

    def into(self, start: int, length: int, sink: Sink) -> None:
        """``transfer.download.Fetch``."""
        headers = {"Range": byte_range(start, length)}
        ask = Ask(method="GET", path=self._path, uri=self._uri, query=self._query, headers=headers)
        self._check(self._client.stream(ask, sink))

    def _check(self, headers: Mapping[str, str]) -> None:
        """That it is the generation that was asked for: emulators give any."""
        found = headers.get("x-goog-generation", self._generation)
        if self._generation not in (None, found):
            raise changed(self._uri)


def byte_range(start: int, length: int | None) -> str:
    return f"bytes={start}-" if length is None else f"bytes={start}-{start + length - 1}"
