"""What goes over the wire to Google Cloud Storage and what comes back, as pure functions.

Addresses and answers: https://cloud.google.com/storage/docs/json_api/v1/objects and, for uploads in parallel parts,
https://cloud.google.com/storage/docs/xml-api/overview.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from ...core.errors import Unavailable
from ..port import ObjectInfo, Page

FIELDS = "name,size,generation,updated,crc32c,kmsKeyName"
MAX_PAGE = 1000
KMS_HEADER = "x-goog-encryption-kms-key-name"
_CRC = re.compile(r"crc32c=([A-Za-z0-9+/=]+)")
_RECEIVED = re.compile(r"bytes=0-(\d+)")


def object_path(bucket: str, key: str) -> str:
    return f"/storage/v1/b/{_word(bucket)}/o/{_word(key)}"


def media_path(bucket: str, key: str) -> str:
    return f"/download{object_path(bucket, key)}"


def upload_path(bucket: str) -> str:
    return f"/upload/storage/v1/b/{_word(bucket)}/o"


def xml_path(bucket: str, key: str) -> str:
    return f"/{_word(bucket)}/{_word(key)}"  # '/' too: clients drop '..' between slashes


def rewrite_path(bucket: str, source: str, target: str) -> str:
    return f"{object_path(bucket, source)}/rewriteTo/b/{_word(bucket)}/o/{_word(target)}"


def list_query(
    prefix: str, delimiter: str | None, limit: int | None, token: str | None
) -> dict[str, str]:
    """Without ``limit`` a page is as long as the service makes it."""
    query = {"prefix": prefix}
    if limit is not None:
        query["maxResults"] = str(max(1, min(limit, MAX_PAGE)))
    query["fields"] = f"items({FIELDS}),prefixes,nextPageToken"
    if delimiter:
        query["delimiter"] = delimiter
    if token:
        query["pageToken"] = token
    return query


def page_of(answer: Mapping[str, Any]) -> Page:
    return Page(
        objects=tuple(info_of(item) for item in answer.get("items", ())),
        prefixes=tuple(answer.get("prefixes", ())),
        next=answer.get("nextPageToken"),
    )


def info_of(item: Mapping[str, Any]) -> ObjectInfo:
    """The etag is the generation: it is the same in every API, and every precondition takes it."""
    crc = item.get("crc32c")
    return ObjectInfo(
        key=item["name"],
        size=int(item["size"]),
        etag=str(item["generation"]),
        modified=_time(item["updated"]),
        checksum=f"crc32c:{hex_of(crc)}" if crc else None,
        encryption=item.get("kmsKeyName"),
    )


def condition(if_absent: bool, if_match: str | None) -> dict[str, str]:
    """The query that makes a write conditional. A foreign etag matches nothing."""
    if if_absent:
        return {"ifGenerationMatch": "0"}
    return {} if if_match is None else {"ifGenerationMatch": generation(if_match)}


def generation(etag: str) -> str:
    """A generation that no object has stands for an etag that is not of this store."""
    return etag if etag.isdigit() and etag != "0" else "1"


def crc_of_headers(headers: Mapping[str, str]) -> str | None:
    """The hex of ``crc32c=`` in ``x-goog-hash``."""
    found = _CRC.search(headers.get("x-goog-hash", ""))
    return hex_of(found[1]) if found else None


def hex_of(base64_crc: str) -> str:
    return base64.b64decode(base64_crc).hex()


def base64_of(hex_crc: str) -> str:
    return base64.b64encode(bytes.fromhex(hex_crc)).decode()


def received(headers: Mapping[str, str]) -> int:
    """How many bytes a resumable session has, from the ``range`` of its 308 answer."""
    found = _RECEIVED.match(headers.get("range", ""))
    return int(found[1]) + 1 if found else 0


def upload_id(body: bytes) -> str:
    found = _root(body).find("{*}UploadId")
    if found is None or not found.text:
        raise Unavailable("Google Cloud Storage began an upload without an UploadId")
    return found.text


def parts_of(body: bytes) -> tuple[dict[int, tuple[str, int]], int]:
    """ETag and size of the parts that are there, and the marker of the next page (0: no more)."""
    root = _root(body)
    parts = {
        int(_text(part, "PartNumber")): (_text(part, "ETag"), int(_text(part, "Size")))
        for part in root.iterfind("{*}Part")
    }
    more = _text(root, "IsTruncated") == "true"
    return parts, int(_text(root, "NextPartNumberMarker") or 0) if more else 0


def completion(parts: Sequence[tuple[int, str]]) -> bytes:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()


def _root(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - from the store that holds our data
    except ElementTree.ParseError as exc:
        raise Unavailable("Google Cloud Storage answered with damaged XML") from exc


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _word(text: str) -> str:
    return quote(text, safe="")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
