"""The bytes of large objects, between socket and file with as little in between as Python allows.

``gets.Gets`` borrows connections here (``Sockets.lent``). Where boto3 asks, it signs, retries and reads errors as ever; of
``GetObject``, ``PutObject`` and ``UploadPart`` only the sending is done here (botocore's event ``before-send``). Measured
on 1 GiB: a third to a half of the CPU time of urllib3's path, because whole blocks are received at once (``MSG_WAITALL``) and files are sent by the kernel (``sendfile``).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import Conflict
from ..transfer.source import Slice

BLOCK = 512 << 10
"""Fits the processor's cache, so that checksum and write read what the socket has just put there."""
_CONNECT_S = 10
_SILENCE_S = 60
_MOST_IDLE = 32
_DROPPED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Sockets:
    """A pool of connections to one server, as the handler of ``before-send`` events. Safe for threads."""

    def __init__(self, ca_bundle: str) -> None:
        self._ca_bundle = ca_bundle
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._direct: dict[str, bool] = {}

    def send(self, request: Any, **_: Any) -> Any:
        """The botocore response of a prepared, signed request; None leaves it to botocore (behind a proxy).

        Raises:
            botocore's own connection errors, which it knows how to retry.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError

        if not self.is_direct(request.url):
            return None
        place, answer, connection = self._exchange(request)
        body = Body(answer, connection, lambda: self._give_back(place, connection))
        headers = dict(answer.getheaders())
        response = AWSResponse(request.url, answer.status, headers, body)
        if not (request.stream_output and answer.status < 300):
            try:
                response.content  # noqa: B018 - read now, so that the connection is free again
            except OSError as exc:
                raise ConnectionClosedError(endpoint_url=request.url, error=exc) from exc
        return response

    @contextlib.contextmanager
    def lent(self, place: tuple[str, str]) -> Iterator[http.client.HTTPConnection]:
        """An open connection to (scheme, host) for a block that leaves nothing on it; after an exception it is closed."""
        connection, _ = self._take(place)
        try:
            if connection.sock is None:
                _connect(connection)
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(place, connection)

    def _exchange(
        self, request: Any
    ) -> tuple[tuple[str, str], http.client.HTTPResponse, http.client.HTTPConnection]:
        from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

        parts = urlsplit(request.url)
        place = (parts.scheme, parts.netloc)
        for is_first in (True, False):
            connection, is_used = self._take(place) if is_first else (self._new(place), False)
            try:
                if connection.sock is None:
                    _connect(connection)
            except OSError as exc:
                raise EndpointConnectionError(endpoint_url=request.url, error=exc) from exc
            try:
                return place, _asked(connection, request, parts), connection
            except (OSError, http.client.HTTPException) as exc:
                connection.close()
                if not (is_used and isinstance(exc, _DROPPED)):
                    raise ConnectionClosedError(endpoint_url=request.url, error=exc) from exc
            except BaseException:
                connection.close()
                raise
        raise AssertionError("unreachable")

    def is_direct(self, url: str) -> bool:
        """Whether no proxy stands before it."""
        from botocore.utils import get_environ_proxies

        host = urlsplit(url).netloc
        if host not in self._direct:
            self._direct[host] = not get_environ_proxies(url)
        return self._direct[host]

    def _take(self, place: tuple[str, str]) -> tuple[http.client.HTTPConnection, bool]:
        while (connection := self._idle_one(place)) is not None:
            if not _has_something(connection):
                return connection, True
            connection.close()
        return self._new(place), False

    def _new(self, place: tuple[str, str]) -> http.client.HTTPConnection:
        scheme, host = place
        if scheme == "https":
            return http.client.HTTPSConnection(host, timeout=_CONNECT_S, context=self._context)
        return http.client.HTTPConnection(host, timeout=_CONNECT_S)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """One for all: reading the authorities takes 20 ms."""
        return ssl.create_default_context(cafile=self._ca_bundle)

    def _idle_one(self, place: tuple[str, str]) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(place)
            return idle.pop() if idle else None

    def _give_back(self, place: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(place, [])
            if len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()

    def forget(self) -> None:
        """In a forked child: leave the parent its connections."""
        self._lock, self._idle = threading.Lock(), {}

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()


class Body:
    """The body of one answer, as botocore takes it (``read``, ``stream``, ``close``), and ``pour`` for ourselves."""

    def __init__(
        self,
        answer: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        give_back: Callable[[], None],
    ) -> None:
        self._answer, self._connection, self._give_back = answer, connection, give_back
        self._is_open = True

    def read(self, amt: int | None = None, **_: Any) -> bytes:
        try:
            data = self._answer.read(amt)
        except http.client.HTTPException as exc:
            self._end(is_whole=False)
            raise ConnectionResetError(f"the server closed the link: {exc!r}") from exc
        if not data and amt != 0 and (rest := self._answer.length):
            self._end(is_whole=False)
            raise ConnectionResetError(f"the server closed the link, {rest} bytes early")
        if not data or self._answer.isclosed():
            self._end(is_whole=True)
        return data

    def stream(self, amt: int = BLOCK, **_: Any) -> Iterator[bytes]:
        while data := self.read(amt):
            yield data

    def pour(self, sink: Callable[[bytes], None]) -> None:
        """Give the whole body to ``sink`` in blocks.

        Raises:
            OSError: the link broke; what came before is with the sink.
        """
        try:
            sock = self._connection.sock
            # None: the server ends it with this answer, which alone holds it now
            if self._answer.length is None or sock is None or isinstance(sock, ssl.SSLSocket):
                for block in self.stream():
                    sink(block)
            else:
                self._pour_directly(sink, self._answer.length)
        except BaseException:
            self._end(is_whole=False)
            raise
        self._end(is_whole=True)

    def _pour_directly(self, sink: Callable[[bytes], None], rest: int) -> None:
        buffered = len(self._answer.fp.peek()) if rest else 0
        if buffered:
            block = self._answer.read(min(buffered, rest))
            rest -= len(block)
            sink(block)
        receive = self._connection.sock.recv
        while rest:
            block = receive(min(BLOCK, rest), socket.MSG_WAITALL)
            if not block:
                raise ConnectionResetError(f"the server closed the link, {rest} bytes early")
            rest -= len(block)
            sink(block)

    def close(self) -> None:
        self._end(is_whole=False)

    def _end(self, *, is_whole: bool) -> None:
        """The connection is used again if nothing of this answer is left on it."""
        if not self._is_open:
            return
        self._is_open = False
        keep = is_whole and not self._answer.will_close
        self._answer.close()
        if keep:
            self._give_back()
        else:
            self._connection.close()


def _connect(connection: http.client.HTTPConnection) -> None:
    """A blocking socket whose silence the kernel bounds: Python's own time limits cost a ``poll`` for every block. Python's TLS
    asks again when the kernel gives up, so there its own it is."""
    connection.connect()
    if os.name == "posix" and not isinstance(connection.sock, ssl.SSLSocket):
        limit = struct.pack("ll", _SILENCE_S, 0)
        connection.sock.settimeout(None)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    else:
        connection.sock.settimeout(_SILENCE_S)


def _has_something(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection has bytes that nobody asked for, or its end: whoever used it next would take them for an answer."""
    sock = connection.sock
    if sock is None:
        return False
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    looking = select.poll()
    looking.register(sock, select.POLLIN)
    return bool(looking.poll(0))


def _asked(
    connection: http.client.HTTPConnection, request: Any, parts: Any
) -> http.client.HTTPResponse:
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    has_host = "host" in {name.lower() for name in request.headers}
    connection.putrequest(request.method, target, skip_accept_encoding=True, skip_host=has_host)
    for name, value in request.headers.items():
        if name.lower() != "expect":
            connection.putheader(name, value)
    body = request.body
    if isinstance(body, Slice):
        connection.endheaders()
        _send_file(connection, body)
    else:
        connection.endheaders(body or None)
    return connection.getresponse()


def _send_file(connection: http.client.HTTPConnection, body: Slice) -> None:
    """Send the slice; a server that says no half way is heard (by ``getresponse``) rather than the broken pipe."""
    sock = connection.sock
    try:
        if isinstance(sock, ssl.SSLSocket) or not hasattr(os, "sendfile"):
            body.seek(0)
            for block in body.blocks():
                sock.sendall(block)
            return
        position, end = body.start, body.start + body.length
        while position < end:
            count = os.sendfile(sock.fileno(), body.fd, position, end - position)
            if not count:
                raise Conflict("the file became shorter while it was sent", hint="send it again")
            position += count
            body.reached(position - body.start)
    except (BrokenPipeError, ConnectionResetError):
        return
