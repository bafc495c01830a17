"""The bytes of an object, whole or a range of them, with the headers that both APIs give."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from .exchange import Answer, Request
from .objects import Objects, Stored
from .refusal import Refused

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def download(objects: Objects, stored: Stored, request: Request) -> Answer:
    """Raises ``Refused`` with 416 for a range behind the end, 412 for another ETag, 304 for the same."""
    _check_etag(stored, request)
    start, end = _range(request.headers.get("range", ""), stored.size)
    partial = "range" in request.headers and stored.size > 0
    headers = headers_of(stored)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    if request.method == "HEAD":
        return Answer(headers=headers, length=stored.size, body=iter(()))
    body = objects.read(stored, start, end)
    return Answer(status=206 if partial else 200, headers=headers, body=body, length=end - start)


def headers_of(stored: Stored) -> dict[str, str]:
    hashes = [f"crc32c={stored.crc32c}"] + ([f"md5={stored.md5}"] if stored.md5 else [])
    headers = {
        "Content-Type": stored.content_type,
        "ETag": stored.xml_etag,
        "Last-Modified": _http_date(stored.updated),
        "Accept-Ranges": "bytes",
        "x-goog-generation": str(stored.generation),
        "x-goog-metageneration": "1",
        "x-goog-hash": ",".join(hashes),
        "x-goog-stored-content-length": str(stored.size),
        "x-goog-stored-content-encoding": "identity",
    }
    if stored.kms:
        headers["x-goog-encryption-kms-key-name"] = f"{stored.kms}/cryptoKeyVersions/1"
    return headers


def _check_etag(stored: Stored, request: Request) -> None:
    if request.headers.get("if-match", stored.xml_etag).strip('"') != stored.xml_etag.strip('"'):
        raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
    if request.headers.get("if-none-match", "").strip('"') == stored.xml_etag.strip('"'):
        raise Refused(304, "Not modified")


def _range(said: str, size: int) -> tuple[int, int]:
    found = _RANGE.match(said)
    if not found or found.groups() == ("", "") or size == 0:
        if found and size == 0 and found[1]:
            raise Refused(416, "The requested range cannot be satisfied.")
        return 0, size
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    if start >= size:
        raise Refused(416, "The requested range cannot be satisfied.")
    return start, min(int(found[2]) + 1, size) if found[2] else size


def _http_date(updated: str) -> str:
    return format_datetime(datetime.fromisoformat(updated.replace("Z", "+00:00")), usegmt=True)
