"""Our stores as a file system that DuckDB and Arrow read through (fsspec's interface, ranged reads of the port)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from ...core.uris import join_uri
from ...stores.open import open_store
from ...stores.port import ObjectInfo, Store

PROTOCOL = "cloudml"
_BLOCK = 4 << 20


def mounted(uri: str) -> str:
    """The name that ``uri`` has in the file system: ``cloudml://s3/bucket/key``."""
    return f"{PROTOCOL}://{uri.replace('://', '/', 1)}"


def _unmounted(path: str) -> str:
    scheme, _, rest = path.removeprefix(f"{PROTOCOL}://").lstrip("/").partition("/")
    return f"{scheme}://{rest}"


@lru_cache(maxsize=1)
def _class() -> Any:
    import fsspec

    class StoreFileSystem(fsspec.AbstractFileSystem):  # type: ignore[misc]
        """Read-only. Stores are opened once for each bucket; nothing is cached beyond the block in hand."""

        protocol = PROTOCOL
        cachable = False

        def __init__(self) -> None:
            super().__init__()
            self._stores: dict[str, Store] = {}

        def _store(self, path: str) -> tuple[Store, str]:
            store, key = open_store(_unmounted(path))
            return self._stores.setdefault(store.root, store), key

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            store, key = self._store(path)
            return _entry(store, store.stat(key))

        def modified(self, path: str) -> datetime:
            store, key = self._store(path)
            return store.stat(key).modified

        def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
            store, key = self._store(path)
            found = [_entry(store, info) for info in store.walk(key)]
            return found if detail else [entry["name"] for entry in found]

        def glob(self, path: str, **_: Any) -> list[str]:
            """Names are listed before they get here: a path stands for itself."""
            return [path]

        def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
            store, key = self._store(path)
            return _file(self, path, store, store.stat(key), mode)

    return StoreFileSystem


def store_files() -> Any:
    """The file system; talks to nobody before its first use."""
    return _class()()


def _entry(store: Store, info: ObjectInfo) -> dict[str, Any]:
    name = mounted(join_uri(store.root, info.key))
    return {"name": name, "size": info.size, "type": "file", "ETag": info.etag}


def _file(files: Any, path: str, store: Store, info: ObjectInfo, mode: str) -> Any:
    from fsspec.spec import AbstractBufferedFile

    class StoreFile(AbstractBufferedFile):  # type: ignore[misc]
        """One object; a change of it while it is read is a Conflict, not a mixture."""

        def _fetch_range(self, start: int, end: int) -> bytes:
            return store.read(info.key, start, end - start, if_match=info.etag)

    return StoreFile(files, path, mode, block_size=_BLOCK, cache_type="readahead", size=info.size)
