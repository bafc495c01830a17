"""Ways to store one blob: in one request, or as blocks that nobody sees before they are committed, all at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.errors import Conflict
from ..http import Ask, Got, HttpClient
from ..port import ObjectInfo
from ..transfer.checksums import Crc
from ..transfer.source import Slice
from ..transfer.upload import SentPart
from . import wire

_TAKEN = (409, 412)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a blob goes, into which encryption scope, and under which condition (headers of ``wire.condition``)."""

    client: HttpClient
    container: str
    key: str
    scope: str | None
    condition: Mapping[str, str]

    @property
    def uri(self) -> str:
        return f"az://{self.container}/{self.key}"

    def ask(self, **said: Any) -> Got:
        path = wire.blob_path(self.container, self.key)
        return self.client.ask(Ask(path=path, uri=self.uri, **said))

    def scoped(self) -> dict[str, str]:
        return {wire.SCOPE_HEADER: self.scope} if self.scope else {}

    def store(self, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]) -> Got:
        """The request that makes the blob appear.

        A conditional one whose answer was lost is known by the mark that it carries, so that trying again is safe.
        """
        mark = secrets.token_hex(8)
        marked = {wire.WRITER_HEADER: mark} if self.condition else {}
        every = {**headers, **self.scoped(), **self.condition, **marked}
        got = self.ask(method="PUT", query=query, headers=every, body=body, also=_TAKEN)
        if got.status not in _TAKEN:
            return got
        if got.tries > 1:
            found = self.ask(method="HEAD", also=(404,))
            if found.headers.get(wire.WRITER_HEADER) == mark:
                return found
        code = got.headers.get("x-ms-error-code", got.status)
        raise Conflict(
            f"{self.uri} is not what the condition says: somebody else wrote it ({code})"
        )


def put_at_once(place: Place, data: bytes) -> ObjectInfo:
    """Store ``data`` in one request; Azure compares its MD5 before anybody sees the blob, and keeps it."""
    headers = {
        "x-ms-blob-type": "BlockBlob",
        "Content-Type": "application/octet-stream",
        "Content-MD5": wire.md5_of(data),
    }
    got = place.store(headers, data, {})
    kept = {"content-md5": headers["Content-MD5"], **got.headers}
    return wire.info_of(place.key, kept, size=len(data))


@dataclass(frozen=True, slots=True)
class Blocks:
    """``transfer.upload.Multipart``: an upload is a word in front of its blocks' names.

    The CRC32C of the whole becomes metadata of the blob, for those who read it: Azure keeps no checksum of blocks.
    """

    is_published: ClassVar[bool] = False

    place: Place

    def begin(self, crc: Crc, whole: Callable[[], int]) -> str:  # noqa: ARG002 - every block says its own
        return secrets.token_hex(8)

    def send(self, upload: str, number: int, body: Slice, crc: Crc, value: int) -> str:  # noqa: ARG002
        name, data = wire.block_id(upload, number), body.read()
        self.place.ask(
            method="PUT",
            query={"comp": "block", "blockid": name},
            headers={"Content-MD5": wire.md5_of(data), **self.place.scoped()},
            body=data,
            again=False,
        )
        return name

    def sent(self, upload: str) -> dict[int, tuple[str, int]]:
        query = {"comp": "blocklist", "blocklisttype": "uncommitted"}
        return wire.blocks_of(self.place.ask(method="GET", query=query).body, upload)

    def complete(self, upload: str, parts: list[SentPart], crc: Crc, value: int) -> ObjectInfo:  # noqa: ARG002
        headers = {
            "Content-Type": "application/xml",
            "x-ms-blob-content-type": "application/octet-stream",
        }
        if crc.name == "crc32c":
            headers[wire.CRC_HEADER] = f"{value:08x}"
        body = wire.commitment(part.etag for part in parts)
        got = self.place.store(headers, body, {"comp": "blocklist"})
        size = sum(part.length for part in parts)
        kept = {name: headers[name] for name in (wire.CRC_HEADER,) if name in headers}
        return wire.info_of(self.place.key, {**got.headers, **kept}, size=size)

    def abort(self, upload: str) -> None:
        """Azure throws uncommitted blocks away by itself, after a week or at the next commit of the blob."""
