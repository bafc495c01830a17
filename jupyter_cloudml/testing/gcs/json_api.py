"""The JSON API: https://cloud.google.com/storage/docs/json_api/v1 (buckets, objects, uploads, rewrite, compose)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from .downloads import download
from .exchange import Answer, Request
from .objects import Objects, Precondition, Stored, Wanted
from .refusal import Refused
from .uploads import Uploads

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$")


class JsonApi:
    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads

    def answer(self, request: Request) -> Answer:
        match request.segments():
            case ["storage", "v1", "b"]:
                return self._buckets(request)
            case ["storage", "v1", "b", bucket]:
                self._objects.in_bucket(bucket)
                return _json({"kind": "storage#bucket", "name": bucket, "id": bucket})
            case ["storage", "v1", "b", bucket, "o"]:
                return self._list(bucket, request)
            case ["storage", "v1", "b", bucket, "o", name]:
                return self._object(bucket, name, request)
            case ["download", "storage", "v1", "b", bucket, "o", name]:
                return download(self._objects, self._asked(bucket, name, request), request)
            case ["upload", "storage", "v1", "b", bucket, "o"]:
                return self._upload(bucket, request)
            case [
                "storage",
                "v1",
                "b",
                bucket,
                "o",
                name,
                "rewriteTo" | "copyTo" as verb,
                "b",
                to,
                "o",
                new,
            ]:
                return self._rewrite(self._asked(bucket, name, request), to, new, verb, request)
            case ["storage", "v1", "b", bucket, "o", name, "compose"]:
                return self._compose(bucket, name, request)
        raise Refused(404, "Not Found")

    def _buckets(self, request: Request) -> Answer:
        if request.method == "POST":
            name = str(json.loads(request.all())["name"])
            self._objects.make_bucket(name)
            return _json({"kind": "storage#bucket", "name": name, "id": name})
        return _json(
            {"kind": "storage#buckets", "items": [{"name": n} for n in self._objects.buckets()]}
        )

    def _list(self, bucket: str, request: Request) -> Answer:
        objects, prefixes, token = self._objects.list(bucket, request.query)
        said: dict[str, object] = {"kind": "storage#objects"}
        if objects:
            said["items"] = [stored.as_json() for stored in objects]
        if prefixes:
            said["prefixes"] = prefixes
        if token:
            said["nextPageToken"] = token
        return _json(said)

    def _object(self, bucket: str, name: str, request: Request) -> Answer:
        if request.method == "DELETE":
            self._objects.delete(bucket, name, condition_of(request.query))
            return Answer(status=204)
        stored = self._asked(bucket, name, request)
        if request.query.get("alt") == "media":
            return download(self._objects, stored, request)
        return _json(stored.as_json())

    def _asked(self, bucket: str, name: str, request: Request) -> Stored:
        generation = request.query.get("generation", request.query.get("sourceGeneration"))
        stored = self._objects.get(bucket, name, int(generation) if generation else None)
        if "rewriteTo" not in request.path and "copyTo" not in request.path:
            condition_of(request.query).check(stored)
        return stored

    def _upload(self, bucket: str, request: Request) -> Answer:
        if upload := request.query.get("upload_id"):
            return self._resumed(upload, request)
        if request.query.get("uploadType") == "resumable":
            wanted = _wanted(bucket, json.loads(request.all() or b"{}"), request)
            upload = self._uploads.begin(wanted, condition_of(request.query))
            host = request.headers["host"]
            where = f"http://{host}{request.target}&upload_id={upload}"
            return Answer(headers={"Location": where, "X-GUploader-UploadID": upload})
        if request.query.get("uploadType") == "multipart":
            metadata, data = _related(request)
            wanted, body = _wanted(bucket, metadata, request), iter([data])
        else:
            wanted, body = _wanted(bucket, {}, request), request.body
        return _json(self._uploads.store(wanted, body, condition_of(request.query)).as_json())

    def _resumed(self, upload: str, request: Request) -> Answer:
        """A chunk, a question for what is there, or the end of a session."""
        if request.method == "DELETE":
            self._uploads.cancel(upload)
            return Answer(status=499)
        if stored := self._uploads.done(upload):
            return _json(stored.as_json())
        said = _RANGE.match(request.headers.get("content-range", ""))
        if said and said[1] is None and said[3] == "*":
            return _incomplete(self._uploads.received(upload))
        if said and said[1] is None and int(said[3]) > self._uploads.received(upload):
            return _incomplete(self._uploads.received(upload))
        start = int(said[1]) if said and said[1] else self._uploads.received(upload) if said else 0
        total = int(said[3]) if said and said[3] != "*" else None
        if said is None:
            total = int(request.headers.get("content-length", 0))
        done = self._uploads.append(upload, start, total, request.body)
        return _incomplete(done) if isinstance(done, int) else _json(done.as_json())

    def _rewrite(self, source: Stored, to: str, name: str, verb: str, request: Request) -> Answer:
        said = json.loads(request.all() or b"{}")
        kms = request.query.get("destinationKmsKeyName") or said.get("kmsKeyName")
        wanted = Wanted(
            bucket=to,
            name=name,
            kms=kms,
            content_type=said.get("contentType", source.content_type),
            composite=source.md5 is None,
        )
        body = self._objects.read(source)
        stored = self._uploads.store(wanted, body, condition_of(request.query))
        if verb == "copyTo":
            return _json(stored.as_json())
        size = str(stored.size)
        return _json(
            {
                "kind": "storage#rewriteResponse",
                "done": True,
                "objectSize": size,
                "totalBytesRewritten": size,
                "resource": stored.as_json(),
            }
        )

    def _compose(self, bucket: str, name: str, request: Request) -> Answer:
        said = json.loads(request.all())
        parts = [self._objects.get(bucket, part["name"]) for part in said["sourceObjects"]]
        body = (block for part in parts for block in self._objects.read(part))
        wanted = Wanted(
            bucket=bucket, name=name, kms=request.query.get("kmsKeyName"), composite=True
        )
        return _json(self._uploads.store(wanted, body, condition_of(request.query)).as_json())


def condition_of(query: Mapping[str, str]) -> Precondition:
    match, differ = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
    return Precondition(
        match=int(match) if match else None, not_match=int(differ) if differ else None
    )


def _wanted(bucket: str, said: Mapping[str, Any], request: Request) -> Wanted:
    name = said.get("name") or request.query.get("name")
    if not name:
        raise Refused(400, "Required parameter: name", reason="required")
    return Wanted(
        bucket=bucket,
        name=name,
        content_type=said.get("contentType")
        or request.headers.get("x-upload-content-type", "application/octet-stream"),
        kms=request.query.get("kmsKeyName") or said.get("kmsKeyName"),
        crc32c=said.get("crc32c"),
        md5=said.get("md5Hash"),
        metadata=said.get("metadata"),
    )


def _related(request: Request) -> tuple[dict[str, Any], bytes]:
    """The metadata and the data of a ``multipart/related`` body."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    metadata, data = BytesParser(policy=HTTP).parsebytes(head + request.all()).iter_parts()
    return json.loads(_payload(metadata)), _payload(data)


def _payload(part: Any) -> bytes:
    return bytes(part.get_payload(decode=True))


def _incomplete(received: int) -> Answer:
    headers = {"Range": f"bytes=0-{received - 1}"} if received else {}
    return Answer(status=308, headers=headers)


def _json(value: object) -> Answer:
    body = json.dumps(value).encode()
    return Answer(headers={"Content-Type": "application/json; charset=UTF-8"}, body=body)
