"""Where a result goes, and how it appears there all at once.

A file is written beside its final name and renamed. A folder of files is written beside and **exchanged** with the old
one in one step (``renameat2``; where the system has none, two renames). In an object store one object appears when its
upload completes; a folder is uploaded below a hidden prefix, copied to names that no earlier version has, and published
by one object that lists it (`tables.MANIFEST`), which our readers go by; then the earlier version goes.

Whatever process is killed when: under the final name is the old result or the whole new one. (Nothing waits for the disk:
a power cut may cost a result that was just written, as with every engine's own files.) What a killed preparation left
beside is removed by the next one into the same sink; who still writes holds a lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import permutations
from pathlib import Path

from ..core.errors import BadInput, NotFound, Unavailable
from ..core.ids import JOB_ID
from ..core.uris import join_uri, local_path, scheme_of, split_uri
from ..stores.disk import disk_errors
from ..stores.open import open_store
from ..stores.port import Store
from .formats import BIGQUERY, FORMATS, PARQUET, format_of, known_format
from .tables import MANIFEST

LEFTOVER_S = 3600
"""So old are copies in an object store that nothing lists when they are taken for those of a killed preparation."""

_HIDDEN = "_cloudprep"
_OURS = re.compile(rf"-cp{JOB_ID.pattern}\.(?:{'|'.join(FORMATS)})$")
"""How the files of a folder end that a preparation wrote (``_fresh``); all others are somebody's, and never removed."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """``uri`` as it was written; a folder's ends with a slash."""

    uri: str
    format: str
    is_folder: bool = False
    partition_by: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        return scheme_of(self.uri) == "file"


def sink_of(uri: str, *, format: str = "", partition_by: tuple[str, ...] = ()) -> Sink:  # noqa: A002
    """The sink that ``--sink URI`` means.

    Raises:
        BadInput: neither the name nor ``--format`` says a format, or partitions are asked of a file.
    """
    if scheme_of(uri) == "bq":
        if partition_by:
            raise BadInput(f"--sink {uri}: BigQuery tables take no --partition-by")
        return Sink(uri=uri, format=BIGQUERY)
    is_folder = uri.endswith("/") or (bool(partition_by) and not known_format(uri))
    if partition_by and not is_folder:
        raise BadInput(
            f"--sink {uri}: --partition-by {','.join(partition_by)} needs a folder",
            hint=f"write --sink {uri.rpartition('.')[0]}/",
        )
    if is_folder:
        chosen = format or PARQUET
        return Sink(
            uri=uri.rstrip("/") + "/", format=chosen, is_folder=True, partition_by=partition_by
        )
    return Sink(uri=uri, format=format or format_of(uri, f"--sink {uri}"))


def refuse_overlaps(sinks: Mapping[str, Sink]) -> None:
    """Refuse two results that would replace each other.

    Raises:
        BadInput: two sinks are one place, or one lies in another one's folder.
    """
    places = {name: _place(sink) for name, sink in sinks.items()}
    for (name, place), (other, above) in permutations(places.items(), 2):
        if place == above:
            raise BadInput(
                f"--sink {name} and --sink {other} are one place: {place}",
                hint="give each result a place of its own",
            )
        if sinks[other].is_folder and place.startswith(f"{above}/"):
            raise BadInput(
                f"--sink {name}={place} lies in the folder of --sink {other}",
                hint="name folders beside each other: all that is in one is replaced",
            )


def _place(sink: Sink) -> str:
    if sink.is_local:
        return str(_real(sink.uri))
    return sink.uri if sink.format == BIGQUERY else join_uri(*split_uri(sink.uri)).rstrip("/")


def _real(uri: str) -> Path:
    """Where a local sink leads.

    Raises:
        BadInput: its links lead nowhere.
    """
    try:
        return local_path(uri).resolve()
    except (OSError, RuntimeError) as exc:
        raise BadInput(f"--sink {uri}: {exc}", hint="name a path that leads somewhere") from exc


def _digest(uri: str) -> str:
    return hashlib.blake2b(uri.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is under the final name: ``files`` are (name below the sink, bytes, etag)."""

    files: tuple[tuple[str, int, str], ...]

    @property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self.files)


class Staging:
    """A local place to write one sink's result to; ``publish`` makes it appear, else it is gone after the block.

    ``path`` is a file's or a folder's, and does not exist at first. A sink that is a symbolic link stays one: the result
    appears where it leads.
    """

    def __init__(self, sink: Sink, job: str, scratch: Path) -> None:
        self.sink = sink
        self._job = job
        self._final = _real(sink.uri) if sink.is_local else None
        base = self._final or scratch / "sinks" / _digest(sink.uri)
        self.path = base.with_name(f".{base.name}.{job}.part")

    @contextlib.contextmanager
    def open(self) -> Iterator[Staging]:
        lock = self.path.with_suffix(".lock")
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._final is not None:
                _remove_leftovers(self._final)
            held = lock.open("w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield self
        finally:
            _remove(self.path)
            lock.unlink(missing_ok=True)
            held.close()

    def check(self) -> None:
        """Refuse to replace what is no earlier result, before anything is computed.

        Raises:
            BadInput: a folder that holds other things, or a file where a folder should be, or the other way round.
        """
        if self._final is None:
            if self.sink.is_folder:
                store, prefix = open_store(self.sink.uri)
                _refuse_foreign_objects(store, prefix, self.sink.uri)
            return
        if self._final.is_dir() and not self.sink.is_folder:
            raise BadInput(
                f"--sink {self.sink.uri} is a folder", hint="end it with / to replace what is in it"
            )
        if self._final.exists() and self.sink.is_folder:
            _refuse_foreign_files(self._final, self.sink.uri)

    def size(self) -> int:
        """Bytes written so far."""
        return sum(path.stat().st_size for path in _files(self.path))

    def publish(self) -> Written:
        """Make the result appear under its final name. Safe against a kill at any instant."""
        if self._final is not None:
            return self._publish_files(self._final)
        store, key = open_store(self.sink.uri)
        if not self.sink.is_folder:
            info = store.put(key, self.path)
            return Written(files=(("", info.size, info.etag),))
        return self._publish_objects(store, key)

    def _publish_files(self, final: Path) -> Written:
        with disk_errors(final):
            if self.sink.is_folder:
                for path in _files(self.path):
                    path.rename(path.with_name(_fresh(path.name, self._job, self.sink.format)))
            if self.sink.is_folder and final.exists():
                _exchange(self.path, final)
            else:
                self.path.replace(final)
        return Written(files=state_of(final))

    def _publish_objects(self, store: Store, prefix: str) -> Written:
        """Upload hidden, copy, list, remove the earlier version; a failure takes its own copies back."""
        hidden = f"{prefix}{_HIDDEN}/{self._job}/"
        names = {path: path.relative_to(self.path).as_posix() for path in _files(self.path)}
        finals = {path: _fresh(name, self._job, self.sink.format) for path, name in names.items()}
        earlier = _listed(store, prefix)
        done: list[str] = []
        try:
            for path, name in names.items():
                store.put(hidden + name, path)
            for path, name in names.items():
                store.copy(hidden + name, prefix + finals[path])
                done.append(prefix + finals[path])
            infos = {finals[path]: store.stat(prefix + finals[path]) for path in names}
            files = tuple((name, infos[name].size, infos[name].etag) for name in sorted(infos))
            told = {"job": self._job, "files": {name: [size, etag] for name, size, etag in files}}
            store.put(prefix + MANIFEST, json.dumps(told, indent=1).encode())
        except BaseException:
            with contextlib.suppress(Exception):  # the list may be there, and only its answer lost
                listed = _listed(store, prefix)
                store.delete([key for key in done if key[len(prefix) :] not in listed])
            raise
        finally:
            with contextlib.suppress(Exception):
                store.delete(_uploaded(store, f"{prefix}{_HIDDEN}/", hidden))
        store.delete([prefix + name for name in earlier if name not in infos])
        store.delete(_old_leftovers(store, prefix, infos.keys()))
        return Written(files=files)


def state_of(final: Path) -> tuple[tuple[str, int, str], ...]:
    """The files of a local result with sizes and etags (times of change)."""
    if final.is_file():
        info = final.stat()
        return (("", info.st_size, f"{info.st_mtime_ns:x}"),)
    return tuple(
        (path.relative_to(final).as_posix(), path.stat().st_size, f"{path.stat().st_mtime_ns:x}")
        for path in _files(final)
    )


def still_there(sink: Sink, files: tuple[tuple[str, int, str], ...]) -> bool:
    """Whether the sink holds exactly what was written then."""
    if sink.is_local:
        final = _real(sink.uri)
        return final.exists() and state_of(final) == files
    if sink.format == BIGQUERY:
        return False
    store, key = open_store(sink.uri)
    try:
        now = [(name, store.stat(key + name)) for name, _, _ in files]
    except NotFound:
        return False
    return tuple((name, info.size, info.etag) for name, info in now) == files


def _refuse_foreign_files(final: Path, uri: str) -> None:
    if not final.is_dir():
        raise BadInput(f"--sink {uri}: there is a file of that name", hint="leave the last / out")
    for path in final.rglob("*"):
        name = path.relative_to(final).as_posix()
        if path.is_symlink() or not (path.is_dir() or _OURS.search(name)):
            raise BadInput(
                f"--sink {uri}: the folder holds {name!r}, which %%cloudprep did not write",
                hint="name a folder of its own: all that is in it is replaced",
            )


def _refuse_foreign_objects(store: Store, prefix: str, uri: str) -> None:
    listed = _listed(store, prefix)
    for info in store.walk(prefix):
        rest = info.key[len(prefix) :]
        is_ours = rest in listed or rest == MANIFEST or rest.startswith(f"{_HIDDEN}/")
        if not is_ours and not _OURS.search(rest):
            raise BadInput(
                f"--sink {uri}: it holds {rest!r}, which %%cloudprep did not write",
                hint="name a prefix of its own: all that is below it is replaced",
            )


def _listed(store: Store, prefix: str) -> frozenset[str]:
    try:
        return frozenset(json.loads(store.read(prefix + MANIFEST))["files"])
    except (NotFound, ValueError, KeyError):
        return frozenset()


def _fresh(name: str, job: str, kind: str) -> str:
    """A name that no other version of the result has, and ``_OURS`` knows: ``part-0-cp3f2a….parquet``."""
    return f"{name.rpartition('.')[0]}-cp{job}.{kind}"


def _uploaded(store: Store, below: str, own: str) -> list[str]:
    """What this preparation uploaded, and what killed ones did; young ones may be somebody's who lives."""
    before = datetime.now(timezone.utc).timestamp() - LEFTOVER_S
    return [
        info.key
        for info in store.walk(below)
        if info.key.startswith(own) or info.modified.timestamp() < before
    ]


def _old_leftovers(store: Store, prefix: str, listed: Collection[str]) -> list[str]:
    """Copies of preparations that were killed before they listed them; young ones may be somebody's who lives."""
    before = datetime.now(timezone.utc).timestamp() - LEFTOVER_S
    return [
        info.key
        for info in store.walk(prefix)
        if _OURS.search(info.key)
        and info.key[len(prefix) :] not in listed
        and info.modified.timestamp() < before
    ]


def _remove_leftovers(final: Path) -> None:
    """What killed preparations left beside: their locks are free."""
    for lock in final.parent.glob(f".{final.name}.*.lock"):
        with contextlib.suppress(OSError), lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock.with_suffix(".part"))
            lock.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(found for found in path.rglob("*") if found.is_file())


def _exchange(new: Path, old: Path) -> None:
    """Both names at once; the old result then has the new one's name, and goes with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    swap = getattr(libc, "renameat2", None)
    if swap is not None and not swap(
        _AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE
    ):
        return
    aside = new.with_name(f"{new.name}.old")
    old.rename(aside)
    try:
        new.rename(old)
    except OSError as exc:
        aside.rename(old)
        raise Unavailable(f"{str(old)!r} cannot be replaced: {exc.strerror}") from exc
    shutil.rmtree(aside, ignore_errors=True)
