"""What reads objects, one request each, with as little Python around it as that allows.

boto3 takes 1.5 ms of the processor for a request, under the interpreter's lock; one is made here in 0.01. It understands the answers
that S3 gives when all is well, and nothing else: whatever else comes, boto3 is asked again, which knows what it means and
whether to try again.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from ...core.errors import CloudMLError
from ..port import ObjectInfo
from ..transfer.download import Sink
from ..transfer.many import CRC_NAME, Errors, Fetch, Fetched
from .requests import checksum_of, info_of, range_length
from .signing import signed
from .sockets import BLOCK, Sockets

_HEAD = 4 << 10
_LONGEST_HEAD = 64 << 10
_ENOUGH = 16
_PAUSE_S = 60
"""After so many answers one after the other that were of no use it is left for a while: it may be a server that wants
something else, or one that wants fewer requests."""
_ABOUT_THE_OBJECT = ("404", "412", "416")
_UNRESERVED = "/-_.~"
_CRC_HEADER = f"x-amz-meta-{CRC_NAME}"
_ANSWERED = {
    "ETag": "etag",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "ChecksumCRC32C": "x-amz-checksum-crc32c",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ChecksumType": "x-amz-checksum-type",
}
"""Words of boto3's answers, and the headers that they come from."""


class Gets:
    """On connections of ``sockets``, as ``Access.client`` would ask. Safe for threads. A server that refuses again and again
    is asked no more.

    Args:
        endpoint: as of a client of the bucket's region; the bucket's name comes after it.
        credentials: botocore's, which refresh themselves; None asks as nobody.
    """

    def __init__(
        self, endpoint: str, bucket: str, region: str, credentials: Any, sockets: Sockets
    ) -> None:
        parts = urlsplit(endpoint)
        self._place = (parts.scheme, parts.netloc)
        self._path = f"{parts.path.rstrip('/')}/{quote(bucket, safe='')}"
        self._region = region
        self._credentials = credentials
        self._sockets = sockets
        self._refused = 0
        self._not_before = 0.0

    def stat(self, key: str) -> ObjectInfo | None:
        """None: ask another way."""
        asks = {"x-amz-checksum-mode": "ENABLED"}
        try:
            with self._asked("HEAD", key, asks, "200") as answer:
                return info_of(key, answer.said())
        except _PASSED_OVER:
            return None

    def whole(self, key: str, up_to: int) -> Fetched | None:
        """See ``transfer.many.Fetch``."""
        asks = {"x-amz-checksum-mode": "ENABLED"}
        try:
            with self._asked("GET", key, asks, "200", lambda _answer: True) as answer:
                if answer.length > up_to:
                    self._refused = 0
                    raise _NotThisWay
                said, blocks = answer.said(), list[bytes]()
                answer.pour(blocks.append)
            return Fetched(
                data=b"".join(blocks),
                etag=said.get("ETag", ""),
                modified=said["LastModified"],
                crc=answer.fields.get(_CRC_HEADER),
                checksum=checksum_of(said),
            )
        except _PASSED_OVER:
            return None

    def read(self, key: str, start: int, length: int | None, etag: str | None) -> bytes | None:
        """See ``Store.read``. None: ask another way."""
        asks = {} if etag is None else {"if-match": f'"{etag}"'}
        is_part = start > 0 or length is not None
        if is_part:
            asks["range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        blocks: list[bytes] = []

        def is_right(answer: _Answer) -> bool:
            return answer.is_of(etag) and (not is_part or answer.is_range(start, length))

        try:
            with self._asked("GET", key, asks, "206" if is_part else "200", is_right) as answer:
                answer.pour(blocks.append)
        except _PASSED_OVER:
            return None
        return b"".join(blocks)

    def pour(self, key: str, start: int, length: int, etag: str, sink: Sink) -> bool:
        """See ``transfer.download.Fetch``. False: nothing went to the sink, ask another way.

        Raises:
            OSError: the link broke; what came before is with the sink.
        """
        asks = {"range": f"bytes={start}-{start + length - 1}", "if-match": f'"{etag}"'}

        def is_right(answer: _Answer) -> bool:
            is_all = answer.length == length
            return is_all and answer.is_of(etag) and answer.is_range(start, length)

        with contextlib.ExitStack() as until_poured:
            try:
                asked = self._asked("GET", key, asks, "206", is_right)
                answer = until_poured.enter_context(asked)
            except _PASSED_OVER:
                return False
            answer.pour(sink)
        return True

    @contextlib.contextmanager
    def _asked(
        self,
        method: str,
        key: str,
        asks: Mapping[str, str],
        status: str,
        is_right: Callable[[_Answer], bool] = lambda answer: not answer.begun,
    ) -> Iterator[_Answer]:
        """The answer, if it has this status and is right; in the block its body is read to the end."""
        if self._refused >= _ENOUGH:
            self._refused, self._not_before = 0, time.monotonic() + _PAUSE_S
        if time.monotonic() < self._not_before:
            raise _NotThisWay
        request = self._request(method, f"{self._path}/{quote(key, safe=_UNRESERVED)}", asks)
        is_useful = False
        try:
            with self._sockets.lent(self._place) as connection:
                connection.sock.sendall(request)
                answer = _answered(connection.sock)
                is_useful = answer.status in _ABOUT_THE_OBJECT
                if not (is_useful and method == "HEAD" and not answer.begun):
                    if answer.status != status or not is_right(answer):
                        raise _NotThisWay
                    yield answer
                    is_useful = True
                if answer.fields.get("connection", "").lower() == "close":
                    connection.close()
            if answer.status != status:
                raise _NotThisWay
        finally:
            self._refused = 0 if is_useful else self._refused + 1

    def _request(self, method: str, path: str, asks: Mapping[str, str]) -> bytes:
        headers = {"host": self._place[1], **asks}
        if self._credentials is not None:
            keys, now = self._keys(), datetime.now(timezone.utc)
            headers = signed(method, path, headers, keys=keys, region=self._region, when=now)
        if any("\r" in value or "\n" in value for value in headers.values()):
            raise _NotThisWay
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}user-agent: jupyter-cloudml\r\n\r\n".encode(
            "latin-1"
        )

    def _keys(self) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as exc:
            raise _NotThisWay from exc


def through_obstore(store: Any, errors: Errors) -> Fetch:
    """``transfer.many.Fetch`` by obstore, which knows the proxies of this machine's network."""
    import obstore

    def fetch(key: str, up_to: int) -> Fetched | None:
        try:
            with errors(key):
                answer = obstore.get(store, key)
                meta = answer.meta
                data = bytes(answer.bytes()) if meta["size"] <= up_to else None
        except CloudMLError:
            return None
        if data is None:
            return None
        return Fetched(
            data=data,
            etag=meta["e_tag"] or "",
            modified=meta["last_modified"],
            crc=answer.attributes.get(CRC_NAME),
            checksum=None,
        )

    return fetch


class _NotThisWay(Exception):
    """Another answer than was hoped for."""


_PASSED_OVER = (_NotThisWay, OSError, KeyError, ValueError)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Its headers by their names in lower case, and what has come of its body."""

    sock: socket.socket
    status: str
    fields: Mapping[str, str]
    begun: bytes

    @property
    def length(self) -> int:
        said = int(self.fields["content-length"])
        if said < 0:
            raise _NotThisWay
        return said

    def is_range(self, start: int, length: int | None) -> bool:
        said = self.fields.get("content-range", "")
        return range_length(said, start, length) == self.length

    def is_of(self, etag: str | None) -> bool:
        """Whether it says no other etag than this one."""
        said = self.fields.get("etag", "").strip('"')
        return etag is None or said in ("", etag)

    def said(self) -> dict[str, Any]:
        """In boto3's words. Raises ``KeyError``, ``ValueError`` where a server says too little."""
        modified = parsedate_to_datetime(self.fields["last-modified"]).astimezone(timezone.utc)
        words = {
            name: self.fields[header] for name, header in _ANSWERED.items() if header in self.fields
        }
        return {**words, "ContentLength": self.length, "LastModified": modified}

    def pour(self, sink: Sink) -> None:
        """Give the whole body to ``sink`` in blocks. Raises ``ConnectionResetError`` when it is not as long as was said."""
        rest = self.length - len(self.begun)
        if rest < 0:
            raise ConnectionResetError(f"the server sent {-rest} bytes more than it said")
        if self.begun:
            sink(self.begun)
        flags = 0 if isinstance(self.sock, ssl.SSLSocket) else socket.MSG_WAITALL
        receive = self.sock.recv
        while rest:
            block = receive(min(rest, BLOCK), flags)
            if not block:
                raise ConnectionResetError(f"the server closed the link, {rest} bytes early")
            rest -= len(block)
            sink(block)


def _answered(sock: socket.socket) -> _Answer:
    come = b""
    while (end := come.find(b"\r\n\r\n")) < 0:
        block = sock.recv(_HEAD)
        if not block or len(come) > _LONGEST_HEAD:
            raise _NotThisWay
        come += block
    first, *lines = come[:end].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    version, _, status = first.partition(" ")
    if version != "HTTP/1.1" or "transfer-encoding" in fields:
        raise _NotThisWay
    return _Answer(sock, status[:3], fields, come[end + 4 :])
