"""The way to a tool: what goes there, what comes back, and what becomes of it when one side leaves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_cloudml.server.tools import Tool

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
NAME = "mlflow-0123456789"


@pytest.fixture
def tool(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``async with tool(answer, prefix)``: a tool behind a socket that says what ``answer`` writes."""

    @asynccontextmanager
    async def opened(answer: Answer, prefix: str = "") -> AsyncIterator[None]:
        folder = tmp_path_factory.mktemp("t")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")]
            body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
            await answer(head + body, writer)
            writer.close()

        def made(_: Path) -> Tool:
            code = "import sys; sys.stdin.read()"
            process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
            door = str(folder / "s")
            return Tool(
                name=NAME,
                process=process,
                folder=folder,
                door=door,
                prefix=prefix,
                has_answered=True,
            )

        async with await asyncio.start_unix_server(serve, folder / "s"):
            server.web_app.settings["cloudml"].tools._opened(NAME, made)
            yield

    return opened


@pytest.fixture
def fetch(http_server_client: Any, jp_base_url: str, jp_auth_header: Any) -> Any:
    async def call(path: str = "", **said: Any) -> Any:
        said = {"request_timeout": 120, "headers": jp_auth_header, **said}
        return await http_server_client.fetch(f"{jp_base_url}cloudml/tools/{NAME}/{path}", **said)

    return call


async def test_a_request_arrives_as_it_was_sent_without_what_is_jupyters(
    tool, fetch, jp_auth_header
):
    got = []

    async def answer(said: bytes, writer: asyncio.StreamWriter) -> None:
        got.append(said)
        writer.write(
            b"HTTP/1.1 201 Made\r\nContent-Type: text/x\r\nSet-Cookie: a=b\r\nX-Mine: 1\r\n"
            b"Connection: close, x-hop\r\nX-Hop: 2\r\nContent-Length: 2\r\n\r\nok"
        )

    headers = {
        **jp_auth_header,
        "Cookie": "username-localhost=secret",
        "Referer": "http://elsewhere.example/",
        "Connection": "x-private",
        "X-Private": "of this link",
        "X-Given": "v",
    }
    async with tool(answer):
        back = await fetch("a%2Fb/c?d=%20e&f", method="PUT", body="body", headers=headers)
    first, _, rest = got[0].partition(b"\r\n")
    assert first == b"PUT /a%2Fb/c?d=%20e&f HTTP/1.1"
    lines = {line.split(b":")[0].lower(): line for line in rest.split(b"\r\n") if b":" in line}
    assert lines[b"host"] == b"Host: localhost"
    assert lines[b"x-given"] == b"X-Given: v"
    assert got[0].endswith(b"\r\n\r\nbody")
    assert not lines.keys() & {b"authorization", b"cookie", b"referer", b"origin", b"x-private"}
    assert (back.code, back.reason, back.body) == (201, "Made", b"ok")
    assert (back.headers["Content-Type"], back.headers["X-Mine"]) == ("text/x", "1")
    assert "X-Hop" not in back.headers
    assert "a=b" not in back.headers.get_list("Set-Cookie")
    assert "frame-ancestors 'self'" in back.headers["Content-Security-Policy"]


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_large_answer_comes_whole_and_is_nowhere_held(tool, fetch, is_chunked):
    piece, pieces = bytes(range(256)) * 256, 400

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        how = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d"
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % (how % (() if is_chunked else (400 << 16))))
        for _n in range(pieces):
            writer.write((b"10000\r\n%b\r\n" if is_chunked else b"%b") % piece)
            await writer.drain()
        writer.write(b"0\r\n\r\n" if is_chunked else b"")
        await writer.drain()

    seen, wrong = 0, 0

    def take(chunk: bytes) -> None:
        nonlocal seen, wrong
        wrong += chunk[:1] != piece[seen % 256 : seen % 256 + 1]
        seen += len(chunk)

    async with tool(answer):
        back = await fetch("file", streaming_callback=take)
    assert (back.code, seen, wrong) == (200, pieces << 16, 0)


async def test_heads_and_answers_without_a_body_stay_so(tool, fetch):
    async def answer(said: bytes, writer: asyncio.StreamWriter) -> None:
        if said.startswith(b"HEAD"):
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "e"\r\n\r\n')
        else:
            writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n')

    async with tool(answer):
        head = await fetch(method="HEAD")
        assert (head.headers["Content-Length"], head.headers["ETag"]) == ("12345", '"e"')
        with pytest.raises(HTTPClientError) as same:
            await fetch()
        assert (same.value.code, same.value.response.headers["ETag"]) == (304, '"e"')


async def test_an_error_of_the_tool_is_the_tools(tool, fetch):
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nsaid")

    async with tool(answer):
        with pytest.raises(HTTPClientError) as error:
            await fetch()
    assert (error.value.code, error.value.response.body) == (500, b"said")


async def test_a_redirection_stays_below_the_tools_address_and_tells_no_secret(
    tool, fetch, jp_base_url
):
    where = [b"/secret/inner/?x=1", b"relative", b"//other.example/x", b"https://other.example/"]

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % where.pop(0)
        )

    came = []
    async with tool(answer, prefix="/secret"):
        for _ in range(4):
            with pytest.raises(HTTPClientError) as moved:
                await fetch("x", follow_redirects=False)
            came.append(moved.value.response.headers["Location"])
    assert came == [
        f"{jp_base_url}cloudml/tools/{NAME}/inner/?x=1",
        "relative",
        "//other.example/x",
        "https://other.example/",
    ]


async def test_a_tool_that_breaks_off_is_not_taken_for_one_that_is_done(tool, fetch):
    said = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said.pop(0))

    async with tool(answer):
        with pytest.raises(HTTPClientError) as nothing:
            await fetch()
        assert nothing.value.code == 503
        with pytest.raises(HTTPClientError, match="closed"):
            await fetch()


async def test_a_browser_that_leaves_ends_the_work_of_the_tool(
    tool, http_server_client, jp_http_port, jp_base_url, jp_auth_header
):
    is_over = asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"4\r\nmore\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            is_over.set()

    async with tool(answer):
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        asked = f"GET {jp_base_url}cloudml/tools/{NAME}/ HTTP/1.1\r\nHost: localhost\r\n"
        asked += f"Authorization: {jp_auth_header['Authorization']}\r\n\r\n"
        writer.write(asked.encode())
        await asyncio.wait_for(reader.readuntil(b"more"), 60)
        writer.close()
        await asyncio.wait_for(is_over.wait(), 60)


async def test_a_token_in_the_address_stays_here_and_another_site_cannot_use_the_login(
    tool, fetch, jp_auth_header, jp_base_url, jp_http_port
):
    asked = []

    async def answer(said: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(said.partition(b" HTTP")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    token = jp_auth_header["Authorization"].removeprefix("token ")
    async with tool(answer):
        came = await fetch(f"x?a=1&token={token}&b=2", headers={})
        login = "; ".join(
            cookie.partition(";")[0] for cookie in came.headers.get_list("Set-Cookie")
        )
        await fetch("y", headers={"Cookie": login})
        own = f"http://127.0.0.1:{jp_http_port}{jp_base_url}lab"
        said = {"method": "POST", "body": "{}"}
        await fetch("z", **said, headers={"Cookie": login, "Referer": own})
        for other in ({"Referer": "http://other.example/"}, {"Origin": "http://other.example"}, {}):
            with pytest.raises(HTTPClientError) as refused:
                await fetch("z", **said, headers={"Cookie": login, **other})
            assert refused.value.code == 403
    assert asked == [b"GET /x?a=1&b=2", b"GET /y", b"POST /z"]
