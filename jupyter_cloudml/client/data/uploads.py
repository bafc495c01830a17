"""An object that arrives in pieces: kept in a file until it is whole, then stored at once."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from ...core.errors import BadInput, Conflict, NotFound
from ...stores.disk import disk_errors
from ...stores.port import Store
from .access import Access
from .names import Item

_STALE_S = 86_400


class Upload:
    """``begin``, then ``write`` every piece, then ``store``; ``close`` in any case. One thread at a time."""

    def __init__(
        self, store: Store, key: str, path: Path, file: IO[bytes], *, may_replace: bool
    ) -> None:
        self._store, self._key, self._path, self._file = store, key, path, file
        self._may_replace = may_replace

    @classmethod
    def begin(cls, access: Access, uri: str, folder: Path, *, may_replace: bool) -> Upload:
        """An upload to ``uri`` whose bytes gather in ``folder``.

        Raises:
            PermissionDenied, BadInput: there is no way to store it there.
            Conflict: it is there already, and ``may_replace`` is not said.
        """
        store, key = access.open(uri)
        if not key or key.endswith("/"):
            raise BadInput(f"{uri!r} is a folder", hint="name the object")
        if not may_replace and _is_there(store, key):
            raise Conflict(f"{uri!r} is there already", hint="replace it, or take another name")
        with disk_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _tidy(folder)
            number, name = tempfile.mkstemp(dir=folder)
        return cls(store, key, Path(name), os.fdopen(number, "wb"), may_replace=may_replace)

    def write(self, data: bytes) -> None:
        with disk_errors(self._path):
            self._file.write(data)

    def store(self) -> dict[str, Any]:
        """Put the object where it belongs.

        Raises:
            Conflict: somebody else stored one of that name meanwhile, and it may not be replaced.
        """
        with disk_errors(self._path):
            self._file.close()
        info = self._store.put(self._key, self._path, if_absent=not self._may_replace)
        return Item(store=self._store, key=self._key, info=info).to_json()

    def close(self) -> None:
        """Forget what has arrived. Safe to repeat."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def _is_there(store: Store, key: str) -> bool:
    try:
        store.stat(key)
    except NotFound:
        return False
    return True


def _tidy(folder: Path) -> None:
    """Remove what servers that were killed have left."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()
