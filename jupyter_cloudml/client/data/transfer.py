"""Copying and removing: planned first, so that a surface can say what would happen, then done with progress."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ...core.errors import BadInput, NotFound, PermissionDenied
from ...core.uris import join_uri, local_path
from ...stores.disk import disk_error, disk_errors, landings
from ...stores.open import open_store
from ...stores.port import ObjectInfo, Progress, Store
from ...stores.transfer.checksums import fits
from .access import refuse_link
from .names import Item, folder_of, found, is_pattern, matching, require_object

_SMALL = 8 << 20
_BATCH = 1000
_BLOCK = 1 << 20
_FILES = "file://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One object to copy. ``rest`` is the part of the key that stays the same on both sides."""

    source: Item
    info: ObjectInfo
    target: Store
    key: str
    rest: str
    replaces: bool = False

    @property
    def uri(self) -> str:
        return join_uri(self.target.root, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a copy would do; ``there`` counts the objects that are on the other side already, as large and not older."""

    copies: tuple[Copy, ...]
    there: int = 0

    @property
    def bytes(self) -> int:
        return sum(copy.info.size for copy in self.copies)

    @property
    def replaced(self) -> int:
        return sum(copy.replaces for copy in self.copies)


def plan_copy(
    sources: Sequence[str], target: str, *, recursive: bool = False, force: bool = False
) -> Plan:
    """What copying ``sources`` (objects, patterns, with ``recursive`` prefixes) to ``target`` takes. Moves nothing.

    A prefix's content comes to lie directly below ``target``; of several objects each under its own name. What is there
    already is left out of them, unless ``force``: so that a repeated copy goes on where the last one stopped.

    Raises:
        NotFound: a source is not there.
        BadInput: a prefix without ``recursive``, two sources for one name or one file, or a key that would leave ``target``.
    """
    store, key = open_store(target)
    many = recursive or len(sources) > 1 or any(is_pattern(text) for text in sources)
    into = many or not key or key.endswith("/") or _is_folder(store, key)
    if into and key and not key.endswith("/"):
        key += "/"
    copies: dict[str, Copy] = {}
    for item, info, rest in _objects(sources, recursive):
        name = key + rest if into else key
        if name in copies:
            raise BadInput(f"{copies[name].source.uri} and {item.uri} would both become {name!r}")
        tail = rest if into else ""
        copies[name] = Copy(source=item, info=info, target=store, key=name, rest=tail)
    if store.root == _FILES and into:
        landings(_path(key), (copy.rest for copy in copies.values()))
    for copy in copies.values():
        if (copy.source.store.root, copy.source.key) == (store.root, copy.key):
            raise BadInput(f"{copy.uri} would be copied to itself")
    return _against(list(copies.values()), store, key, is_many=many, force=force)


def _objects(sources: Iterable[str], recursive: bool) -> Iterator[tuple[Item, ObjectInfo, str]]:
    """Every object that is meant, with the name that it keeps on the other side."""
    for text in sources:
        for item in matching(text) if is_pattern(text) else [found(text)]:
            if item.info is not None:
                yield item, item.info, item.name
            elif not recursive:
                raise BadInput(f"{item.uri} is a folder", hint="-r takes what is below it")
            else:
                # what a pattern matched keeps its own name, a prefix that was named does not
                cut = len(item.key) - (len(item.name) if is_pattern(text) else 0)
                for info in item.store.walk(item.key):
                    if not info.key.endswith("/"):
                        yield Item(store=item.store, key=info.key, info=info), info, info.key[cut:]


def _against(copies: list[Copy], store: Store, prefix: str, *, is_many: bool, force: bool) -> Plan:
    """Leave out what is there already."""
    if not is_many:
        return Plan(copies=tuple(copies))
    there = {info.key: info for info in store.walk(prefix)}
    left: list[Copy] = []
    for copy in copies:
        other = there.get(copy.key)
        if other is None or force or not _is_there(copy, other):
            left.append(replace(copy, replaces=other is not None))
    return Plan(copies=tuple(left), there=len(copies) - len(left))


def _is_there(copy: Copy, other: ObjectInfo) -> bool:
    """Whether ``other``, which has its name, is what would be copied: as large, and not older.

    Stores tell whole seconds. Of a file that was sent in the second in which it was written they tell one that is
    earlier than the file's own time, and the checksum decides.
    """
    if other.size != copy.info.size:
        return False
    age = copy.info.modified - other.modified
    if age <= timedelta(0):
        return True
    if age >= timedelta(seconds=1) or copy.source.store.root != _FILES:
        return False
    path = _path(copy.source.key)
    with disk_errors(path), path.open("rb") as file:
        blocks = iter(lambda: file.read(_BLOCK), b"")
        return fits(_checksum(copy), blocks) is True


def _checksum(copy: Copy) -> str | None:
    """That of what has its name; None where it went meanwhile, or nobody may look."""
    try:
        return copy.target.stat(copy.key).checksum
    except (NotFound, PermissionDenied):
        return None


def run_copy(plan: Plan, progress: Progress | None = None) -> None:
    """Do it. Every object appears whole or not at all; after an error what has arrived stays, and a repeat goes on.

    Raises:
        CloudMLError: what the stores say; nothing more is begun.
    """
    small = [copy for copy in plan.copies if copy.info.size <= _SMALL and copy.rest]
    large = [copy for copy in plan.copies if copy.info.size > _SMALL or not copy.rest]
    for group in _groups(small):
        _copy_small(group, progress)
    for copy in large:
        _copy_one(copy, progress)


def _groups(copies: Sequence[Copy]) -> Iterator[list[Copy]]:
    """Those that one call can move: the same stores, and the same prefixes on both sides."""
    groups: dict[tuple[str, str, str, str], list[Copy]] = {}
    for copy in copies:
        strip = copy.source.key[: -len(copy.rest)]
        above = copy.key[: -len(copy.rest)]
        root = copy.source.store.root
        groups.setdefault((root, strip, copy.target.root, above), []).append(copy)
    yield from groups.values()


def _copy_small(group: list[Copy], progress: Progress | None) -> None:
    first = group[0]
    source, target = first.source.store, first.target
    if source.root == target.root:
        for copy in group:
            _copy_one(copy, progress)
    elif target.root == _FILES:
        strip = first.source.key[: -len(first.rest)]
        folder = Path("/") / first.key[: -len(first.rest)]
        keys = [copy.source.key for copy in group]
        source.get_many(keys, folder, strip=strip, progress=progress)
    elif source.root == _FILES:
        files: dict[str, Path | bytes] = {copy.key: _path(copy.source.key) for copy in group}
        target.put_many(files, progress=progress)
    else:
        for copy in group:
            _copy_one(copy, progress)


def _copy_one(copy: Copy, progress: Progress | None) -> None:
    source, target = copy.source.store, copy.target
    if source.root == target.root:
        source.copy(copy.source.key, copy.key)
        if progress is not None:
            progress(copy.info.size)
    elif target.root == _FILES:
        source.get(copy.source.key, _path(copy.key), progress=progress)
    elif source.root == _FILES:
        target.put(copy.key, _path(copy.source.key), progress=progress)
    else:
        with tempfile.TemporaryDirectory(prefix="cloudml-copy-") as folder:
            path = Path(folder) / "object"
            source.get(copy.source.key, path)
            target.put(copy.key, path, progress=progress)


def _path(key: str) -> Path:
    return Path("/") / key


def _is_folder(store: Store, key: str) -> bool:
    return store.root == _FILES and _path(key).is_dir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What would go: the objects, and the prefixes that they were found below."""

    objects: tuple[Item, ...]
    prefixes: tuple[Item, ...] = ()
    is_bulk: bool = False
    """Whether more may go than was named one by one: a surface asks first."""

    @property
    def bytes(self) -> int:
        return sum(item.info.size for item in self.objects if item.info)


def plan_removal(texts: Sequence[str], *, recursive: bool = False) -> Removal:
    """What removing ``texts`` (objects, patterns, with ``recursive`` prefixes) takes. Removes nothing.

    Raises:
        NotFound: one is not there.
        BadInput: a prefix without ``recursive``, a whole bucket or file system, or a link to a folder.
    """
    objects: dict[str, Item] = {}
    prefixes: list[Item] = []
    for text in texts:
        for item in _matching_no_link(text) if is_pattern(text) else [found(text)]:
            if item.info is not None or not recursive:
                require_object(item, "rm without -r")
                objects[item.uri] = item
                continue
            if not item.key.strip("/"):
                raise BadInput(f"{item.uri} is everything there is", hint="name a prefix below it")
            prefixes.append(item)
            for info in _all_below(item):
                one = Item(store=item.store, key=info.key, info=info)
                objects[one.uri] = one
    is_bulk = bool(prefixes) or any(is_pattern(text) for text in texts)
    return Removal(objects=tuple(objects.values()), prefixes=tuple(prefixes), is_bulk=is_bulk)


def _matching_no_link(text: str) -> Iterator[Item]:
    """What a pattern matches, without what ``**`` finds behind a link to a folder."""
    top = folder_of(text) or "./"
    for item in matching(text):
        if item.store.root == _FILES:
            start = local_path(top)
            inner = _path(item.key.rstrip("/")).relative_to(start).parents
            if any((start / part).is_symlink() for part in inner if part.parts):
                continue
        yield item


def _all_below(item: Item) -> Iterator[ObjectInfo]:
    """What goes with a prefix. Of a folder every file and link below it, and nothing that a link leads to.

    Raises:
        BadInput: the folder itself is a link.
    """
    if item.store.root != _FILES:
        yield from item.store.walk(item.key)
        return
    top = _path(item.key.rstrip("/"))
    refuse_link(top)
    for above, folders, names in os.walk(top, onerror=_refuse):
        links = [name for name in folders if Path(above, name).is_symlink()]
        for path in (Path(above, name) for name in sorted([*names, *links])):
            with disk_errors(path):
                status = path.lstat()
            modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
            key = path.as_posix().lstrip("/")
            yield ObjectInfo(key=key, size=status.st_size, etag="", modified=modified)


def _refuse(exc: OSError) -> None:
    raise disk_error(exc.filename, exc) from exc


def run_removal(removal: Removal, progress: Progress | None = None) -> int:
    """Remove it; how many objects are gone. ``progress`` counts objects. Folders of files go with what was in them."""
    by_root: dict[str, list[Item]] = {}
    for item in removal.objects:
        by_root.setdefault(item.store.root, []).append(item)
    gone = 0
    for items in by_root.values():
        for start in range(0, len(items), _BATCH):
            keys = [item.key for item in items[start : start + _BATCH]]
            gone += items[0].store.delete(keys)
            if progress is not None:
                progress(len(keys))
    for prefix in removal.prefixes:
        if prefix.store.root == _FILES:
            _remove_empty(_path(prefix.key))
    return gone


def _remove_empty(folder: Path) -> None:
    """Folders below which nothing is left. Never follows a link."""
    if folder.is_symlink():
        return
    for child in [child for child in folder.iterdir() if child.is_dir()]:
        _remove_empty(child)
    with contextlib.suppress(OSError):
        folder.rmdir()
