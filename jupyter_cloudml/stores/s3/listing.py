"""Listings of 1,000 keys a page: read here, because botocore's own parser takes five times as long as the server."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from ..port import ObjectInfo, Page

SWAPPED = "CloudMLPage"
"""Under this name ``swap_listing`` puts the ``Page`` into boto3's answer."""
_EMPTY = b"<ListBucketResult></ListBucketResult>"


def swap_listing(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """botocore's event ``before-parse`` of ``ListObjectsV2``: parse the page, and leave botocore an empty one."""
    if response_dict["status_code"] == 200:
        customized_response_dict[SWAPPED] = parse_page(response_dict["body"])
        response_dict["body"] = _EMPTY


def parse_page(body: bytes) -> Page:
    """The page that the XML of ``ListObjectsV2`` is.

    Raises:
        ElementTree.ParseError: it is not XML.
    """
    tree = ElementTree.fromstring(body)  # noqa: S314 - expat expands no external entity
    space = tree.tag.rpartition("}")[0]
    space = f"{space}}}" if space else ""
    is_quoted = tree.findtext(f"{space}EncodingType") == "url"
    objects = [_info(item, space, is_quoted) for item in tree.iterfind(f"{space}Contents")]
    prefixes = [
        _text(item.findtext(f"{space}Prefix"), is_quoted)
        for item in tree.iterfind(f"{space}CommonPrefixes")
    ]
    is_cut = tree.findtext(f"{space}IsTruncated") == "true"
    token = tree.findtext(f"{space}NextContinuationToken") if is_cut else None
    return Page(objects=tuple(objects), prefixes=tuple(prefixes), next=token)


def _info(item: ElementTree.Element, space: str, is_quoted: bool) -> ObjectInfo:
    values = {child.tag: child.text for child in item}
    return ObjectInfo(
        key=_text(values.get(f"{space}Key"), is_quoted),
        size=int(values.get(f"{space}Size") or 0),
        etag=(values.get(f"{space}ETag") or "").strip('"'),
        modified=_time(values.get(f"{space}LastModified") or "1970-01-01T00:00:00"),
    )


def _text(text: str | None, is_quoted: bool) -> str:
    if not text:
        return ""
    return unquote_plus(text) if is_quoted and ("%" in text or "+" in text) else text


def _time(text: str) -> datetime:
    """``2026-11-22T08:23:57.123Z``; a fifth of the time of ``strptime``."""
    fraction = text[20:].rstrip("Z") if text[19:20] == "." else ""
    micro = int(fraction.ljust(6, "0")[:6]) if fraction.isdigit() else 0
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    return datetime(year, month, day, hour, minute, second, micro, timezone.utc)
