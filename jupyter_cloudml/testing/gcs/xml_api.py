"""The XML API: https://cloud.google.com/storage/docs/xml-api (objects, listing version 2, copies, multipart uploads)."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .downloads import download, headers_of
from .exchange import Answer, Request
from .objects import Objects, Precondition, Stored, Wanted
from .refusal import Refused
from .uploads import Uploads

_CRC = re.compile(r"crc32c=([^,\s]+)")
_ROOM = "http://s3.amazonaws.com/doc/2006-03-01/"


class XmlApi:
    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads

    def answer(self, request: Request) -> Answer:
        bucket, _, name = request.path.lstrip("/").partition("/")
        bucket, name = unquote(bucket), unquote(name)
        if not name:
            return self._list(bucket, request)
        if "uploads" in request.query or "uploadId" in request.query:
            return self._multipart(bucket, name, request)
        if request.method == "PUT":
            return self._put(bucket, name, request)
        if request.method == "DELETE":
            self._objects.delete(bucket, name, _condition(request))
            return Answer(status=204)
        if request.method in ("GET", "HEAD"):
            generation = request.query.get("generation")
            stored = self._objects.get(bucket, name, int(generation) if generation else None)
            _condition(request).check(stored)
            return download(self._objects, stored, request)
        raise Refused(405, "The specified method is not allowed.", code="MethodNotAllowed")

    def _put(self, bucket: str, name: str, request: Request) -> Answer:
        if source := request.headers.get("x-goog-copy-source"):
            return self._copy(unquote(source).lstrip("/"), _wanted(bucket, name, request), request)
        stored = self._uploads.store(
            _wanted(bucket, name, request), request.body, _condition(request)
        )
        headers = {k: v for k, v in headers_of(stored).items() if not k.startswith("Content")}
        return Answer(headers=headers)

    def _copy(self, source: str, wanted: Wanted, request: Request) -> Answer:
        from_bucket, _, from_name = source.partition("/")
        old = self._objects.get(from_bucket, from_name)
        new = self._uploads.store(wanted, self._objects.read(old), _condition(request))
        said = f"<LastModified>{new.updated}</LastModified><ETag>{escape(new.xml_etag)}</ETag>"
        return _xml("CopyObjectResult", said)

    def _list(self, bucket: str, request: Request) -> Answer:
        asked = request.query
        said = {"prefix": asked.get("prefix", ""), "delimiter": asked.get("delimiter", "")}
        said |= {"maxResults": asked.get("max-keys", "1000")}
        said |= {"pageToken": asked.get("continuation-token", "")}
        if after := asked.get("start-after"):
            said["startOffset"] = f"{after}\0"
        objects, prefixes, token = self._objects.list(bucket, said)
        more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
        shown = "".join(
            f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in prefixes
        )
        return _xml(
            "ListBucketResult",
            f"<Name>{escape(bucket)}</Name><IsTruncated>{str(bool(token)).lower()}</IsTruncated>"
            f"{more}{''.join(map(_contents, objects))}{shown}",
        )

    def _multipart(self, bucket: str, name: str, request: Request) -> Answer:
        upload = request.query.get("uploadId", "")
        match request.method:
            case "POST" if "uploads" in request.query:
                wanted = _wanted(bucket, name, request, composite=True)
                upload = self._uploads.begin(wanted, Precondition())
                return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
            case "POST":
                stored = self._uploads.complete(upload, _order(request.all()))
                answer = _xml(
                    "CompleteMultipartUploadResult", f"<ETag>{escape(stored.xml_etag)}</ETag>"
                )
                answer.headers["x-goog-generation"] = str(stored.generation)
                answer.headers["x-goog-hash"] = f"crc32c={stored.crc32c}"
                return answer
            case "PUT":
                number, crc = int(request.query["partNumber"]), _crc(request)
                etag, crc = self._uploads.put_part(upload, number, request.body, crc)
                return Answer(headers={"ETag": etag, "x-goog-hash": f"crc32c={crc}"})
            case "DELETE":
                self._uploads.cancel(upload)
                return Answer(status=204)
        return self._parts(upload, int(request.query.get("part-number-marker", 0)))

    def _parts(self, upload: str, after: int) -> Answer:
        every = [(n, *part) for n, part in self._uploads.parts(upload).items() if n > after]
        shown = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag><Size>{size}</Size></Part>"
            for number, size, etag in every[:1000]
        )
        more = str(len(every) > 1000).lower()
        last = every[min(len(every), 1000) - 1][0] if every else 0
        marks = (
            f"<NextPartNumberMarker>{last}</NextPartNumberMarker><IsTruncated>{more}</IsTruncated>"
        )
        return _xml("ListPartsResult", f"{marks}{shown}")


def _wanted(bucket: str, name: str, request: Request, *, composite: bool = False) -> Wanted:
    return Wanted(
        bucket=bucket,
        name=name,
        content_type=request.headers.get("content-type", "application/octet-stream"),
        kms=request.headers.get("x-goog-encryption-kms-key-name"),
        crc32c=_crc(request),
        md5=request.headers.get("content-md5"),
        composite=composite,
    )


def _condition(request: Request) -> Precondition:
    said = request.headers.get("x-goog-if-generation-match")
    return Precondition(match=int(said) if said else None)


def _crc(request: Request) -> str | None:
    found = _CRC.search(request.headers.get("x-goog-hash", ""))
    return found[1] if found else None


def _order(body: bytes) -> list[tuple[int, str]]:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - from the tests of this machine
    except ElementTree.ParseError as exc:
        raise Refused(
            400, "The XML you provided was not well-formed.", code="MalformedXML"
        ) from exc
    parts = [{at.tag.rpartition("}")[2]: at.text or "" for at in part} for part in root]
    return [(int(part["PartNumber"]), part["ETag"]) for part in parts]


def _contents(stored: Stored) -> str:
    return (
        f"<Contents><Key>{escape(stored.name)}</Key><Generation>{stored.generation}</Generation>"
        f"<LastModified>{stored.updated}</LastModified><ETag>{escape(stored.xml_etag)}</ETag>"
        f"<Size>{stored.size}</Size></Contents>"
    )


def _xml(root: str, inside: str) -> Answer:
    body = f"<?xml version='1.0' encoding='UTF-8'?><{root} xmlns='{_ROOM}'>{inside}</{root}>"
    return Answer(headers={"Content-Type": "application/xml; charset=UTF-8"}, body=body.encode())
