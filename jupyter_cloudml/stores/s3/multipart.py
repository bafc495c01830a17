"""One multipart upload to S3, as ``transfer.upload`` drives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..port import Encryption, ObjectInfo
from ..transfer.checksums import Crc
from ..transfer.source import Slice
from ..transfer.upload import SentPart
from .errors import s3_errors
from .requests import algorithm_of, checksum_arg, encryption_args, stored


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Multipart:
    """See ``transfer.upload.Multipart``. ``conditions`` are told to the last call: that is where S3 looks at them."""

    is_published: ClassVar[bool] = False

    client: Any
    bucket: str
    key: str
    uri: str
    encryption: Encryption | None
    conditions: Mapping[str, str]
    checksums: bool

    def begin(self, crc: Crc, whole: Callable[[], int]) -> str:  # noqa: ARG002
        more = encryption_args(self.encryption)
        if self.checksums:
            more |= {"ChecksumAlgorithm": algorithm_of(crc.name), "ChecksumType": "FULL_OBJECT"}
        with s3_errors(self.uri):
            answer = self.client.create_multipart_upload(Bucket=self.bucket, Key=self.key, **more)
        return str(answer["UploadId"])

    def send(self, upload: str, number: int, body: Slice, crc: Crc, value: int) -> str:
        with s3_errors(self.uri):
            answer = self.client.upload_part(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                **(checksum_arg(crc.name, value) if self.checksums else {}),
            )
        return str(answer["ETag"]).strip('"')

    def sent(self, upload: str) -> Mapping[int, tuple[str, int]]:
        found: dict[int, tuple[str, int]] = {}
        with s3_errors(self.uri):
            pages = self.client.get_paginator("list_parts").paginate(
                Bucket=self.bucket, Key=self.key, UploadId=upload
            )
            for page in pages:
                for part in page.get("Parts", ()):
                    found[part["PartNumber"]] = (part["ETag"].strip('"'), part["Size"])
        return found

    def complete(self, upload: str, parts: list[SentPart], crc: Crc, value: int) -> ObjectInfo:
        listed = [
            {
                "PartNumber": part.number,
                "ETag": f'"{part.etag}"',
                **(checksum_arg(crc.name, part.crc) if self.checksums else {}),
            }
            for part in parts
        ]
        more: dict[str, Any] = dict(self.conditions)
        if self.checksums:
            more |= {**checksum_arg(crc.name, value), "ChecksumType": "FULL_OBJECT"}
        with s3_errors(self.uri):
            answer = self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload,
                MultipartUpload={"Parts": listed},
                **more,
            )
        size = sum(part.length for part in parts)
        return stored(self.key, size, answer, crc.spell(value) if self.checksums else None)

    def abort(self, upload: str) -> None:
        with s3_errors(self.uri):
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload)
