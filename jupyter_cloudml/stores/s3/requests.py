"""Pure pairs: what boto3 is asked, and what its answers mean."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..port import Encryption, ObjectInfo

_CRCS = {"ChecksumCRC32C": "crc32c", "ChecksumCRC32": "crc32"}


def encryption_args(encryption: Encryption | None) -> dict[str, str]:
    """The arguments of every request that makes an object: they become ``x-amz-server-side-encryption…`` headers."""
    if encryption is None:
        return {}
    found: dict[str, str] = {"ServerSideEncryption": encryption.kind}
    return {**found, "SSEKMSKeyId": encryption.key} if encryption.key else found


def condition_args(*, if_absent: bool, if_match: str | None) -> dict[str, str]:
    found = {"IfNoneMatch": "*"} if if_absent else {}
    return {**found, "IfMatch": f'"{if_match}"'} if if_match is not None else found


def checksum_arg(name: str, value: int) -> dict[str, str]:
    """``{"ChecksumCRC32C": base64}``."""
    argument = next(key for key, crc in _CRCS.items() if crc == name)
    return {argument: base64.b64encode(struct.pack(">I", value)).decode()}


def algorithm_of(name: str) -> str:
    return name.upper()


def range_length(said: str, start: int, length: int | None) -> int | None:
    """The bytes of a ``Content-Range``; None where it is not the one that was asked for, as far as the object goes."""
    span, _, total = said.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    if not (first.isdigit() and last.isdigit()) or int(first) != start:
        return None
    end = math.inf if length is None else start + length
    if total.isdigit():
        end = min(end, int(total))
    count = int(last) + 1 - start
    return count if count == end - start or end == math.inf else None


def info_of(key: str, answer: Mapping[str, Any]) -> ObjectInfo:
    """Of a ``HeadObject`` answer."""
    etag = str(answer.get("ETag", "")).strip('"')
    encryption = answer.get("ServerSideEncryption")
    if encryption and answer.get("SSEKMSKeyId"):
        encryption = f"{encryption}:{answer['SSEKMSKeyId']}"
    return ObjectInfo(
        key=key,
        size=int(answer["ContentLength"]),
        etag=etag,
        modified=answer["LastModified"].astimezone(timezone.utc),
        checksum=checksum_of(answer) or _digest_of(etag, answer),
        encryption=encryption,
    )


def stored(key: str, size: int, answer: Mapping[str, Any], checksum: str | None) -> ObjectInfo:
    """Of the answer to a put: it names no time, so this machine's does."""
    return ObjectInfo(
        key=key,
        size=size,
        etag=str(answer.get("ETag", "")).strip('"'),
        modified=datetime.now(timezone.utc),
        checksum=checksum,
        encryption=answer.get("ServerSideEncryption"),
    )


def checksum_of(answer: Mapping[str, Any]) -> str | None:
    """The checksum of the whole object; one that is composed of its parts' does not tell it."""
    for name, crc in _CRCS.items():
        text = answer.get(name, "")
        if text and "-" not in text and answer.get("ChecksumType") != "COMPOSITE":
            return f"{crc}:{base64.b64decode(text).hex()}"
    text = answer.get("ChecksumSHA256", "")
    return f"sha256:{base64.b64decode(text).hex()}" if text and "-" not in text else None


def _digest_of(etag: str, answer: Mapping[str, Any]) -> str | None:
    """The etag of an object that was put at once is its MD5, unless a key of the user's encrypts it."""
    is_plain = answer.get("ServerSideEncryption") in (None, "AES256")
    is_plain = is_plain and not answer.get("SSECustomerAlgorithm")
    is_digest = len(etag) == 32 and all(c in "0123456789abcdef" for c in etag)
    return f"md5:{etag}" if is_plain and is_digest else None
