"""``az://``: one container. Large blobs move in parallel pieces, the rest is one request each, many at once."""

from __future__ import annotations

import builtins
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from ...core.errors import BadInput, Conflict, Unavailable
from ..config import StoreOptions
from ..disk import landings, published
from ..errors import changed, damaged
from ..http import Ask, Got, HttpClient, walked
from ..port import ObjectInfo, Page, Progress
from ..transfer.checksums import fits
from ..transfer.download import Sink, download
from ..transfer.source import content_of, size_of
from ..transfer.upload import upload
from ..transfer.workers import Stop, Told, work_off
from . import wire
from .account import account_of
from .identity import AzureIdentity
from .refusals import refusal
from .signing import signed_url
from .upload import Blocks, Place, put_at_once

ONE_REQUEST = 16 << 20
SYNC_COPY = 256 << 20
THREADS = 16
_SMALL = 32 << 20
_LOOK_S = 0.2


class AzureStore:
    """See ``stores.port.Store``. Checksums are CRC32C of what we sent in blocks, MD5 of the rest."""

    def __init__(self, container: str, identity: AzureIdentity, scope: str | None) -> None:
        self.root = f"az://{container}"
        self._container = container
        self._identity = identity
        self._scope = scope
        self._client = HttpClient(identity.account.endpoint, identity, refusal)

    @classmethod
    def from_options(cls, root: str, options: StoreOptions) -> AzureStore:
        encrypt = options.encrypt
        if encrypt is not None and encrypt.kind != "cmk":
            raise BadInput(
                f"{root}: encryption {encrypt.kind!r} is none of Azure Blob Storage",
                hint="cmk:SCOPE names an encryption scope, which holds the customer's key",
            )
        account = account_of(options, os.environ)
        scope = encrypt.key if encrypt else None
        return cls(root.removeprefix("az://"), AzureIdentity(account), scope)

    @classmethod
    def engine_options(cls, root: str, options: StoreOptions) -> dict[str, str]:  # noqa: ARG003
        identity = AzureIdentity(account_of(options, os.environ))
        account = identity.account
        said = {"azure_storage_account_name": account.name, "azure_endpoint": account.endpoint}
        if account.endpoint.startswith("http:"):
            said["azure_allow_http"] = "true"
        if account.key is not None:
            return {**said, "azure_storage_account_key": account.key}
        if account.sas is not None:
            return {**said, "azure_storage_sas_key": account.sas}
        if not account.has_token:
            return {**said, "azure_skip_signature": "true"}
        return {**said, "azure_storage_token": identity.token().token}

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = "/",
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        query = wire.list_query(prefix, delimiter, limit, token)
        uri = f"{self.root}/{prefix}"
        ask = Ask(method="GET", path=f"/{self._container}", uri=uri, query=query)
        return wire.page_of(self._client.ask(ask).body)

    def walk(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return walked(
            lambda token: self.list(prefix, delimiter=None, limit=wire.MAX_PAGE, token=token)
        )

    def stat(self, key: str) -> ObjectInfo:
        return wire.info_of(key, self._place(key).ask(method="HEAD").headers)

    def read(
        self, key: str, start: int = 0, length: int | None = None, *, if_match: str | None = None
    ) -> bytes:
        if length is not None and length <= 0:
            info = self.stat(key)
            if if_match not in (None, info.etag):
                raise changed(f"{self.root}/{key}")
            return b""
        return self._got(key, start, length, if_match).body

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> builtins.list[bytes]:
        etag = self.stat(key).etag
        return work_off(
            lambda each: self.read(key, *each, if_match=etag),
            list(ranges),
            threads=THREADS,
            stop=Stop(),
        )

    def get(
        self,
        key: str,
        path: Path,
        *,
        progress: Progress | None = None,
        resume: bool = True,
        if_match: str | None = None,
    ) -> ObjectInfo:
        info = self.stat(key)
        uri = f"{self.root}/{key}"
        if if_match not in (None, info.etag):
            raise changed(uri)

        def fetch(start: int, length: int, sink: Sink) -> None:
            self._client.stream(self._read(key, start, length, info.etag), sink)

        return download(uri, info, path, fetch, progress=progress, resume=resume)

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress | None = None,
        resume: bool = True,
    ) -> ObjectInfo:
        place = self._place(key, wire.condition(if_absent, if_match))
        size = size_of(source)
        if isinstance(source, bytes) or size <= ONE_REQUEST:
            info = put_at_once(place, content_of(source))
            Told(progress)(size)
            return info
        try:
            return upload(place.uri, source, Blocks(place), progress=progress, resume=resume)
        except Conflict:
            if place.condition or not resume:
                raise
        return upload(place.uri, source, Blocks(place), resume=False)  # our blocks were thrown away

    def get_many(
        self,
        keys: Iterable[str],
        folder: Path,
        *,
        strip: str = "",
        progress: Progress | None = None,
    ) -> builtins.list[ObjectInfo]:
        places = landings(folder, keys, strip)
        told = Told(progress)
        return work_off(
            lambda place: self._get_small(*place, told), places, threads=THREADS, stop=Stop()
        )

    def put_many(
        self, sources: Mapping[str, Path | bytes], *, progress: Progress | None = None
    ) -> builtins.list[ObjectInfo]:
        told = Told(progress)
        return work_off(
            lambda item: self.put(*item, progress=told),
            [*sources.items()],
            threads=THREADS,
            stop=Stop(),
        )

    def copy(self, source: str, target: str) -> ObjectInfo:
        return self._copied(self.stat(source), target)

    def move(self, source: str, target: str) -> ObjectInfo:
        """A source that is written meanwhile stays: then ``Conflict``, with the copy in place."""
        before = self.stat(source)
        info = self._copied(before, target)
        if source != target:
            self._delete(source, {"If-Match": f'"{before.etag}"'})
        return info

    def delete(self, keys: Iterable[str]) -> int:
        return sum(work_off(self._delete, list(keys), threads=THREADS, stop=Stop()))

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        """A link with a SAS. Who PUTs with it must send the header ``x-ms-blob-type: BlockBlob``."""
        return signed_url(self._identity, self._place(key), method, timedelta(seconds=expires_s))

    def _copied(self, source: ObjectInfo, target: str) -> ObjectInfo:
        """Azure copies by itself. Into an encryption scope it does so up to 256 MiB; above that the bytes pass here."""
        place = self._place(target)
        if self._scope and source.size > SYNC_COPY:
            with tempfile.TemporaryDirectory() as folder:
                self.get(source.key, Path(folder) / "copy", if_match=source.etag)
                return self.put(target, Path(folder) / "copy")
        endpoint, path = self._client.endpoint, wire.blob_path(self._container, source.key)
        sas = self._identity.account.sas if self._identity.query() else None
        headers = {
            "x-ms-copy-source": f"{endpoint}{path}" + (f"?{sas}" if sas else ""),
            "x-ms-source-if-match": f'"{source.etag}"',
        }
        if self._scope:
            headers = {**headers, **place.scoped(), "x-ms-requires-sync": "true"}
        got = place.ask(method="PUT", headers=headers)
        while got.headers.get("x-ms-copy-status") == "pending":
            time.sleep(_LOOK_S)
            got = place.ask(method="HEAD")
        if got.headers.get("x-ms-copy-status") != "success":
            raise Unavailable(f"{place.uri}: Azure did not finish the copy", hint="try again")
        return self.stat(target)

    def _delete(self, key: str, condition: Mapping[str, str] | None = None) -> int:
        """1 when it was there. A missing container is an error all the same."""
        headers = {"x-ms-delete-snapshots": "include", **(condition or {})}
        got = self._place(key).ask(method="DELETE", headers=headers, also=(404,))
        if got.status == 404 and got.headers.get("x-ms-error-code") != "BlobNotFound":
            raise refusal(404, got.headers, got.body, f"{self.root}/{key}")
        return 1 if got.status != 404 or got.tries > 1 else 0

    def _get_small(self, key: str, path: Path, told: Told) -> ObjectInfo:
        got = self._got(key, 0, _SMALL, None)
        info = wire.info_of(key, got.headers, size=_total(got))
        if info.size > len(got.body):
            return self.get(key, path, progress=told)
        _verify(f"{self.root}/{key}", info, got.body)
        with published(path) as temporary:
            temporary.write_bytes(got.body)
        told(len(got.body))
        return info

    def _got(self, key: str, start: int, length: int | None, if_match: str | None) -> Got:
        got = self._client.ask(self._read(key, start, length, if_match))
        if got.status == 416:
            info = self.stat(key)
            headers = {"etag": info.etag, "last-modified": _http(info)}
            return Got(status=200, headers=headers, body=b"", tries=got.tries)
        if start == 0 and length is None:
            _verify(f"{self.root}/{key}", wire.info_of(key, got.headers), got.body)
        return got

    def _read(self, key: str, start: int, length: int | None, if_match: str | None) -> Ask:
        end = "" if length is None else start + length - 1
        headers = {} if start == 0 and length is None else {"Range": f"bytes={start}-{end}"}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        path, uri = wire.blob_path(self._container, _checked(key)), f"{self.root}/{key}"
        return Ask(method="GET", path=path, uri=uri, headers=headers, also=(416,), raw=True)

    def _place(self, key: str, condition: Mapping[str, str] | None = None) -> Place:
        return Place(
            client=self._client,
            container=self._container,
            key=_checked(key),
            scope=self._scope,
            condition=condition or {},
        )


def _verify(uri: str, info: ObjectInfo, data: bytes) -> None:
    if fits(info.checksum, [data]) is False:
        raise damaged(uri)


def _total(got: Got) -> int:
    """The size of the whole blob, from an answer with a part of it."""
    said = got.headers.get("content-range", "").rpartition("/")[2]
    return int(said) if said.isdigit() else len(got.body)


def _http(info: ObjectInfo) -> str:
    from email.utils import format_datetime

    return format_datetime(info.modified, usegmt=True)


def _checked(key: str) -> str:
    parts = key.split("/")
    if not key or len(key) > 1024 or "." in parts or ".." in parts or not key.isprintable():
        raise BadInput(f"key {key[:80]!r} is no name of a blob")
    return key
