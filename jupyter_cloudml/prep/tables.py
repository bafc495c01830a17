"""What stands behind ``--source name=URI``: a file, a glob, a folder (with hive partitions), or a BigQuery table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.errors import BadInput, NotFound
from ..core.uris import join_uri, local_path, scheme_of
from ..stores.open import open_store
from ..stores.port import ObjectInfo, Store
from .formats import BIGQUERY, format_of

MANIFEST = "_cloudprep.json"
"""Lists the objects of a folder that ``%%cloudprep`` wrote into an object store; others in it are leftovers."""

_WILD = re.compile(r"[*?\[]")
_PARTITION = re.compile(r"(?:^|/)[^/=]+=[^/]*/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a table. ``etag`` changes when its bytes do."""

    uri: str
    size: int
    etag: str

    @property
    def place(self) -> str:
        """What an engine opens: a path where it is a file of this machine, else the URI."""
        return str(local_path(self.uri)) if scheme_of(self.uri) == "file" else self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A source, resolved: ``uri`` as it was written, ``format`` of all its files."""

    name: str
    uri: str
    format: str
    files: tuple[DataFile, ...] = ()
    is_partitioned: bool = False

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def places(self) -> list[str]:
        return [file.place for file in self.files]

    @property
    def patterns(self) -> list[str]:
        """The places for an engine that takes paths of this machine for patterns: each one matches itself alone."""
        if scheme_of(self.files[0].uri) != "file":
            return self.places
        return [_WILD.sub(r"[\g<0>]", place) for place in self.places]


def resolve(name: str, uri: str) -> Table:
    """The table that ``uri`` means now: its files with sizes and etags.

    Raises:
        NotFound: no such bucket, file or folder, or nothing matches the pattern.
        BadInput: a format that cannot be read, or files of several formats in one folder.
        PermissionDenied, Unavailable: as the store says.
    """
    if scheme_of(uri) == "bq":
        return Table(name=name, uri=uri, format=BIGQUERY)
    what = f"--source {name}={uri}"
    store, key = open_store(uri)
    found = [info for info in _objects(store, key, what) if info.size > 0]
    if not found:
        raise NotFound(
            f"{what}: there is no data in it", hint="jupyter cloudml data ls shows what is there"
        )
    formats = {format_of(info.key, what) for info in found}
    if len(formats) > 1:
        raise BadInput(
            f"{what}: its files are {' and '.join(sorted(formats))}",
            hint="name those of one format: a pattern like folder/*.parquet",
        )
    below = _fixed(key)
    return Table(
        name=name,
        uri=uri,
        format=formats.pop(),
        files=tuple(
            DataFile(uri=join_uri(store.root, info.key), size=info.size, etag=info.etag)
            for info in found
        ),
        is_partitioned=any(_PARTITION.search(info.key[len(below) :]) for info in found),
    )


def _objects(store: Store, key: str, what: str) -> list[ObjectInfo]:
    if _WILD.search(key):
        pattern = _regex(key)
        return [info for info in store.walk(_fixed(key)) if pattern.fullmatch(info.key)]
    if key and not key.endswith("/"):
        try:
            return [store.stat(key)]
        except (NotFound, BadInput):
            inside = list(_of_folder(store, f"{key}/"))
            if not inside:
                raise NotFound(
                    f"{what}: there is no such file or folder",
                    hint="jupyter cloudml data ls shows what is there",
                ) from None
            return inside
    return list(_of_folder(store, key))


def _of_folder(store: Store, prefix: str) -> Iterator[ObjectInfo]:
    """The data below a prefix: what the manifest lists where there is one, else all that is not hidden."""
    listed = _manifest(store, prefix)
    for info in store.walk(prefix):
        rest = info.key[len(prefix) :]
        if listed is not None:
            if rest in listed:
                yield info
        elif not any(part.startswith((".", "_")) for part in rest.split("/")):
            yield info


def _manifest(store: Store, prefix: str) -> frozenset[str] | None:
    if store.root == "file://":  # folders of files are exchanged as a whole
        return None
    try:
        told = json.loads(store.read(f"{prefix}{MANIFEST}"))
        return frozenset(told["files"])
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError) as exc:
        raise BadInput(
            f"{store.root}/{prefix}{MANIFEST} is no list of files",
            hint="delete it, or prepare again",
        ) from exc


def _fixed(key: str) -> str:
    """The part of a key before its first wildcard, up to the slash."""
    wild = _WILD.search(key)
    return key if wild is None else key[: key.rfind("/", 0, wild.start()) + 1]


def _regex(pattern: str) -> re.Pattern[str]:
    """``*`` and ``?`` stay inside a folder, ``**`` goes through all below."""
    out = ""
    for part in re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", pattern):
        if part.startswith("**"):
            out += "(?:.*/)?" if part.endswith("/") else ".*"
        elif part in ("*", "?"):
            out += "[^/]*" if part == "*" else "[^/]"
        elif part.startswith("["):
            out += part.replace("[!", "[^")
        else:
            out += re.escape(part)
    return re.compile(out)
