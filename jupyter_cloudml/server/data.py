"""The routes of data: stores, listings, heads, and objects up and down in a stream. Nothing blocks the server's loop."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_server.utils import ensure_async
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, stream_request_body

from ..core.errors import CloudMLError
from .base import DATA, Handler, may

if TYPE_CHECKING:
    from ..client.data.access import Access
    from ..client.data.names import Item
    from ..client.data.uploads import Upload

_CHUNK = 4 << 20
_LARGEST = 1 << 50
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class DataHandler(Handler):
    """Base of the routes of data."""

    def access(self) -> Access:
        """What may be seen. Reads the configuration anew: call it beside the loop."""
        from ..client.data.access import Access

        return Access.of(self.shared.root)


class Stores(DataHandler):
    """The stores that are configured, and the folder of the server."""

    @may("read", DATA)
    async def get(self) -> None:
        await self.answer(lambda: self.access().places())


class Listing(DataHandler):
    """A page of what is directly below a prefix."""

    @may("read", DATA)
    async def get(self) -> None:
        from ..client.data.pages import MOST, list_page

        uri, after = self.word("uri"), self.word("after")
        limit = self.number("limit", 200, least=1, most=MOST)
        await self.answer(lambda: list_page(self.access(), uri, after=after, limit=limit))


class Head(DataHandler):
    """Schema and first rows."""

    @may("read", DATA)
    async def get(self) -> None:
        from ..client.data.pages import head_of
        from ..client.data.preview import MOST_ROWS

        uri, rows = self.word("uri"), self.number("rows", 20, least=1, most=MOST_ROWS)
        await self.answer(lambda: head_of(self.access(), uri, rows))


class Object(DataHandler):
    """The bytes of one object, or those of one range."""

    @may("read", DATA)
    async def get(self) -> None:
        from ..client.data.pages import stat

        uri = self.word("uri")
        item = await asyncio.to_thread(lambda: stat(self.access(), uri))
        info = item.require()
        start, end = self._range(info.size, info.etag)
        for name, value in {
            "Accept-Ranges": "bytes",
            "ETag": f'"{info.etag}"',
            "Content-Length": str(end - start),
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.set_header(name, value)
        await self._send(item, start, end)

    def _range(self, size: int, etag: str) -> tuple[int, int]:
        """The first byte and the one after the last that are asked for; the status says whether they are all.

        Raises:
            HTTPError: 416, the object has no such bytes.
        """
        asked = _RANGE.fullmatch(self.request.headers.get("Range", ""))
        if asked is None or not any(asked.groups()) or not self._is_same(etag):
            return 0, size
        first, last = asked.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        if start >= end:
            self.set_header("Content-Range", f"bytes */{size}")
            raise HTTPError(416, f"the object has {size} bytes")
        self.set_status(206)
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        return start, end

    def _is_same(self, etag: str) -> bool:
        """Whether what the browser has of it is of the object as it is now."""
        return self.request.headers.get("If-Range", f'"{etag}"') == f'"{etag}"'

    async def _send(self, item: Item, start: int, end: int) -> None:
        """Write the bytes; the next piece is fetched while one is on its way."""
        read = asyncio.create_task(_piece(item, start, end))
        try:
            while start < end:
                data = await read
                if not data:
                    raise StreamClosedError
                start += len(data)
                read = asyncio.create_task(_piece(item, start, end))
                self.write(data)
                await self.flush()
            await read
            self.finish()
        except StreamClosedError:
            self.log.debug("cloudml: %s was not fetched to its end", item.uri)
        finally:
            read.cancel()


async def _piece(item: Item, start: int, end: int) -> bytes:
    if start >= end:
        return b""
    etag = item.require().etag
    length = min(_CHUNK, end - start)
    return await asyncio.to_thread(item.store.read, item.key, start, length, if_match=etag)


@stream_request_body
class Uploads(DataHandler):
    """A new object. Its bytes are kept in a file of our own until all are there, and then stored at once."""

    _upload: Upload | None = None
    _refusal: CloudMLError | None = None

    async def prepare(self) -> None:  # type: ignore[override]
        """Takes no byte from whom it would refuse afterwards."""
        await super().prepare()
        if self._is_preflight():
            return
        asks = self.authorizer.is_authorized(self, self.current_user, "write", DATA)
        if not await ensure_async(asks):
            raise HTTPError(403)
        from ..client.data.uploads import Upload

        connection: Any = self.request.connection
        connection.set_max_body_size(_LARGEST)
        uri, folder = self.word("uri"), self.shared.session.home.root / "uploads"
        may_replace = self.one_of("replace", ("false", "true")) == "true"
        begin = Upload.begin
        self._upload = await asyncio.to_thread(
            lambda: begin(self.access(), uri, folder, may_replace=may_replace)
        )

    async def data_received(self, chunk: bytes) -> None:
        if self._upload is None or self._refusal is not None:
            return  # the rest of what cannot be kept
        try:
            await asyncio.to_thread(self._upload.write, chunk)
        except (
            CloudMLError
        ) as exc:  # said when the browser has sent all: before, it would not listen
            self._refusal = exc

    @may("write", DATA)
    async def put(self) -> None:
        assert self._upload is not None
        if self._refusal is not None:
            raise self._refusal
        await self.answer(self._upload.store)

    def on_finish(self) -> None:
        self._forget()
        super().on_finish()

    def on_connection_close(self) -> None:
        self._forget()
        super().on_connection_close()

    def _forget(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.close()


class Remove(DataHandler):
    """The end of one object. The front end has asked its user."""

    @may("write", DATA)
    async def post(self) -> None:
        from ..client.data.pages import remove

        uri = self.body().get("uri")
        if not isinstance(uri, str):
            raise self.bad(f"uri={uri!r} is none")
        await self.answer(lambda: remove(self.access(), uri))
