"""Uploads under way: resumable sessions and multipart uploads, kept on disk so that a killed server goes on with them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from .objects import Objects, Precondition, Stored, Wanted, crc_and_md5
from .refusal import Refused

QUANTUM = 256 << 10
MIN_PART = 5 << 20


class Uploads:
    def __init__(self, folder: Path, objects: Objects) -> None:
        self._folder = folder
        self._objects = objects
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def store(self, wanted: Wanted, body: Iterable[bytes], condition: Precondition) -> Stored:
        """An upload in one request."""
        self._objects.in_bucket(wanted.bucket)
        path = self._folder / f"{secrets.token_hex(8)}.once"
        try:
            with path.open("wb") as file:
                for block in body:
                    file.write(block)
            return self._objects.publish(wanted, path, condition)
        finally:
            path.unlink(missing_ok=True)

    def begin(self, wanted: Wanted, condition: Precondition) -> str:
        """The id of a new session; a condition that does not hold now is refused now."""
        condition.check(self._objects.find(wanted.bucket, wanted.name))
        upload = secrets.token_hex(16)
        folder = self._folder / upload
        folder.mkdir()
        (folder / "data").touch()
        said = {"wanted": asdict(wanted), "condition": asdict(condition)}
        (folder / "said.json").write_text(json.dumps(said))
        return upload

    def received(self, upload: str) -> int:
        return self._of(upload).joinpath("data").stat().st_size

    def append(
        self, upload: str, start: int, total: int | None, body: Iterable[bytes]
    ) -> Stored | int:
        """Bytes of a resumable session: the object when they are all there, else how many are kept.

        Of a body that breaks off, whole multiples of 256 KiB stay, as in the service.
        """
        folder = self._of(upload)
        with self._lock, (folder / "data").open("r+b") as file:
            have = file.seek(0, os.SEEK_END)
            if start > have:
                raise Refused(503, f"Invalid request: {start} is behind the {have} bytes received.")
            file.seek(start)
            try:
                for block in body:
                    file.write(block)
            except OSError:
                file.truncate(file.tell() // QUANTUM * QUANTUM)
                raise
            have = file.tell()
            if total is None or have < total:
                file.truncate(have // QUANTUM * QUANTUM)
                return have // QUANTUM * QUANTUM
        return self._finish(folder, folder / "data")

    def cancel(self, upload: str) -> None:
        shutil.rmtree(self._of(upload))

    def put_part(
        self, upload: str, number: int, body: Iterable[bytes], crc: str | None
    ) -> tuple[str, str]:
        """Keep a part; its ETag and CRC32C. A body that breaks off leaves none."""
        data = b"".join(body)
        is_crc, md5 = crc_and_md5(data)
        if crc not in (None, is_crc):
            raise Refused(400, f"crc32c {crc} doesn't match calculated {is_crc}.", code="BadDigest")
        path = self._of_open(upload) / f"part-{number:05d}"
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        temporary.write_bytes(data)
        temporary.replace(path)
        return f'"{md5}"', is_crc

    def parts(self, upload: str) -> dict[int, tuple[int, str]]:
        """Size and ETag of every part that is there."""
        self._of_open(upload)
        found = sorted(self._of(upload).glob("part-?????"))
        return {
            int(path.name[5:]): (path.stat().st_size, f'"{crc_and_md5(path.read_bytes())[1]}"')
            for path in found
        }

    def complete(self, upload: str, order: list[tuple[int, str]]) -> Stored:
        folder, have = self._of_open(upload), self.parts(upload)
        for number, etag in order:
            if number not in have or have[number][1].strip('"') != etag.strip('"'):
                raise Refused(400, f"part {number} is not there", code="InvalidPart")
            if have[number][0] < MIN_PART and number != order[-1][0]:
                raise Refused(400, f"part {number} is too small", code="EntityTooSmall")
        if [number for number, _ in order] != sorted({number for number, _ in order}):
            raise Refused(400, "parts are not in order", code="InvalidPartOrder")
        whole = folder / "whole"
        with whole.open("wb") as file:
            for number, _ in order:
                file.write((folder / f"part-{number:05d}").read_bytes())
        return self._finish(folder, whole)

    def _finish(self, folder: Path, data: Path) -> Stored:
        said = json.loads((folder / "said.json").read_text())
        stored = self._objects.publish(
            Wanted(**said["wanted"]), data, Precondition(**said["condition"])
        )
        for path in folder.iterdir():
            path.unlink()
        (folder / "done.json").write_text(json.dumps(asdict(stored)))
        return stored

    def done(self, upload: str) -> Stored | None:
        """The object that a finished session became."""
        path = self._of(upload) / "done.json"
        return Stored(**json.loads(path.read_text())) if path.exists() else None

    def _of_open(self, upload: str) -> Path:
        if self.done(upload):
            raise Refused(404, "The requested upload was not found.", code="NoSuchUpload")
        return self._of(upload)

    def _of(self, upload: str) -> Path:
        folder = self._folder / upload
        if not upload.isalnum() or not folder.is_dir():
            raise Refused(404, "The requested upload was not found.", code="NoSuchUpload")
        return folder
