"""The way to the tools: what is asked below a tool's address goes to the tool, behind this server's login and authorizer.

HTTP only, which is all that MLflow's pages and TensorBoard speak. An answer is passed on piece by piece, as fast as the
browser takes it, so that a download of any size passes. Why not jupyter-server-proxy: docs/decisions/005.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join
from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import HTTPError

from ..core.errors import Unavailable
from .base import TOOLS, Closed, may

if TYPE_CHECKING:
    from .tools import Tool

START_S = 60.0
_NO_LIMIT = 1 << 50
_OF_ONE_LINK = frozenset(
    {
        *("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization"),
        *("Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"),
    }
)
"""What a proxy does not pass on: RFC 9110, section 7.6.1."""
_OF_JUPYTER = frozenset({"Host", "Origin", "Referer", "Cookie", "Authorization", "X-Xsrftoken"})
"""Jupyter's token and cookies, and the names that the browser has for us: nothing for a tool."""


def address(base_url: str, name: str) -> str:
    """Where a browser finds the tool of that name."""
    return str(url_path_join(base_url, "cloudml", "tools", name, "/"))


class Page(Closed):
    """Everything below a tool's address."""

    _link: HTTP1Connection | None = None

    @may("execute", TOOLS)
    async def get(self, name: str, _: str) -> None:
        await self._pass_on(name)

    @may("execute", TOOLS)
    async def head(self, name: str, _: str) -> None:
        await self._pass_on(name)

    @may("execute", TOOLS)
    async def post(self, name: str, _: str) -> None:
        await self._pass_on(name)

    @may("execute", TOOLS)
    async def put(self, name: str, _: str) -> None:
        await self._pass_on(name)

    @may("execute", TOOLS)
    async def patch(self, name: str, _: str) -> None:
        await self._pass_on(name)

    @may("execute", TOOLS)
    async def delete(self, name: str, _: str) -> None:
        await self._pass_on(name)

    async def prepare(self) -> None:  # type: ignore[override]
        """What may change something comes from a page of this site, or with a token."""
        await super().prepare()
        is_harmless = self.request.method in ("GET", "HEAD")
        if not (is_harmless or self.token_authenticated or self.check_referer()):
            raise HTTPError(403)

    def check_xsrf_cookie(self) -> None:
        """A tool's pages do not know Jupyter's cookie; ``prepare`` looks where a request comes from."""

    def compute_etag(self) -> None:
        """The tool's own counts."""

    def on_connection_close(self) -> None:
        """The browser has gone: the tool need not go on."""
        if self._link is not None:
            self._link.close()

    async def _pass_on(self, name: str) -> None:
        try:
            tool = await self._ready(name)
            stream = await _connected(tool)
        except (Unavailable, OSError) as exc:
            raise HTTPError(503, str(exc), reason="Not open") from exc
        limits = HTTP1ConnectionParameters(no_keep_alive=True, max_body_size=_NO_LIMIT)
        self._link = HTTP1Connection(stream, True, limits)
        answer = _Answer(self, self._link, address(self.base_url, name), tool.prefix)
        where = f"{tool.prefix}/{self._below(name)}"
        asked = RequestStartLine(self.request.method or "", where, "HTTP/1.1")
        try:
            await self._link.write_headers(asked, self._headers_for_tool(), self.request.body)
            self._link.finish()
            await self._link.read_response(answer)
        except StreamClosedError:
            answer.is_whole = False
        finally:
            stream.close()
        if not answer.is_whole:
            self._break_off(name)

    def _below(self, name: str) -> str:
        """Path and query below the tool's address as the browser wrote them, but for a token of Jupyter."""
        path, mark, query = (self.request.uri or "").partition(f"/{name}/")[2].partition("?")
        kept = "&".join(part for part in query.split("&") if not part.startswith("token="))
        return f"{path}{mark if kept else ''}{kept}"

    def _break_off(self, name: str) -> None:
        """The tool ended within its answer. A browser that has a part of it must not take it for the whole."""
        if not self._headers_written:
            raise HTTPError(503, f"{name.partition('-')[0]} did not answer", reason="Not open")
        self.request.connection.stream.close()  # type: ignore[union-attr]

    def _headers_for_tool(self) -> HTTPHeaders:
        headers = _passed_on(self.request.headers, _OF_JUPYTER)
        headers["Host"] = "localhost"
        headers["Connection"] = "close"
        if self.request.body or "Content-Length" in headers:
            headers["Content-Length"] = str(len(self.request.body))
        return headers

    async def _ready(self, name: str) -> Tool:
        """The tool, once it answers."""
        tools, deadline = self.shared.tools, time.monotonic() + START_S
        while True:
            tool = tools.used(name)
            if tool.has_answered or await asyncio.to_thread(tool.is_ready):
                return tool
            if time.monotonic() > deadline:
                raise Unavailable(f"{name.partition('-')[0]} does not start", hint=str(tool.log))
            await asyncio.sleep(0.1)


class _Answer(HTTPMessageDelegate):
    """Gives the browser what the tool says."""

    def __init__(self, page: Page, link: HTTP1Connection, base: str, prefix: str) -> None:
        self._page = page
        self._link = link
        self._base = base
        self._prefix = prefix
        self.is_whole = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        if not isinstance(start_line, ResponseStartLine) or start_line.code < 200:
            return
        self._page.set_status(start_line.code, start_line.reason)
        self._page.clear_header("Content-Type")
        for name, value in _passed_on(headers, {"Set-Cookie"}).get_all():
            self._page.add_header(name, self._moved(value) if name == "Location" else value)

    async def data_received(self, chunk: bytes) -> None:
        self._page.write(chunk)
        try:
            await self._page.flush()
        except StreamClosedError:
            self._link.close()

    def finish(self) -> None:
        self.is_whole = True

    def _moved(self, location: str) -> str:
        """A redirection within the tool, as the browser has to say it; another is left alone."""
        if not location.startswith(f"{self._prefix}/") or location.startswith("//"):
            return location
        return self._base + location.removeprefix(f"{self._prefix}/")


def _passed_on(headers: HTTPHeaders, without: frozenset[str] | set[str]) -> HTTPHeaders:
    """The headers that go on to the next: without those of one link, and ``without`` those."""
    of_link = {word.strip().title() for word in headers.get("Connection", "").split(",")}
    kept = HTTPHeaders()
    for name, value in headers.get_all():
        if name not in _OF_ONE_LINK | of_link | without:
            kept.add(name, value)
    return kept


async def _connected(tool: Tool) -> IOStream:
    """
    Raises:
        OSError: nobody listens.
    """
    if tool.door:
        return await IOStream(socket.socket(socket.AF_UNIX)).connect(tool.door)
    return await IOStream(socket.socket(socket.AF_INET)).connect(("127.0.0.1", tool.port))
