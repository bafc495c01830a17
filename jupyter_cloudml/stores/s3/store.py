"""``s3://``: see ``stores.port.Store``."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from ...core.errors import BadInput
from ..config import StoreOptions
from ..disk import disk_errors
from ..errors import changed
from ..port import ObjectInfo, Page, Progress
from ..transfer import many
from ..transfer.checksums import best_crc
from ..transfer.download import Sink, download
from ..transfer.source import Slice
from ..transfer.upload import upload
from .access import Access
from .errors import is_silent, s3_errors
from .gets import through_obstore
from .listing import SWAPPED
from .multipart import S3Multipart
from .requests import (
    checksum_arg,
    condition_args,
    encryption_args,
    info_of,
    range_length,
    stored,
)

PART_BYTES = 16 << 20
_BATCH = 1000
_RANGE_THREADS = 8
_T = TypeVar("_T")


class S3Store:
    """One bucket. ``[stores.NAME]`` says endpoint, region, profile and encryption; else boto3's own chain does."""

    def __init__(self, root: str, options: StoreOptions) -> None:
        self.root = root
        self._access = Access(root, options)
        self._bucket = self._access.bucket
        self._encryption = options.encrypt
        if self._encryption is not None and self._encryption.kind not in ("AES256", "aws:kms"):
            raise BadInput(
                f"encryption = {options.encryption!r} is none of S3's",
                hint="AES256 or aws:kms[:KEY]",
            )

    @classmethod
    def from_options(cls, root: str, options: StoreOptions) -> S3Store:
        return cls(root, options)

    @classmethod
    def engine_options(cls, root: str, options: StoreOptions) -> dict[str, str]:
        return Access(root, options).engine_options()

    def adopt(self) -> None:
        """``Access.adopt``: streaming's workers go on with the store that found the shards."""
        self._access.adopt()

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = "/",
        limit: int = 1000,
        token: str | None = None,
    ) -> Page:
        asked: dict[str, Any] = {"Prefix": prefix, "MaxKeys": min(limit, _BATCH)}
        if delimiter:
            asked["Delimiter"] = delimiter
        if token:
            asked["ContinuationToken"] = token
        with s3_errors(f"{self.root}/{prefix}"):
            answer = self._access.client.list_objects_v2(Bucket=self._bucket, **asked)
        page: Page = answer[SWAPPED]
        return page

    def walk(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The next page is fetched while the one before is used."""
        with ThreadPoolExecutor(1, thread_name_prefix="cloudml-walk") as ahead:
            token: str | None = None
            coming = ahead.submit(self.list, prefix, delimiter=None)
            while True:
                page = coming.result()
                token = page.next
                if token is not None:
                    coming = ahead.submit(self.list, prefix, delimiter=None, token=token)
                yield from page.objects
                if token is None:
                    return

    def stat(self, key: str) -> ObjectInfo:
        def ask() -> ObjectInfo:
            gets = self._access.gets
            if gets is not None and (found := gets.stat(key)) is not None:
                return found
            answer = self._access.client.head_object(
                Bucket=self._bucket, Key=key, ChecksumMode="ENABLED"
            )
            return info_of(key, answer)

        return self._explained(key, ask)

    def read(
        self, key: str, start: int = 0, length: int | None = None, *, if_match: str | None = None
    ) -> bytes:
        if length is not None and length <= 0:
            return b""
        blocks: builtins.list[bytes] = []
        with s3_errors(self._uri(key)):
            gets = self._access.gets
            if gets is not None and (found := gets.read(key, start, length, if_match)) is not None:
                return found
            try:
                answer = self._get(key, start, length, if_match)
            except self._access.client.exceptions.ClientError as exc:
                if exc.response.get("Error", {}).get("Code") in ("416", "InvalidRange"):
                    return b""
                raise
            _pour(answer["Body"], blocks.append)
        return b"".join(blocks)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> builtins.list[bytes]:
        if len(ranges) <= 1:
            return [self.read(key, start, length) for start, length in ranges]
        with ThreadPoolExecutor(min(_RANGE_THREADS, len(ranges))) as pool:
            return [*pool.map(lambda item: self.read(key, *item), ranges)]

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
        etag = info.etag if if_match is None else if_match

        def fetch(start: int, length: int, sink: Sink) -> None:
            with s3_errors(self._uri(key)):
                gets = self._access.gets
                if gets is not None and gets.pour(key, start, length, etag, sink):
                    return
                _pour(self._get(key, start, length, etag)["Body"], sink)

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
        conditions = condition_args(if_absent=if_absent, if_match=if_match)
        if isinstance(source, bytes):
            return self._put_at_once(key, source, conditions, progress)
        with disk_errors(source):
            fd = os.open(source, os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            if size <= PART_BYTES:
                return self._put_at_once(key, Slice(fd, 0, size), conditions, progress)
        finally:
            os.close(fd)
        parts = S3Multipart(
            client=self._access.client,
            bucket=self._bucket,
            key=key,
            uri=self._uri(key),
            encryption=self._encryption,
            conditions=conditions,
            checksums=self._keeps_checksums,
        )
        return upload(
            self._uri(key),
            source,
            parts,
            progress=progress,
            resume=resume,
            part_bytes=PART_BYTES,
        )

    def get_many(
        self,
        keys: Iterable[str],
        folder: Path,
        *,
        strip: str = "",
        progress: Progress | None = None,
    ) -> builtins.list[ObjectInfo]:
        with s3_errors(self.root):
            gets = self._access.gets
            fetch = gets.whole if gets else through_obstore(self._access.many, self._errors)
        return many.get_many(fetch, self, keys, folder, strip=strip, progress=progress)

    def put_many(
        self, sources: Mapping[str, Path | bytes], *, progress: Progress | None = None
    ) -> builtins.list[ObjectInfo]:
        with s3_errors(self.root):
            store = self._access.many
        return many.put_many(store, self, sources, progress=progress, errors=self._errors)

    def copy(self, source: str, target: str) -> ObjectInfo:
        self.stat(source)
        with s3_errors(self._uri(target)):
            self._access.client.copy(
                {"Bucket": self._bucket, "Key": source},
                self._bucket,
                target,
                ExtraArgs=encryption_args(self._encryption),
            )
        return self.stat(target)

    def move(self, source: str, target: str) -> ObjectInfo:
        info = self.copy(source, target)
        if source != target:
            self.delete([source])
        return info

    def delete(self, keys: Iterable[str]) -> int:
        wanted = [*dict.fromkeys(keys)]
        for start in range(0, len(wanted), _BATCH):
            batch = [{"Key": key} for key in wanted[start : start + _BATCH]]
            with s3_errors(self.root):
                answer = self._access.client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                if error.get("Code") != "NoSuchKey":
                    self._refuse(error)
        return len(wanted)

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        operation = {"GET": "get_object", "PUT": "put_object"}.get(method)
        if operation is None:
            raise BadInput(f"method {method!r} has no presigned link", hint="GET or PUT")
        with s3_errors(self._uri(key)):
            url = self._access.client.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_s
            )
        return str(url)

    def _put_at_once(
        self,
        key: str,
        body: bytes | Slice,
        conditions: Mapping[str, str],
        progress: Progress | None,
    ) -> ObjectInfo:
        crc = best_crc()
        value = body.checksum(crc) if isinstance(body, Slice) else crc.extend(0, body)
        more = checksum_arg(crc.name, value) if self._keeps_checksums else {}
        with s3_errors(self._uri(key)):
            answer = self._access.client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                **encryption_args(self._encryption),
                **conditions,
                **more,
            )
        if progress is not None:
            progress(len(body))
        return stored(key, len(body), answer, crc.spell(value) if more else None)

    @property
    def _keeps_checksums(self) -> bool:
        """False where the user told boto3 that the store knows none (``request_checksum_calculation``)."""
        with s3_errors(self.root):
            config = self._access.client.meta.config
        return getattr(config, "request_checksum_calculation", "") != "when_required"

    def _get(self, key: str, start: int, length: int | None, etag: str | None) -> Any:
        asked: dict[str, Any] = {} if etag is None else {"IfMatch": f'"{etag}"'}
        if start or length is not None:
            end = "" if length is None else start + length - 1
            asked["Range"] = f"bytes={start}-{end}"
        answer = self._access.client.get_object(Bucket=self._bucket, Key=key, **asked)
        try:
            self._refuse_others(key, answer, start, length if "Range" in asked else None, etag)
        except BaseException:
            answer["Body"].close()
            raise
        return answer

    def _refuse_others(
        self, key: str, answer: Any, start: int, length: int | None, etag: str | None
    ) -> None:
        """Refuse what is not of this object, or not the range that was asked for: some servers know no ranges."""
        from botocore.exceptions import ClientError

        if etag is not None and answer.get("ETag", "").strip('"') not in ("", etag):
            raise changed(self._uri(key))
        size = answer.get("ContentLength")
        if "ContentRange" in answer:
            is_right = range_length(answer["ContentRange"], start, length) == size
        elif size is not None and 0 < start >= size:
            raise ClientError({"Error": {"Code": "InvalidRange"}}, "GetObject")
        else:
            is_right = start == 0 and (length is None or (size is not None and size <= length))
        if not is_right:
            raise BadInput(
                f"{self._uri(key)}: its store answers with other bytes than those asked for",
                hint="see whether the endpoint knows ranges (a cache between may not)",
            )

    def _explained(self, key: str, ask: Callable[[], _T]) -> _T:
        """``ask``; when S3 refuses without a reason (as it must to HEAD), GET is asked for the reason."""
        with s3_errors(self._uri(key)):
            try:
                return ask()
            except Exception as exc:
                if is_silent(exc):
                    client, place = self._access.client, {"Bucket": self._bucket, "Key": key}
                    client.get_object(**place, Range="bytes=0-0")["Body"].close()
                raise

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return s3_errors(self._uri(key))

    def _uri(self, key: str) -> str:
        return f"{self.root}/{key}"

    def _refuse(self, error: Mapping[str, Any]) -> None:
        from botocore.exceptions import ClientError

        with s3_errors(self._uri(str(error.get("Key", "")))):
            raise ClientError({"Error": dict(error)}, "DeleteObjects")


def _pour(body: Any, sink: Sink) -> None:
    """All of a streaming body, past botocore's wrapper where ``Sockets`` made it."""
    raw: Any = getattr(body, "_raw_stream", None)
    if hasattr(raw, "pour"):
        raw.pour(sink)
        return
    try:
        while block := body.read(256 << 10):
            sink(block)
    finally:
        body.close()
