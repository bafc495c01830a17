"""A job folder carried to another directory: a shared file system, or a mount."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import NotFound, Unavailable
from ...core.ids import checked_job_id
from ...journal.paths import AGENT, JobPaths
from ..port import Cursor

CHUNK_BYTES = 1 << 20

Meter = Callable[[int], None]


class DirectoryCarrier:
    """Carries job folders to ``root/<job id>``; keeps the promises of ``port.Carrier``.

    ``root`` must exist (an unmounted share is ``Unavailable``, never a fresh empty directory). ``meter`` is called with the
    size of every piece before it is written: to count, to slow down, or (raising ``OSError``) to cut the line.
    """

    def __init__(self, root: Path, *, meter: Meter | None = None) -> None:
        self.root = root
        self._meter = meter or _no_meter

    def push(self, paths: JobPaths) -> str:
        if not paths.spec.is_file():
            raise NotFound(f"{str(paths.root)!r} holds no job to send")
        with self._connected():
            far = JobPaths(self.root / paths.job_id).create()
            for blob in _files(paths.bundle_blobs):
                self._send_blob(blob, far.bundle_blobs / blob.name)
            for here, there in (
                (paths.ambient, far.ambient),
                (paths.bundle_manifest, far.bundle_manifest),
                (paths.spec, far.spec),
            ):
                self._send_whole(here, there)
            _mirror_flag(paths.cancel, far.cancel)
        return str(far.root)

    def pull(self, paths: JobPaths, since: Cursor) -> dict[str, int]:
        with self._connected():
            far = JobPaths(self.root / checked_job_id(paths.job_id))
            if not far.root.is_dir():
                raise NotFound(f"{str(far.root)!r} holds no job")
            cursor = dict(since)
            growing = {path: path.stat().st_size for path in _growing(far)}
            self._bring_result(paths, far, cursor)
            for path, size in growing.items():
                name = path.relative_to(far.root).as_posix()
                cursor[name] = self._bring_bytes(path, paths.root / name, since.get(name, 0), size)
            return cursor

    def remove(self, job_id: str) -> None:
        with self._connected():
            shutil.rmtree(self.root / checked_job_id(job_id), ignore_errors=True)

    def _bring_result(self, paths: JobPaths, far: JobPaths, cursor: dict[str, int]) -> None:
        """Blobs, then the cell, then the manifest. Called with the journals' sizes already taken: a final state among
        those bytes means that the manifest was there before.
        """
        whole = [path for path in far.checkpoints.rglob("*") if path.is_file()]
        if far.result_manifest.exists():
            for blob in _files(far.result_blobs):
                self._send_blob(blob, paths.result_blobs / blob.name)
            whole += [far.result_cell, far.result_manifest]
        for path in whole:
            name = path.relative_to(far.root).as_posix()
            version = path.stat().st_mtime_ns if path.exists() else 0
            if version != cursor.get(name, 0):
                self._send_whole(path, paths.root / name)
                cursor[name] = version

    def _send_blob(self, source: Path, dest: Path) -> None:
        """A blob's name is its content's: the same size under the same name is the same blob."""
        if not dest.exists() or dest.stat().st_size != source.stat().st_size:
            self._copy(source, dest)

    def _send_whole(self, source: Path, dest: Path) -> None:
        if source.exists() and not _is_same(source, dest):
            self._copy(source, dest)

    def _copy(self, source: Path, dest: Path) -> None:
        dest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = dest.with_name(f".{dest.name}.tmp")
        with source.open("rb") as reader, temporary.open("wb") as writer:
            for piece in _pieces(reader.fileno(), source.stat().st_size):
                self._meter(len(piece))
                writer.write(piece)
        temporary.replace(dest)

    def _bring_bytes(self, source: Path, dest: Path, since: int, size: int) -> int:
        """Append what lies between what is here and ``size``; writing at an offset, nothing can be doubled."""
        dest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        into = os.open(dest, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            at = min(since, os.fstat(into).st_size)
            with source.open("rb") as reader:
                reader.seek(at)
                for piece in _pieces(reader.fileno(), size - at):
                    self._meter(len(piece))
                    at += os.pwrite(into, piece, at)
        finally:
            os.close(into)
        return at

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """The one place where the far file system's errors become ours."""
        if not self.root.is_dir():
            raise Unavailable(f"{str(self.root)!r} is not there", hint="is the share mounted?")
        try:
            yield
        except OSError as exc:
            raise Unavailable(f"cannot reach {str(self.root)!r}: {exc.strerror or exc}") from exc


def _no_meter(_size: int) -> None:
    return


def _files(directory: Path) -> list[Path]:
    """The finished files of a directory; names with a leading dot are still being written."""
    if not directory.is_dir():
        return []
    return sorted(p for p in directory.iterdir() if p.is_file() and not p.name.startswith("."))


def _growing(far: JobPaths) -> Iterable[Path]:
    yield from (path for path in far.all_journals() if path.stem != AGENT)
    if far.worker_log.exists():
        yield far.worker_log


def _pieces(fd: int, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := os.read(fd, min(size, CHUNK_BYTES))):
        size -= len(piece)
        yield piece


def _is_same(source: Path, dest: Path) -> bool:
    if not dest.exists() or dest.stat().st_size != source.stat().st_size:
        return False
    return source.read_bytes() == dest.read_bytes()


def _mirror_flag(here: Path, there: Path) -> None:
    if here.exists():
        there.touch(mode=0o600)
    else:
        there.unlink(missing_ok=True)
