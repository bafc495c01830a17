"""What goes over the wire to Azure Blob Storage and what comes back, as pure functions.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from ...core.errors import Unavailable
from ..port import ObjectInfo, Page

MAX_PAGE = 5000
SCOPE_HEADER = "x-ms-encryption-scope"
CRC_HEADER = "x-ms-meta-cloudml_crc32c"
WRITER_HEADER = "x-ms-meta-cloudml_writer"
_MD5_BYTES = 16


def blob_path(container: str, key: str) -> str:
    return f"/{container}/{quote(key, safe='/~')}"


def list_query(prefix: str, delimiter: str | None, limit: int, token: str | None) -> dict[str, str]:
    query = {"restype": "container", "comp": "list", "prefix": prefix}
    query["maxresults"] = str(max(1, min(limit, MAX_PAGE)))
    if delimiter:
        query["delimiter"] = delimiter
    if token:
        query["marker"] = token
    return {name: value for name, value in query.items() if value}


def page_of(body: bytes) -> Page:
    root = _root(body)
    return Page(
        objects=tuple(_listed(blob) for blob in root.iterfind("Blobs/Blob")),
        prefixes=tuple(_name(each) for each in root.iterfind("Blobs/BlobPrefix")),
        next=root.findtext("NextMarker") or None,
    )


def info_of(key: str, headers: Mapping[str, str], *, size: int | None = None) -> ObjectInfo:
    """From the headers of any answer about one blob; ``size`` where they do not tell it."""
    length = headers.get("content-length", "0")
    md5 = headers.get("x-ms-blob-content-md5") or headers.get("content-md5")
    return ObjectInfo(
        key=key,
        size=int(length) if size is None else size,
        etag=headers["etag"].strip('"'),
        modified=_time(headers["last-modified"]),
        checksum=_checksum(headers.get(CRC_HEADER), md5),
        encryption=headers.get(SCOPE_HEADER),
    )


def condition(if_absent: bool, if_match: str | None) -> dict[str, str]:
    """The headers that make a write conditional."""
    if if_absent:
        return {"If-None-Match": "*"}
    return {} if if_match is None else {"If-Match": f'"{if_match}"'}


def block_id(upload: str, number: int) -> str:
    """All of one length, as Azure wants them, and none of another upload's."""
    return base64.b64encode(f"{upload}-{number:06}".encode()).decode()


def blocks_of(body: bytes, upload: str) -> dict[int, tuple[str, int]]:
    """Id and size of the uncommitted blocks of this upload, by number."""
    found: dict[int, tuple[str, int]] = {}
    for block in _root(body).iterfind("UncommittedBlocks/Block"):
        name = block.findtext("Name") or ""
        begun, _, number = base64.b64decode(name).decode(errors="replace").rpartition("-")
        if begun == upload and number.isdigit():
            found[int(number)] = (name, int(block.findtext("Size") or 0))
    return found


def commitment(ids: Iterable[str]) -> bytes:
    listed = "".join(f"<Uncommitted>{each}</Uncommitted>" for each in ids)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()


def md5_of(data: bytes) -> str:
    """As ``Content-MD5`` has it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _listed(blob: ElementTree.Element) -> ObjectInfo:
    properties = {each.tag: each.text or "" for each in blob.iterfind("Properties/*")}
    return ObjectInfo(
        key=_name(blob),
        size=int(properties["Content-Length"]),
        etag=properties["Etag"].strip('"'),
        modified=_time(properties["Last-Modified"]),
        checksum=_checksum(None, properties.get("Content-MD5")),
        encryption=properties.get("EncryptionScope") or None,
    )


def _name(element: ElementTree.Element) -> str:
    found = element.find("Name")
    if found is None or found.text is None:
        raise Unavailable("Azure Storage listed a blob without a name")
    return unquote(found.text) if found.get("Encoded") == "true" else found.text


def _checksum(crc: str | None, md5: str | None) -> str | None:
    """Ours where we wrote it, else the service's."""
    if crc:
        return f"crc32c:{crc}"
    digest = base64.b64decode(md5) if md5 else b""
    return f"md5:{digest.hex()}" if len(digest) == _MD5_BYTES else None


def _root(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body.decode("utf-8-sig"))  # noqa: S314 - our own store's
    except (ElementTree.ParseError, ValueError) as exc:
        raise Unavailable("Azure Storage answered with damaged XML") from exc


def _time(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(timezone.utc)
