"""Data over REST: only configured stores and the server's folder, in pages, ranges and streams."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.stores.file.store import FileStore


@pytest.fixture
def folder(server: Any, jp_root_dir: Path) -> Path:
    """The server's folder with ``lake/year=2026/p.parquet``, ``lake/a.csv``, ``.secret`` and 30 small files."""
    lake = jp_root_dir / "lake"
    (lake / "year=2026").mkdir(parents=True)
    pq.write_table(pa.table({"n": range(50)}), lake / "year=2026/p.parquet")
    (lake / "a.csv").write_text("city,price\nOslo,1.5\n")
    (jp_root_dir / ".secret").write_text("hidden")
    (jp_root_dir / "many").mkdir()
    for number in range(30):
        (jp_root_dir / "many" / f"{number:02d}.txt").write_text("x")
    return jp_root_dir


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.mkdir()
    (path / "keys.csv").write_text("not,for,you\n")
    return path


@pytest.fixture
def raw(
    server: Any, jp_base_url: str, jp_auth_header: dict[str, str], http_server_client: Any
) -> Callable[..., Any]:
    """A request with its status, headers and bytes, whatever they are."""

    async def call(path: str, headers: dict[str, str] | None = None, **words: Any) -> Any:
        whole = {**jp_auth_header, **(headers or {})}
        return await http_server_client.fetch(
            f"{jp_base_url}cloudml/data/{path}", headers=whole, raise_error=False, **words
        )

    return call


ODD = 'od"d é.bin'


def quoted(path: Path) -> str:
    return quote(path.as_uri(), safe="")


async def test_the_stores_are_those_of_the_project_and_the_servers_folder(ask, folder) -> None:
    (folder / "cloudml.toml").write_text('[stores.lake]\nuri = "s3://bucket/prefix"\n')
    said = await ask("data/stores")
    assert said["stores"] == [
        {"name": "lake", "uri": "s3://bucket/prefix/", "kind": "s3"},
        {"name": "files", "uri": folder.as_uri() + "/", "kind": "file"},
    ]
    assert said["config"] == str(folder / "cloudml.toml")
    (folder / "cloudml.toml").write_text("[stores.lake]\n")
    code, said = await ask("data/stores")
    assert (code, "cloudml.toml" in said["message"]) == (400, True)


async def test_a_folder_is_listed_in_pages_without_hidden_files(ask, folder) -> None:
    top = await ask("data/list", uri=folder.as_uri())
    names = [item["name"] for item in top["items"]]
    assert {"lake/", "many/"} <= set(names)
    assert ".secret" not in names
    seen, token = [], ""
    for _ in range(4):
        page = await ask("data/list", uri=f"{folder.as_uri()}/many/", limit="10", after=token)
        seen += [item["name"] for item in page["items"]]
        token = page["next"]
        if token is None:
            break
    assert seen == [f"{number:02d}.txt" for number in range(30)]
    one = page["items"][0]
    assert (one["size"], one["is_prefix"], one["path"]) == (1, False, str(folder / "many/20.txt"))


async def test_the_head_of_a_table(ask, folder) -> None:
    said = await ask("data/head", uri=(folder / "lake/year=2026/p.parquet").as_uri(), rows="3")
    assert said["columns"] == [{"name": "n", "type": "int64"}]
    assert (said["rows"], said["total_rows"]) == ([[0], [1], [2]], 50)
    code, said = await ask("data/head", uri=(folder / "lake").as_uri() + "/")
    assert code == 404


async def test_nothing_outside_is_reached_by_any_way(ask, raw, folder, outside) -> None:
    (folder / "link").symlink_to(outside)
    (folder / "file-link.csv").symlink_to(outside / "keys.csv")
    (folder / "cloudml.toml").write_text('[stores.lake]\nuri = "s3://bucket/prefix"\n')
    before = (outside / "keys.csv").read_text()
    for uri in (
        outside.as_uri(),
        (outside / "keys.csv").as_uri(),
        str(outside / "keys.csv"),
        f"{folder.as_uri()}/../outside/keys.csv",
        f"{folder.as_uri()}/%2e%2e/outside/keys.csv",
        f"{folder.as_uri()}/link/keys.csv",
        f"{folder.as_uri()}/file-link.csv",
        f"{folder.as_uri()}/.secret",
        "~/.ssh/id_rsa",
        "file:///etc/passwd",
        "/etc/passwd",
        "file://elsewhere/etc/passwd",
        "s3://bucket/prefixed/x",
        "s3://other/prefix/x",
        "s3://bucket/prefix/../other/x",
        "s3:///prefix",
        "s3://bucket",
        "gs://bucket/prefix/x",
        "nope://x/y",
        "https://example.com/x",
        "",
        "\x00",
    ):
        for path in ("list", "head"):
            code, said = await ask(f"data/{path}", uri=uri)
            assert (path, uri, code in (400, 403, 404)) == (path, uri, True)
            assert set(said) == {"message", "hint", "code"}
        code, said = await ask("data/remove", method="POST", body={"uri": uri})
        assert (uri, code in (400, 403, 404)) == (uri, True)
        for path in (f"object?uri={quote(uri)}", f"upload?uri={quote(uri)}&replace=true"):
            words = {"method": "PUT", "body": b"x"} if path.startswith("upload") else {}
            answer = await raw(path, **words)
            assert (path, answer.code in (400, 403, 404), answer.body) == (path, True, answer.body)
    code, said = await ask("data/head", uri="s3://bucket/prefix/../other/x")
    assert (code, "'..'" in said["message"]) == (400, True)
    assert (outside / "keys.csv").read_text() == before
    assert [path.name for path in outside.iterdir()] == ["keys.csv"]


async def test_a_configured_folder_elsewhere_is_open_as_a_store(ask, folder, outside) -> None:
    (folder / "cloudml.toml").write_text(f'[stores.o]\nuri = "{outside.as_uri()}"\n')
    said = await ask("data/list", uri=outside.as_uri())
    assert [item["name"] for item in said["items"]] == ["keys.csv"]


async def test_bytes_come_whole_or_by_ranges(raw, folder) -> None:
    data = os.urandom(9 << 20)
    (folder / ODD).write_bytes(data)
    where = f"object?uri={quoted(folder / ODD)}"
    whole = await raw(where)
    assert (whole.code, whole.body == data) == (200, True)
    assert whole.headers["Content-Length"] == str(len(data))
    assert whole.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''od%22d")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    for asked, expected in (
        ("bytes=0-9", data[:10]),
        ("bytes=9437180-", data[9437180:]),
        ("bytes=-5", data[-5:]),
        ("bytes=5-99999999999", data[5:]),
    ):
        part = await raw(where, {"Range": asked})
        assert (asked, part.code, part.body == expected) == (asked, 206, True)
    assert (await raw(where, {"Range": "bytes=99999999-"})).code == 416
    changed = await raw(where, {"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (changed.code, len(changed.body)) == (200, len(data))


async def test_an_upload_streams_to_disk_and_appears_whole(
    server, raw, folder, jp_base_url, jp_auth_header, http_server_port, session
) -> None:
    """150 MB: more than tornado keeps of a body in memory, which is why it must not be kept there."""
    piece = os.urandom(1 << 20)
    target = folder / "big.bin"

    async def produce(write: Callable[[bytes], Any]) -> None:
        for _ in range(150):
            await write(piece)
            assert not target.exists()

    request = HTTPRequest(
        f"http://127.0.0.1:{http_server_port[-1]}{jp_base_url}cloudml/data/upload?uri={quoted(target)}",
        method="PUT",
        headers={**jp_auth_header, "Content-Length": str(150 << 20)},
        body_producer=produce,
        request_timeout=120,
    )
    answer = await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)
    assert (answer.code, json.loads(answer.body)["size"]) == (200, 150 << 20)
    expected = hashlib.sha256(piece * 150).digest()
    assert hashlib.sha256(target.read_bytes()).digest() == expected
    assert list((session.home.root / "uploads").iterdir()) == []


async def test_an_upload_replaces_only_when_told_to(raw, folder) -> None:
    where = f"upload?uri={quoted(folder / 'lake/a.csv')}"
    refused = await raw(where, method="PUT", body=b"new")
    assert (refused.code, json.loads(refused.body)["code"]) == (409, "conflict")
    assert (folder / "lake/a.csv").read_text().startswith("city")
    assert (await raw(f"{where}&replace=true", method="PUT", body=b"new")).code == 200
    assert (folder / "lake/a.csv").read_text() == "new"
    empty = await raw(f"upload?uri={quoted(folder / 'empty')}", method="PUT", body=b"")
    assert (empty.code, (folder / "empty").read_bytes()) == (200, b"")


async def test_an_upload_that_breaks_off_leaves_nothing(
    raw, folder, jp_base_url, jp_auth_header, http_server_port, session
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http_server_port[-1])
    path = f"{jp_base_url}cloudml/data/upload?uri={quoted(folder / 'broken.bin')}"
    token = jp_auth_header["Authorization"]
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + b"x" * 500)
    await writer.drain()
    uploads = session.home.root / "uploads"
    await until(lambda: uploads.is_dir() and any(uploads.iterdir()))
    writer.close()
    await until(lambda: not any(uploads.iterdir()))
    assert not (folder / "broken.bin").exists()
    del reader


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_one_object_is_removed_and_no_folder(ask, folder) -> None:
    uri = (folder / "lake/a.csv").as_uri()
    assert await ask("data/remove", method="POST", body={"uri": uri}) == {"removed": 1}
    assert (await ask("data/remove", method="POST", body={"uri": uri}))[0] == 404
    code, _ = await ask("data/remove", method="POST", body={"uri": (folder / "many").as_uri()})
    assert (code, len(list((folder / "many").iterdir()))) == (404, 30)
    link, there = folder / "link.txt", next((folder / "many").iterdir())
    link.symlink_to(there)
    code, said = await ask("data/remove", method="POST", body={"uri": link.as_uri()})
    assert (code, "is a link" in said["message"], str(there) in said["hint"]) == (400, True, True)
    assert (link.is_symlink(), there.is_file()) == (True, True)
    assert (await ask("data/remove", method="POST", body={"uri": 3}))[0] == 400


async def test_who_may_only_read_can_neither_upload_nor_remove(server, raw, ask, folder) -> None:
    class ReadOnly(Authorizer):
        def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
            del handler, user, resource
            return action == "read"

    server.web_app.settings["authorizer"] = ReadOnly(parent=server)
    assert (await raw(f"object?uri={quoted(folder / 'lake/a.csv')}")).code == 200
    assert (await raw(f"upload?uri={quoted(folder / 'new')}", method="PUT", body=b"x")).code == 403
    uri = (folder / "lake/a.csv").as_uri()
    assert (await ask("data/remove", method="POST", body={"uri": uri}))[0] == 403
    assert (folder / "lake/a.csv").exists()
    assert not (folder / "new").exists()


async def test_a_store_that_does_not_answer_blocks_nobody_and_is_said_so(
    ask, folder, monkeypatch
) -> None:
    asked, go = threading.Event(), threading.Event()

    def hangs(self: FileStore, prefix: str = "", **words: Any) -> Any:
        asked.set()
        assert go.wait(60)
        raise Unavailable("the store does not answer", hint="see whether it runs")

    monkeypatch.setattr(FileStore, "list", hangs)
    waiting = asyncio.ensure_future(ask("data/list", uri=folder.as_uri()))
    await until(asked.is_set)
    assert (await ask("data/stores"))["stores"]
    go.set()
    code, said = await waiting
    assert (code, said["message"]) == (503, "the store does not answer")
