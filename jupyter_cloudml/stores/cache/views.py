"""Views: what a job sees of the cache, an object or a folder of them under their own names."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import BadInput, Conflict, NotFound, TooLarge
from ...journal.atomic import read_json, write_json
from ..disk import disk_errors, landings
from .layout import Layout, identity
from .locks import Held, acquire, locked
from .objects import Objects
from .space import Space

if TYPE_CHECKING:
    from ..port import ObjectInfo, Progress, Store

_SMALL_BYTES = 4 << 20
_TOGETHER_BYTES = 128 << 20
_AT_ONCE = 4
_TRIES = 3

Wanted = list[tuple["ObjectInfo", Path]]
"""Objects, and where they go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A whole copy on this machine. ``name`` is what its path ends with."""

    id: str
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache of one user. Any number of processes and threads may use it at once."""

    layout: Layout
    limit: int

    @classmethod
    def at(cls, root: Path, limit: int) -> Cache:
        return cls(Layout(root), limit)

    def fetch(self, store: Store, key: str, progress: Progress | None = None) -> View:
        """The object ``key``, or all below it as a folder, as they are in the store now.

        What is here already with the same etag is not fetched again. After return the view is whole; ``hold`` it, else
        it may be evicted. After an exception, or a kill, what has arrived is taken up by the next call.

        Raises:
            NotFound: there is neither such an object nor anything below it.
            TooLarge, Unavailable: there is no room for it.
            Conflict: it keeps changing while it is fetched.
        """
        told = _one_at_a_time(progress)
        with disk_errors(self.layout.root):
            self.layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in reversed(range(_TRIES)):
            listing = _listed(store, key)
            try:
                return self._fetch(store, listing, told)
            except Conflict:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def hold(self, view: View) -> tuple[Path, Held] | None:
        """The path of a view, which stays until it is released or this process ends; None when it was evicted."""
        held = acquire(self.layout.use_lock(view.id), shared=True)
        assert held is not None
        manifest = self.layout.manifest(view.id)
        try:
            os.utime(manifest, ns=(time.time_ns(), manifest.stat().st_mtime_ns))
        except FileNotFoundError:
            held.release()
            return None
        return self.layout.view(view.id) / view.name, held

    def _fetch(self, store: Store, listing: _Listing, progress: Progress) -> View:
        view = listing.view(store.root)
        if view.bytes > self.limit:
            raise TooLarge(
                f"{store.root}/{listing.key}: {view.bytes / 2**20:,.1f} MiB do not fit into the cache of "
                f"{self.limit / 2**20:,.1f} MiB",
                hint="stream it: cloudml.data[name].stream(...); or raise CLOUDML_CACHE_LIMIT",
            )
        in_use = acquire(self.layout.use_lock(view.id), shared=True)
        assert in_use is not None
        try:
            with locked(self.layout.view_lock(view.id)):
                self._complete(store, view, listing, progress)
        finally:
            in_use.release()
        return view

    def _complete(self, store: Store, view: View, listing: _Listing, progress: Progress) -> None:
        """Fetch and link what the view lacks (all of it, or what somebody changed), then say that it is whole."""
        manifest = self.layout.manifest(view.id)
        folder = self.layout.view(view.id)
        folder = folder / view.name if listing.is_folder else folder
        places = dict(landings(folder, (info.key for info in listing.infos), listing.strip))
        told = read_json(manifest)
        known: Mapping[str, Any] = told["files"] if isinstance(told, dict) else {}
        missing = []
        for info in listing.infos:
            if known.get(info.key, "never") == _stamp(places[info.key]):
                progress(info.size)
            else:
                missing.append(info)
        if not missing:
            return
        with disk_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        objects = Objects(self.layout, Space(self.layout, self.limit))
        _bring(objects, store, [(info, places[info.key]) for info in missing], progress)
        stamps = {key: _stamp(place) for key, place in places.items()}
        write_json(manifest, {"uri": f"{store.root}/{listing.key}", "files": stamps})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """What is to be fetched: an object, or all below a folder; ``strip`` is the part of their keys that goes."""

    key: str
    name: str
    strip: str
    infos: list[ObjectInfo]
    is_folder: bool

    def view(self, root: str) -> View:
        """Another one as soon as any object is another one."""
        told = (f"{info.key}\0{info.etag}\0{info.size}" for info in self.infos)
        return View(
            id=identity(root, self.strip, self.name, *told),
            name=self.name,
            files=len(self.infos),
            bytes=sum(info.size for info in self.infos),
        )


def _listed(store: Store, key: str) -> _Listing:
    name = key.rstrip("/").rpartition("/")[2] or "data"
    if key and not key.endswith("/"):
        try:
            infos = [store.stat(key)]
        except (NotFound, BadInput):
            key += "/"
        else:
            strip = key[: len(key) - len(name)]
            return _Listing(key=key, name=name, strip=strip, infos=infos, is_folder=False)
    infos = [info for info in store.walk(key) if not info.key.endswith("/")]
    if not infos:
        raise NotFound(
            f"{store.root}/{key.rstrip('/')}: there is neither such an object nor anything below it",
            hint="see the names there with: jupyter cloudml data ls",
        )
    return _Listing(key=key, name=name, strip=key, infos=infos, is_folder=True)


def _bring(objects: Objects, store: Store, wanted: Wanted, progress: Progress) -> None:
    """Put every object to its place: small ones together, large ones side by side."""
    large: Wanted = []
    small: Wanted = []
    for info, target in wanted:
        if objects.take(store.root, info, target):
            progress(info.size)
        else:
            (small if info.size <= _SMALL_BYTES else large).append((info, target))
    if len(small) == 1:
        large.append(small.pop())
    for batch in _batches(small):
        objects.fetch_many(store, batch, progress)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(objects.fetch, store, *each, progress) for each in large]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _batches(wanted: Wanted) -> Iterator[Wanted]:
    batch: Wanted = []
    size = 0
    for info, target in wanted:
        if batch and size + info.size > _TOGETHER_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((info, target))
        size += info.size
    if batch:
        yield batch


def _stamp(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _one_at_a_time(progress: Progress | None) -> Progress:
    lock = threading.Lock()

    def told(moved: int) -> None:
        if progress is not None:
            with lock:
                progress(moved)

    return told
