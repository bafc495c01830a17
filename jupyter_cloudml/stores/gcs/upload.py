"""Ways to store one object: in one request, in parallel parts, and in one resumable stream where a condition must hold.

Parts (XML API) cannot be conditional; a resumable session (JSON API) can, and is checked when its last byte arrives.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.errors import BadInput, Conflict, Unavailable
from ..errors import damaged
from ..http import Ask, Got, HttpClient
from ..port import ObjectInfo
from ..transfer.checksums import Crc, best_crc
from ..transfer.source import Slice
from ..transfer.upload import SentPart
from . import wire

PART = 16 << 20
WRITER = "cloudml-writer"
_STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an object goes, with which key of Cloud KMS, and under which condition (of ``wire.condition``)."""

    client: HttpClient
    bucket: str
    key: str
    kms: str | None
    condition: Mapping[str, str]

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.key}"

    def ask(self, **said: Any) -> Got:
        return self.client.ask(Ask(uri=self.uri, **said))

    def stat(self) -> dict[str, Any]:
        """The object as it is now, or nothing."""
        got = self.ask(method="GET", path=wire.object_path(self.bucket, self.key), also=(404,))
        found: dict[str, Any] = json.loads(got.body) if got.status == 200 else {}
        return found

    def upload_query(self, kind: str) -> dict[str, str]:
        kms = {"kmsKeyName": self.kms} if self.kms else {}
        return {"uploadType": kind, "name": self.key, **self.condition, **kms}

    def described(self, crc: str | None) -> dict[str, Any]:
        """The object to be; with a checksum Google compares before anybody sees it."""
        return {"name": self.key, **({"crc32c": wire.base64_of(crc)} if crc else {})}


def put_at_once(place: Place, data: bytes) -> ObjectInfo:
    """Store ``data`` in one request.

    A conditional one whose answer was lost is known by the mark that it carries, so that trying again is safe.
    """
    mark, crc = secrets.token_hex(8), best_crc()
    described = place.described(f"{crc.extend(0, data):08x}" if crc.name == "crc32c" else None)
    if place.condition:
        described["metadata"] = {WRITER: mark}
    edge = f"cloudml-{mark}"
    head = (
        f"--{edge}\r\nContent-Type: application/json\r\n\r\n{json.dumps(described)}\r\n"
        f"--{edge}\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    got = place.ask(
        method="POST",
        path=wire.upload_path(place.bucket),
        query=place.upload_query("multipart"),
        headers={"Content-Type": f"multipart/related; boundary={edge}"},
        body=b"".join((head.encode(), data, f"\r\n--{edge}--\r\n".encode())),
        also=(412,),
    )
    if got.status != 412:
        return wire.info_of(json.loads(got.body))
    found = place.stat() if got.tries > 1 else {}
    if found.get("metadata", {}).get(WRITER) != mark:
        raise Conflict(f"{place.uri} is not what the condition says: somebody else wrote it")
    return wire.info_of(found)


@dataclass(frozen=True, slots=True)
class XmlParts:
    """``transfer.upload.Multipart`` by the XML API, for objects without a condition."""

    is_published: ClassVar[bool] = False

    place: Place

    def is_spoken(self) -> bool:
        """Whether the endpoint has this API; some emulators do not."""
        try:
            self.abort(self.begin(best_crc(), lambda: 0))
        except (BadInput, Unavailable):
            return False
        return True

    def begin(self, crc: Crc, whole: Callable[[], int]) -> str:  # noqa: ARG002 - every part says its own
        kms = {wire.KMS_HEADER: self.place.kms} if self.place.kms else {}
        headers = {"Content-Type": "application/octet-stream", **kms}
        return wire.upload_id(self._ask(method="POST", query={"uploads": ""}, headers=headers).body)

    def send(self, upload: str, number: int, body: Slice, crc: Crc, value: int) -> str:
        query = {"partNumber": str(number), "uploadId": upload}
        said = wire.base64_of(f"{value:08x}") if crc.name == "crc32c" else None
        headers = {"x-goog-hash": f"crc32c={said}"} if said else {}
        got = self._ask(method="PUT", query=query, headers=headers, body=body, again=False)
        return str(got.headers["etag"])

    def sent(self, upload: str) -> dict[int, tuple[str, int]]:
        found: dict[int, tuple[str, int]] = {}
        marker = 0
        while True:
            query = {"uploadId": upload, "part-number-marker": str(marker)}
            parts, marker = wire.parts_of(self._ask(method="GET", query=query).body)
            found |= parts
            if not marker:
                return found

    def complete(self, upload: str, parts: list[SentPart], crc: Crc, value: int) -> ObjectInfo:
        listed = wire.completion([(part.number, part.etag) for part in parts])
        self._ask(method="POST", query={"uploadId": upload}, body=listed)
        info = wire.info_of(self.place.stat())
        if crc.name == "crc32c" and info.checksum not in (None, crc.spell(value)):
            self._remove(info)
            raise damaged(self.place.uri)
        return info

    def abort(self, upload: str) -> None:
        self._ask(method="DELETE", query={"uploadId": upload}, also=(404,))

    def _remove(self, info: ObjectInfo) -> None:
        path = wire.object_path(self.place.bucket, self.place.key)
        query = {"ifGenerationMatch": info.etag}
        self.place.ask(method="DELETE", path=path, query=query, also=(404, 412))

    def _ask(self, **said: Any) -> Got:
        return self.place.ask(path=wire.xml_path(self.place.bucket, self.place.key), **said)


class Session:
    """``transfer.upload.Multipart`` by a resumable session: one part, in one request for as long as the link holds. The
    id is its address.

    What arrived before it broke off is not sent again. The last byte publishes the object, after Google has compared it
    with the checksum that the session began with.
    """

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self._size = size
        self._received = 0
        self._done: ObjectInfo | None = None
        self._is_sure = True
        self._is_compared = False

    def begin(self, crc: Crc, whole: Callable[[], int]) -> str:
        checksum = f"{whole():08x}" if crc.name == "crc32c" else None
        got = self._place.ask(
            method="POST",
            path=wire.upload_path(self._place.bucket),
            query=self._place.upload_query("resumable"),
            headers={
                "Content-Type": "application/json",
                "X-Upload-Content-Length": str(self._size),
            },
            body=json.dumps(self._place.described(checksum)).encode(),
        )
        return str(got.headers["location"])

    def send(self, upload: str, number: int, body: Slice, crc: Crc, value: int) -> str:  # noqa: ARG002
        self._is_compared = crc.name == "crc32c"
        if len(body) != self._size:
            raise Conflict(f"{self._place.uri}: the file became another one", hint="send it again")
        asked_from = -1
        while True:
            if not self._is_sure:
                self._hear(self._put(upload, f"bytes */{self._size}", b"", again=False))
            if self._has_all:
                return _STREAM
            if self._received <= asked_from:
                self._is_sure = False
                raise Unavailable(
                    f"{self._place.uri}: Google takes no more of it", hint="try again"
                )
            asked_from = self._received
            body.seek(asked_from)
            said = f"bytes {self._received}-{self._size - 1}/{self._size}"
            self._is_sure = False
            self._hear(self._put(upload, said, body, again=False))

    def sent(self, upload: str) -> dict[int, tuple[str, int]]:
        self._hear(self._put(upload, f"bytes */{self._size}", b""))
        return {1: (_STREAM, self._size)} if self._has_all else {}

    def complete(self, upload: str, parts: list[SentPart], crc: Crc, value: int) -> ObjectInfo:  # noqa: ARG002
        if self._done is None:
            self._hear(self._put(upload, f"bytes */{self._size}", b""))
        if self._done is None:
            raise Unavailable(f"{self._place.uri}: Google has not got all of it", hint="try again")
        if self._done.size != self._size:
            raise damaged(self._place.uri)
        return self._done

    def abort(self, upload: str) -> None:
        self._place.ask(method="DELETE", path=upload, also=(404, 410, 499))

    @property
    def is_published(self) -> bool:
        """Bytes that Google compared with their checksum are those that the file had at the beginning."""
        return self._done is not None and self._is_compared

    @property
    def _has_all(self) -> bool:
        return self._done is not None or self._received >= self._size

    def _hear(self, got: Got) -> None:
        self._is_sure = True
        if got.status == 308:
            self._received = wire.received(got.headers)
        else:
            self._done = wire.info_of(json.loads(got.body))

    def _put(self, session: str, said: str, data: bytes | Slice, *, again: bool = True) -> Got:
        headers = {"Content-Range": said}
        return self._place.ask(method="PUT", path=session, headers=headers, body=data, again=again)
