"""What of the data a server shows: the configured stores, and the folder that it shows its user anyway. Nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.config_files import FILE_NAME
from ...core.errors import BadInput, NotFound, PermissionDenied
from ...core.uris import join_uri, local_path, scheme_of, split_uri
from ...stores.config import StoresConfig, load_stores
from ...stores.open import open_store
from ...stores.port import Store

FILES = "files"
"""What the server's own folder is called among the stores."""


@dataclass(frozen=True, slots=True)
class Access:
    """``root`` is the folder that the server shows, None where its files lie elsewhere."""

    root: Path | None
    stores: StoresConfig

    @classmethod
    def of(cls, root: Path | None) -> Access:
        """As ``cloudml.toml`` of the user and of the project around ``root`` says.

        Raises:
            BadInput: a file is wrong; the sentence names it.
        """
        return cls(root, load_stores(root or Path.cwd()))

    def places(self) -> dict[str, Any]:
        """The stores by name, the server's folder last, and the file to name more in."""
        named = [
            {"name": name, "uri": _folder(options.uri), "kind": scheme_of(options.uri)}
            for name, options in self.stores.stores.items()
        ]
        if self.root is not None:
            uri = self.root.resolve().as_uri() + "/"
            named.append({"name": FILES, "uri": uri, "kind": "file"})
        return {"stores": named, "config": str((self.root or Path.cwd()) / FILE_NAME)}

    def open(self, uri: str) -> tuple[Store, str]:
        """The store and the key of ``uri``.

        Raises:
            PermissionDenied: it lies in no configured store and not in the server's folder, every link followed.
        """
        if "\0" in uri or not uri:
            raise BadInput(f"{uri!r} is no URI")
        if scheme_of(uri) == "file":
            return self._open_file(uri)
        root, key = split_uri(uri)
        if not {".", ".."}.isdisjoint(key.split("/")):  # HTTP clients and stores may resolve them
            raise BadInput(f"{uri!r} has '.' or '..' in its key", hint="write the key without them")
        plain = join_uri(root, key)
        above = (_folder(options.uri) for options in self.stores.stores.values())
        if not any(f"{plain}/".startswith(root) for root in above):
            raise self._elsewhere(uri)
        return open_store(uri, config=self.stores)

    def _open_file(self, uri: str) -> tuple[Store, str]:
        path = local_path(uri)
        try:
            real = path.resolve()
        except (OSError, RuntimeError) as exc:
            raise BadInput(f"{uri!r} is no path") from exc
        configured = [
            local_path(options.uri).resolve()
            for options in self.stores.stores.values()
            if scheme_of(options.uri) == "file"
        ]
        if not any(real.is_relative_to(root) for root in configured):
            if self.root is None or not real.is_relative_to(self.root.resolve()):
                raise self._elsewhere(uri)
            if is_hidden(real.relative_to(self.root.resolve()).as_posix()):
                raise NotFound(f"there is nothing to show at {uri!r}", hint="it is a hidden file")
        slash = "/" if uri.endswith("/") else ""
        return open_store(real.as_uri() + slash, config=self.stores)

    def _elsewhere(self, uri: str) -> PermissionDenied:
        hint = f"name it in {FILE_NAME}: [stores.NAME] and its uri"
        return PermissionDenied(f"{uri!r} lies in no configured store", hint=hint)


def refuse_link(path: Path) -> None:
    """What is removed is what was named.

    Raises:
        BadInput: ``path`` is a symbolic link.
    """
    if path.is_symlink():
        raise BadInput(f"{str(path)!r} is a link", hint=f"name what it leads to: {path.resolve()}")


def is_hidden(key: str) -> bool:
    return any(part.startswith(".") and part != "." for part in key.split("/"))


def _folder(uri: str) -> str:
    """A store's URI with a slash at its end, as its content begins."""
    return join_uri(*split_uri(uri)).rstrip("/") + "/"
