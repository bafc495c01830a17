"""HTTP around the two APIs: connections that stay open, remembered requests, faults."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .auth import Auth
from .exchange import Answer, Request
from .faults import Fault, Faults, corrupt, cut
from .json_api import JsonApi
from .objects import Objects
from .refusal import Refused
from .uploads import QUANTUM, Uploads
from .xml_api import XmlApi

CONTROL = "/_control/"
_SIGNATURE = re.compile(r"X-Goog-Signature=[0-9a-f]+")
_JSON = re.compile(r"/(storage|upload|download)/")
_RESET = struct.pack("ii", 1, 0)


class GcsServer(ThreadingHTTPServer):
    """Serves ``folder`` on 127.0.0.1. What was stored, and uploads under way, outlive it."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path, port: int, *, authenticated: bool = False) -> None:
        super().__init__(("127.0.0.1", port), Connection, bind_and_activate=False)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.objects = Objects(folder / "objects")
        self.faults = Faults()
        self.auth = Auth(
            folder, self.endpoint, required=authenticated, now=lambda: datetime.now(timezone.utc)
        )
        uploads = Uploads(folder / "uploads", self.objects)
        self._json = JsonApi(self.objects, uploads)
        self._xml = XmlApi(self.objects, uploads)
        self._log = folder / "requests.jsonl"
        self._lock = threading.Lock()
        self.server_bind()
        self.server_activate()

    def answer(self, request: Request, fault: Fault) -> Answer:
        """Never raises ``Refused``; ``OSError`` when the body breaks off."""
        is_json = _JSON.match(request.path) is not None
        try:
            if fault.status:
                raise Refused(fault.status, "Ordered.", reason="backendError")
            if request.path == "/token":
                return self.auth.give(request)
            self.auth.check(request)
            return self._json.answer(request) if is_json else self._xml.answer(request)
        except Refused as refused:
            return _refusal(refused, is_json=is_json or request.path == "/token")
        except (KeyError, ValueError) as exc:
            return _refusal(Refused(400, f"{type(exc).__name__}: {exc}"), is_json=is_json)

    def control(self, request: Request) -> Answer:
        """Orders of the tests: faults, expired tokens, closed buckets."""
        said = json.loads(request.all() or b"{}")
        match request.path.removeprefix(CONTROL):
            case "fault":
                self.faults.order(Fault(**said))
            case "clear":
                self.faults.clear()
            case "expire":
                self.auth.expire()
            case "deny":
                self.auth.deny(said["bucket"])
            case _:
                return Answer(status=404)
        return Answer()

    def remember(self, request: Request, answer: Answer) -> None:
        """One line in ``requests.jsonl``, without what would let somebody in."""
        hidden = {"authorization": "hidden"} if "authorization" in request.headers else {}
        said = {
            "method": request.method,
            "target": _SIGNATURE.sub("X-Goog-Signature=hidden", request.target),
            "headers": {**request.headers, **hidden},
            "status": answer.status,
            "sent": answer.size,
        }
        with self._lock, self._log.open("a") as log:
            log.write(json.dumps(said) + "\n")


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: GcsServer

    def _serve(self) -> None:
        request = self._request()
        fault = self.server.faults.meet(request)
        try:
            if request.path.startswith(CONTROL):
                answer = self.server.control(request)
            else:
                request.body = cut(request.body, fault.cut_after if _has_body(request) else None)
                answer = self.server.answer(request, fault)
                self.server.remember(request, answer)
            for _ in request.body:  # what nobody read
                pass
            if fault.lose_answer:
                raise ConnectionResetError("lost on order")
            self._send(request, answer, fault)
        except OSError:
            self._reset()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            method=self.command, target=self.path, headers=headers, body=self._body(headers)
        )

    def _body(self, headers: dict[str, str]) -> Iterator[bytes]:
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self._exactly(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(headers.get("content-length") or 0)
        while left > 0:
            block = self._exactly(min(left, QUANTUM))
            left -= len(block)
            yield block

    def _exactly(self, size: int) -> bytes:
        block = self.rfile.read(size)
        if len(block) < size:
            raise ConnectionResetError("the body breaks off")
        return block

    def _send(self, request: Request, answer: Answer, fault: Fault) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(answer.size))
        self.end_headers()
        if request.method != "HEAD":
            body = iter([answer.body]) if isinstance(answer.body, bytes) else iter(answer.body)
            body = corrupt(body) if fault.corrupt else body
            for block in cut(body, None if _has_body(request) else fault.cut_after):
                self.wfile.write(block)
        self.wfile.flush()

    def _reset(self) -> None:
        """End the connection as a broken link does: with a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.wfile = _Nowhere()  # type: ignore[assignment]
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Requests are remembered in ``requests.jsonl``."""


class _Nowhere:
    """What is written to a connection that is no more."""

    closed = True

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _has_body(request: Request) -> bool:
    return request.method in ("PUT", "POST", "PATCH")


def _refusal(refused: Refused, *, is_json: bool) -> Answer:
    if refused.status == 304:
        return Answer(status=304)
    body = json.dumps(refused.as_json()).encode() if is_json else refused.as_xml()
    kind = "application/json" if is_json else "application/xml"
    return Answer(status=refused.status, headers={"Content-Type": kind}, body=body)
