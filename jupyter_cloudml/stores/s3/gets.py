"""What reads objects, one request each, with as little Python around it as that allows.

boto3 takes 1.5 ms of the processor for a request, under the interpreter's lock; this takes 0.1. It understands the answers
that S3 gives when all is well, and nothing else: whatever else comes, boto3 is asked again, which knows what it means and
whether to try again.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
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
from .requests import checksum_of, info_of
from .signing import signed
from .sockets import BLOCK, Sockets

_HEAD = 4 << 10
_LONGEST_HEAD = 64 << 10
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
    """On connections of ``sockets``. Safe for threads.

    Args:
        root: address of the bucket, with its path: ``https://s3.eu-central-1.amazonaws.com/bucket``.
        credentials: botocore's, which refresh themselves; None asks as nobody.
    """

    def __init__(self, root: str, region: str, credentials: Any, sockets: Sockets) -> None:
        parts = urlsplit(root)
        self._place = (parts.scheme, parts.netloc)
        self._path = parts.path
        self._region = region
        self._credentials = credentials
        self._sockets = sockets

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
            with self._asked("GET", key, asks, "200", lambda length: length <= up_to) as answer:
                said, blocks = answer.said(), list[bytes]()
                answer.pour(blocks.append)
        except _PASSED_OVER:
            return None
        return Fetched(
            data=b"".join(blocks),
            etag=said.get("ETag", ""),
            modified=said["LastModified"],
            crc=answer.fields.get(_CRC_HEADER),
            checksum=checksum_of(said),
        )

    def pour(self, key: str, start: int, length: int, etag: str, sink: Sink) -> bool:
        """See ``transfer.download.Fetch``. False: nothing went to the sink, ask another way.

        Raises:
            OSError: the link broke; what came before is with the sink.
        """
        asks = {"range": f"bytes={start}-{start + length - 1}", "if-match": f'"{etag}"'}
        with contextlib.ExitStack() as until_poured:
            try:
                asked = self._asked("GET", key, asks, "206", lambda come: come == length)
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
        is_right: Callable[[int], bool] = lambda _length: True,
    ) -> Iterator[_Answer]:
        """The answer, if it has this status and a right length; in the block its body is read to the end."""
        request = self._request(method, f"{self._path}/{quote(key, safe=_UNRESERVED)}", asks)
        with self._sockets.lent(self._place) as connection:
            connection.sock.sendall(request)
            answer = _answered(connection.sock, status)
            if not is_right(answer.length):
                raise _NotThisWay
            yield answer
            if answer.fields.get("connection", "").lower() == "close":
                connection.close()

    def _request(self, method: str, path: str, asks: Mapping[str, str]) -> bytes:
        headers = {"host": self._place[1], **asks}
        if self._credentials is not None:
            keys, now = self._keys(), datetime.now(timezone.utc)
            headers = signed(method, path, headers, keys=keys, region=self._region, when=now)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}user-agent: jupyter-cloudml\r\n\r\n".encode(
            "latin-1"
        )

    def _keys(self) -> Any:
        from botocore.exceptions import BotoCoreError

        try:
            return self._credentials.get_frozen_credentials()
        except BotoCoreError as exc:
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
    """A good one: its headers by their names in lower case, and what has come of its body."""

    sock: socket.socket
    fields: Mapping[str, str]
    begun: bytes

    @property
    def length(self) -> int:
        return int(self.fields["content-length"])

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


def _answered(sock: socket.socket, status: str) -> _Answer:
    come = b""
    while (end := come.find(b"\r\n\r\n")) < 0:
        block = sock.recv(_HEAD)
        if not block or len(come) > _LONGEST_HEAD:
            raise _NotThisWay
        come += block
    first, *lines = come[:end].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    if not first.startswith(f"HTTP/1.1 {status}") or "transfer-encoding" in fields:
        raise _NotThisWay
    return _Answer(sock, fields, come[end + 4 :])
