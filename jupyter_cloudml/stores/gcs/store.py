"""``gs://``: one bucket. Large objects move in parallel pieces, small ones through obstore, the rest is one request each."""

from __future__ import annotations

import builtins
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.errors import BadInput
from ..config import StoreOptions
from ..disk import landings, published
from ..errors import changed, damaged
from ..http import Ask, Got, HttpClient, walked
from ..obstores import THREADS
from ..port import ObjectInfo, Page, Progress
from ..transfer.checksums import crc_named
from ..transfer.download import download
from ..transfer.many import is_plain
from ..transfer.source import content_of, size_of
from ..transfer.upload import upload
from ..transfer.workers import Stop, Told, work_off
from . import wire
from .credentials import Tokens
from .reading import Reading
from .refusals import refusal
from .small import Small, md5_hex
from .upload import PART, Place, Session, XmlParts, put_at_once

GOOGLE = "https://storage.googleapis.com"
ONE_REQUEST = 16 << 20
_SMALL = 32 << 20


class GcsStore:
    """See ``stores.port.Store``. An etag is the object's generation; checksums are CRC32C, kept by Google itself."""

    def __init__(self, bucket: str, *, endpoint: str, tokens: Tokens, kms: str | None) -> None:
        self.root = f"gs://{bucket}"
        self._bucket = bucket
        self._kms = kms
        self._tokens = tokens
        self._client = HttpClient(endpoint, tokens, refusal)
        self._small = Small(bucket, endpoint, tokens, kms)

    @classmethod
    def from_options(cls, root: str, options: StoreOptions) -> GcsStore:
        encrypt = options.encrypt
        if encrypt is not None and encrypt.kind != "cmek":
            raise BadInput(
                f"{root}: encryption {encrypt.kind!r} is none of Google Cloud Storage",
                hint="cmek:projects/P/locations/L/keyRings/R/cryptoKeys/K, or leave it out",
            )
        endpoint = endpoint_of(options, os.environ)
        tokens = tokens_of(endpoint, options)
        kms = encrypt.key if encrypt else None
        return cls(root.removeprefix("gs://"), endpoint=endpoint, tokens=tokens, kms=kms)

    @classmethod
    def engine_options(cls, root: str, options: StoreOptions) -> dict[str, str]:  # noqa: ARG003
        """Polars takes a token for Google itself; for another address it takes the path of a key file, or nobody."""
        endpoint = endpoint_of(options, os.environ)
        tokens = tokens_of(endpoint, options)
        if endpoint == GOOGLE and not tokens.is_anonymous:
            return {"bearer_token": tokens.bearer() or ""}
        said = {} if endpoint == GOOGLE else {"google_base_url": endpoint}
        if endpoint.startswith("http:"):
            said["allow_http"] = "true"
        if tokens.is_anonymous:
            return {**said, "google_skip_signature": "true"}
        return {**said, "google_application_credentials": str(tokens.key_file())}

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = "/",
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        return self._page(prefix, wire.list_query(prefix, delimiter, limit, token))

    def walk(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return walked(lambda token: self._page(prefix, wire.list_query(prefix, None, None, token)))

    def stat(self, key: str) -> ObjectInfo:
        got = self._ask(key, method="GET", path=self._path(key), query={"fields": wire.FIELDS})
        return wire.info_of(json.loads(got.body))

    def read(
        self, key: str, start: int = 0, length: int | None = None, *, if_match: str | None = None
    ) -> bytes:
        if length is not None and length <= 0:
            info = self.stat(key)
            if if_match not in (None, info.etag):
                raise changed(self._uri(key))
            return b""
        generation = None if if_match is None else wire.generation(if_match)
        return self._reading(key, generation).read(start, length)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> builtins.list[bytes]:
        size = self.stat(key).size
        cut = [(start, max(0, min(length, size - start))) for start, length in ranges]
        asked = [each for each in cut if each[1]]
        if asked and is_plain(key):
            found = iter(self._small.ranges(key, asked))
            return [next(found) if length else b"" for _, length in cut]
        return [self.read(key, *each) for each in cut]

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
        if if_match not in (None, info.etag):
            raise changed(self._uri(key))
        fetch = self._reading(key, info.etag).into
        return download(self._uri(key), info, path, fetch, progress=progress, resume=resume)

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
        if not place.condition and self._has_xml:
            parts = XmlParts(place)
            return upload(
                place.uri, source, parts, progress=progress, resume=resume, part_bytes=PART
            )
        return upload(
            place.uri,
            source,
            Session(place, size),
            progress=progress,
            resume=resume,
            part_bytes=sys.maxsize,
            threads=1,
        )

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
            lambda item: self._put_small(*item, told),
            [*sources.items()],
            threads=THREADS,
            stop=Stop(),
        )

    def copy(self, source: str, target: str) -> ObjectInfo:
        return self._copied(source, target, {})

    def move(self, source: str, target: str) -> ObjectInfo:
        """A source that is written meanwhile stays: then ``Conflict``, with the copy in place."""
        before = self.stat(source)
        info = self._copied(source, target, {"ifSourceGenerationMatch": before.etag})
        if source != target:
            self._delete(source, {"ifGenerationMatch": before.etag})
        return info

    def delete(self, keys: Iterable[str]) -> int:
        gone = work_off(self._delete, list(keys), threads=THREADS, stop=Stop())
        return sum(gone)

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        """A V4 signed URL. With a key of Cloud KMS a PUT must send the header that names it. A longer life than seven
        days is ``BadInput``, and so are credentials that cannot sign."""
        from .signing import signed_url

        headers = {wire.KMS_HEADER: self._kms} if method == "PUT" and self._kms else {}
        return signed_url(
            self._tokens,
            self._client.endpoint,
            self._place(key, {}),
            method,
            timedelta(seconds=expires_s),
            headers,
        )

    def _page(self, prefix: str, query: Mapping[str, str]) -> Page:
        path = f"/storage/v1/b/{self._bucket}/o"
        got = self._ask(prefix, method="GET", path=path, query=query)
        return wire.page_of(json.loads(got.body))

    def _copied(self, source: str, target: str, condition: Mapping[str, str]) -> ObjectInfo:
        """Google copies by itself, in steps where the object is large or changes its place."""
        kms = {"destinationKmsKeyName": self._kms} if self._kms else {}
        path = wire.rewrite_path(self._bucket, source, target)
        query = {**condition, **kms}
        while True:
            answer = json.loads(self._ask(source, method="POST", path=path, query=query).body)
            if answer["done"]:
                return wire.info_of(answer["resource"])
            query["rewriteToken"] = answer["rewriteToken"]

    def _delete(self, key: str, condition: Mapping[str, str] | None = None) -> int:
        """1 when it was there. A missing bucket is an error all the same."""
        got = self._ask(
            key, method="DELETE", path=self._path(key), query=condition or {}, also=(404,)
        )
        if got.status != 404:
            return 1
        error = refusal(404, got.headers, got.body, self._uri(key))
        if "no bucket" in error.message:
            raise error
        return 1 if got.tries > 1 else 0

    def _get_small(self, key: str, path: Path, told: Told) -> ObjectInfo:
        if not is_plain(key):
            return self.get(key, path, progress=told)
        info, data, md5 = self._small.size_and_bytes(key, up_to=_SMALL)
        if data is None or not (md5 or self._is_right(info, data)):
            return self.get(key, path, progress=told)
        with published(path) as temporary:
            temporary.write_bytes(data)
        told(len(data))
        return info

    def _is_right(self, info: ObjectInfo, data: bytes) -> bool:
        """Whether these are the bytes, by the CRC32C: of composite objects and those of a customer's key Google says no
        MD5."""
        crc, kept = crc_named("crc32c"), self.stat(info.key)
        if crc is None or kept.etag != info.etag or not kept.checksum:
            return False
        return crc.spell(crc.extend(0, data)) == kept.checksum

    def _put_small(self, key: str, source: Path | bytes, told: Told) -> ObjectInfo:
        if size_of(source) > ONE_REQUEST or not is_plain(key) or self._kms or not self._has_xml:
            return self.put(key, source, progress=told)
        data = content_of(source)
        info, md5 = self._small.put(key, data)
        if md5 != md5_hex(data):
            self._delete(key, {"ifGenerationMatch": info.etag})
            raise damaged(self._uri(key))
        told(len(data))
        return info

    @cached_property
    def _has_xml(self) -> bool:
        """Google has; of another endpoint it is asked, once."""
        probe = XmlParts(self._place(".cloudml-probe", {}))
        return self._client.endpoint == GOOGLE or probe.is_spoken()

    def _place(self, key: str, condition: Mapping[str, str]) -> Place:
        _checked(key)
        return Place(
            client=self._client, bucket=self._bucket, key=key, kms=self._kms, condition=condition
        )

    def _reading(self, key: str, generation: str | None) -> Reading:
        return Reading(self._client, self._bucket, _checked(key), generation)

    def _path(self, key: str) -> str:
        return wire.object_path(self._bucket, _checked(key))

    def _ask(self, key: str, **said: Any) -> Got:
        return self._client.ask(Ask(uri=self._uri(key), **said))

    def _uri(self, key: str) -> str:
        return f"{self.root}/{key}"


def endpoint_of(options: StoreOptions, environ: Mapping[str, str]) -> str:
    """That of the configuration, else ``STORAGE_EMULATOR_HOST`` as Google's own clients read it, else Google."""
    said = options.endpoint or environ.get("STORAGE_EMULATOR_HOST", "") or GOOGLE
    return (said if "://" in said else f"http://{said}").rstrip("/")


def tokens_of(endpoint: str, options: StoreOptions) -> Tokens:
    return Tokens(endpoint, options.profile, os.environ, nobody=bool(options.anonymous))


def _checked(key: str) -> str:
    if not key or len(key.encode()) > 1024 or "\r" in key or "\n" in key or key in (".", ".."):
        raise BadInput(f"key {key[:80]!r} is no name of an object in Google Cloud Storage")
    return key
