"""Buckets and objects on disk: what one generation of an object is, and when it may be replaced."""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from .refusal import Refused

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One generation of one object. Hashes are base64 as on the wire; composite objects have no MD5."""

    bucket: str
    name: str
    generation: int
    size: int
    crc32c: str
    md5: str | None
    updated: str
    content_type: str = "application/octet-stream"
    kms: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def etag(self) -> str:
        return base64.b64encode(f"{self.generation}/1".encode()).decode()

    @property
    def xml_etag(self) -> str:
        """The MD5 where there is one and no customer's key; else opaque."""
        if self.md5 is None or self.kms:
            return f'"-{self.etag}"'
        return f'"{base64.b64decode(self.md5).hex()}"'

    def as_json(self) -> dict[str, object]:
        said: dict[str, object] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(self.size),
            "crc32c": self.crc32c,
            "etag": self.etag,
            "timeCreated": self.updated,
            "updated": self.updated,
        }
        if self.md5 is not None:
            said["md5Hash"] = self.md5
        if self.metadata:
            said["metadata"] = self.metadata
        if self.kms:
            said["kmsKeyName"] = f"{self.kms}/cryptoKeyVersions/1"
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """``ifGenerationMatch`` (0: there is none) and ``ifGenerationNotMatch``."""

    match: int | None = None
    not_match: int | None = None

    def check(self, current: Stored | None) -> None:
        generation = current.generation if current else 0
        if self.match is not None and generation != self.match:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
        if self.not_match is not None and generation == self.not_match:
            raise Refused(304, "Not modified")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an upload says of the object to be."""

    bucket: str
    name: str
    content_type: str = "application/octet-stream"
    kms: str | None = None
    crc32c: str | None = None
    md5: str | None = None
    composite: bool = False
    metadata: dict[str, str] | None = None


class Objects:
    """All buckets below ``folder``. Safe for threads; every change is on disk when the call returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._buckets: dict[str, dict[str, Stored]] = {}
        self._keys: dict[str, list[str]] = {}
        self._last = 0
        folder.mkdir(parents=True, exist_ok=True)
        for bucket in folder.iterdir():
            self._load(bucket)

    def _load(self, bucket: Path) -> None:
        found = [Stored(**json.loads(path.read_text())) for path in bucket.glob("*.json")]
        self._buckets[bucket.name] = {stored.name: stored for stored in found}
        self._keys[bucket.name] = sorted(self._buckets[bucket.name], key=str.encode)

    def make_bucket(self, name: str) -> None:
        with self._lock:
            if name in self._buckets:
                raise Refused(409, "The requested bucket name is not available.", reason="conflict")
            (self._folder / name).mkdir()
            self._buckets[name], self._keys[name] = {}, []

    def buckets(self) -> list[str]:
        return sorted(self._buckets)

    def in_bucket(self, bucket: str) -> dict[str, Stored]:
        try:
            return self._buckets[bucket]
        except KeyError:
            raise Refused(
                404, "The specified bucket does not exist.", code="NoSuchBucket"
            ) from None

    def get(self, bucket: str, name: str, generation: int | None = None) -> Stored:
        stored = self.in_bucket(bucket).get(name)
        if stored is None or generation not in (None, stored.generation):
            raise Refused(404, f"No such object: {bucket}/{name}")
        return stored

    def find(self, bucket: str, name: str) -> Stored | None:
        return self.in_bucket(bucket).get(name)

    def read(self, stored: Stored, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end``, block by block."""
        left = (stored.size if end is None else min(end, stored.size)) - start
        with self._data(stored).open("rb") as file:
            file.seek(start)
            while left > 0 and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def publish(self, wanted: Wanted, source: Path, condition: Precondition) -> Stored:
        """Make the file ``source`` the object; it is moved. Refuses wrong hashes and unmet conditions."""
        crc, md5 = _hashes(source)
        if wanted.crc32c not in (None, crc) or wanted.md5 not in (None, md5):
            said = f"Provided {wanted.crc32c or wanted.md5} doesn't match calculated {crc} / {md5}."
            raise Refused(400, said, code="BadDigest")
        with self._lock:
            condition.check(self.find(wanted.bucket, wanted.name))
            self._last = max(self._last + 1, time.time_ns() // 1000)
            stored = Stored(
                bucket=wanted.bucket,
                name=wanted.name,
                generation=self._last,
                size=source.stat().st_size,
                crc32c=crc,
                md5=None if wanted.composite else md5,
                updated=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                content_type=wanted.content_type,
                kms=wanted.kms,
                metadata=wanted.metadata,
            )
            source.replace(self._data(stored))
            self._remember(stored)
        return stored

    def _remember(self, stored: Stored) -> None:
        record = self._record(stored)
        temporary = record.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(stored)))
        temporary.replace(record)
        objects, keys = self._buckets[stored.bucket], self._keys[stored.bucket]
        if stored.name not in objects:
            bisect.insort(keys, stored.name, key=str.encode)
        replaced = objects.get(stored.name)
        objects[stored.name] = stored
        if replaced:
            self._data(replaced).unlink(missing_ok=True)

    def delete(self, bucket: str, name: str, condition: Precondition) -> None:
        with self._lock:
            stored = self.get(bucket, name)
            condition.check(stored)
            self._record(stored).unlink()
            self._data(stored).unlink()
            del self._buckets[bucket][name]
            self._keys[bucket].remove(name)

    def list(self, bucket: str, said: Mapping[str, str]) -> tuple[list[Stored], list[str], str]:
        """One page: objects, prefixes, and the token of the next page (the last name seen) or nothing."""
        prefix, delimiter = said.get("prefix", ""), said.get("delimiter", "")
        limit = min(int(said.get("maxResults", 1000)), 1000)
        token = base64.b64decode(said.get("pageToken", "")).decode()
        end = said.get("endOffset", "")
        objects, prefixes, last = list[Stored](), list[str](), token
        with self._lock:
            found, keys = self.in_bucket(bucket), self._keys[bucket]
            first = max(prefix, said.get("startOffset", ""), token, key=str.encode)
            for name in keys[bisect.bisect_left(keys, first.encode(), key=str.encode) :]:
                if not name.startswith(prefix) or (end and name.encode() >= end.encode()):
                    break
                if name == token or (
                    delimiter and token.endswith(delimiter) and name.startswith(token)
                ):
                    continue
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                shown = name if cut < 0 else name[: cut + len(delimiter)]
                if prefixes and shown == prefixes[-1]:
                    continue
                if len(objects) + len(prefixes) == limit:
                    return objects, prefixes, base64.b64encode(last.encode()).decode()
                last = shown
                objects.append(found[name]) if cut < 0 else prefixes.append(shown)
        return objects, prefixes, ""

    def _record(self, stored: Stored) -> Path:
        name = hashlib.sha256(stored.name.encode()).hexdigest()
        return self._folder / stored.bucket / f"{name}.json"

    def _data(self, stored: Stored) -> Path:
        return self._record(stored).with_suffix(f".{stored.generation}")


def crc_and_md5(data: bytes) -> tuple[str, str]:
    """The hashes of ``data`` as they go over the wire."""
    import google_crc32c

    checksum = google_crc32c.value(data).to_bytes(4, "big")
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    return base64.b64encode(checksum).decode(), base64.b64encode(md5).decode()


def _hashes(path: Path) -> tuple[str, str]:
    import google_crc32c

    crc, md5 = 0, hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            crc = google_crc32c.extend(crc, block)
            md5.update(block)
    both = crc.to_bytes(4, "big"), md5.digest()
    return base64.b64encode(both[0]).decode(), base64.b64encode(both[1]).decode()
