"""Which shards lie under a URI, and the units in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.errors import BadInput, NotFound, NotInstalled
from ..stores.open import open_store
from . import formats
from .known import Known
from .shards import Found, Shard, Unit

if TYPE_CHECKING:
    from ..stores.port import ObjectInfo, Store

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What a stream reads: everything that its workers must know, and nothing that holds a connection."""

    uri: str
    format: str
    shards: tuple[Shard, ...]
    units: tuple[Unit, ...]

    @property
    def rows(self) -> list[int]:
        return [unit.rows for unit in self.units]

    @property
    def fingerprint(self) -> str:
        """Changes when a shard is added, removed or written anew."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(f"{shard.key}\0{shard.etag}\0{shard.size}\n".encode())
        digest.update(repr([(unit.shard, unit.rows) for unit in self.units]).encode())
        return digest.hexdigest()[:16]


def scan(
    uri: str, columns: Sequence[str] | None, wanted: str | None, store: Store | None = None
) -> Index:
    """The shards under ``uri`` in key order: one object, or everything below a folder or prefix.

    Raises:
        BadInput: nothing there is of a known format, formats are mixed, or shards differ in their columns.
        NotFound: there is nothing at all.
    """
    opened, key = open_store(uri)
    store = store or opened
    infos = _objects(store, key, uri)
    name, infos = _of_one_format(infos, uri, wanted)
    try:
        how = formats.named(name)
    except ImportError as exc:
        raise NotInstalled(
            f"streaming {name} needs {exc.name}", hint=f"pip install {exc.name}"
        ) from exc
    known = Known.here() if getattr(how, "IS_READ_THROUGH", False) else None

    def look(numbered: tuple[int, ObjectInfo]) -> Found:
        number, info = numbered
        found = known.get(store.root, info, number) if known else None
        if found is None:
            found = how.find(store, info, number, columns)
            if known:
                known.put(store.root, info, found)
        return found

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(look, enumerate(infos)))
    _alike(infos, found, store.root)
    shards = tuple(
        Shard(key=info.key, size=info.size, etag=info.etag, header=one.header)
        for info, one in zip(infos, found, strict=True)
    )
    units = tuple(unit for one in found for unit in one.units if unit.rows)
    if not units:
        raise BadInput(f"{uri}: its {len(shards)} {name} shards hold no sample")
    return Index(uri=uri, format=name, shards=shards, units=units)


def _objects(store: Store, key: str, uri: str) -> list[ObjectInfo]:
    """The object of that key, else what lies below it as a folder."""
    if key and not key.endswith("/"):
        try:
            return [store.stat(key)]
        except (NotFound, BadInput):
            key += "/"  # a directory of the file system is no object
    found = list(store.walk(key))
    if not found:
        raise NotFound(f"{uri}: there is nothing", hint="name an object, or a folder of shards")
    return found


def _of_one_format(
    infos: list[ObjectInfo], uri: str, wanted: str | None
) -> tuple[str, list[ObjectInfo]]:
    if wanted is not None and len(infos) == 1:
        return wanted, infos
    by_format: dict[str, list[ObjectInfo]] = {}
    for info in infos:
        name = formats.of_key(info.key)
        if name is not None and wanted in (None, name):
            by_format.setdefault(name, []).append(info)
    if not by_format:
        raise BadInput(
            f"{uri}: {infos[0].key!r} is of no format that streams",
            hint="shards are " + ", ".join(formats.SUFFIXES) + "; or say format=",
        )
    if len(by_format) > 1:
        raise BadInput(
            f"{uri} has shards of several formats: {', '.join(sorted(by_format))}",
            hint="say which with format=",
        )
    return next(iter(by_format.items()))


def _alike(infos: list[ObjectInfo], found: list[Found], root: str) -> None:
    first = found[0].schema
    for info, one in zip(infos, found, strict=True):
        if one.schema != first:
            theirs, ours = dict(one.schema or ()), dict(first or ())
            name = next(n for n in {**ours, **theirs} if ours.get(n) != theirs.get(n))
            raise BadInput(
                f"column {name!r} is {theirs.get(name, 'missing')} in {root}/{info.key} and "
                f"{ours.get(name, 'missing')} in {infos[0].key!r}",
                hint="write all shards alike, or choose other columns=",
            )
