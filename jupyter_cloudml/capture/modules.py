"""Modules of the user's own, outside site-packages and the standard library, as files to carry."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from ..core.installed import is_installed

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "build", "dist"})
_NEVER = frozenset({"__main__", "__mp_main__", "builtins", "jupyter_cloudml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFile:
    """One file, at ``path`` below the folder that belongs on ``sys.path`` (posix separators)."""

    path: str
    source: Path
    size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModule:
    """A top-level module or a whole package; ``digest`` changes when any of its files does."""

    name: str
    files: tuple[ModuleFile, ...]
    digest: str


def modules(
    imports: Iterable[str],
    *,
    loaded: Mapping[str, ModuleType] | None = None,
    path: list[str] | None = None,
    exclude: Collection[str] = (),
) -> dict[str, LocalModule]:
    """The local modules among ``imports`` (not yet imported ones too) and ``loaded`` (``sys.modules``).

    Reads files, imports nothing. A package comes whole, without hidden files and caches; modules that
    only exist in memory, come with Python or were installed are left out.
    """
    loaded = sys.modules if loaded is None else loaded
    tops = {name.partition(".")[0] for name in (*imports, *loaded)} - _NEVER - set(exclude) - {""}
    tops -= sys.stdlib_module_names
    found = {name: _origin(name, loaded, path) for name in sorted(tops)}
    return {
        name: _local_module(name, origin)
        for name, origin in found.items()
        if origin is not None and not is_installed(str(origin))
    }


def _origin(name: str, loaded: Mapping[str, ModuleType], path: list[str] | None) -> Path | None:
    """The module's file, or a package's folder; None when it has neither."""
    module = loaded.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        folders = list(getattr(module, "__path__", None) or ())
    else:
        spec = PathFinder.find_spec(name, path)
        file = spec.origin if spec else None
        folders = list(spec.submodule_search_locations or ()) if spec else []
    origin = folders[0] if folders else file
    if not isinstance(origin, str):
        return None
    resolved = Path(origin).resolve()
    return resolved if resolved.exists() else None


def _local_module(name: str, origin: Path) -> LocalModule:
    root = origin.parent
    paths = [origin] if origin.is_file() else sorted(_package_files(origin))
    files = tuple(_module_file(file, root) for file in paths)
    whole = hashlib.blake2b(digest_size=16)
    for file in files:
        whole.update(f"{file.path}\0{file.digest}\n".encode())
    return LocalModule(name=name, files=files, digest=f"b2-{whole.hexdigest()}")


def _package_files(folder: Path) -> Iterable[Path]:
    is_namespace = not (folder / "__init__.py").exists()
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name in _SKIPPED_FOLDERS:
            continue
        if entry.is_dir():
            yield from _package_files(entry)
        elif entry.is_file() and (not is_namespace or entry.suffix == ".py"):
            yield entry


def _module_file(file: Path, root: Path) -> ModuleFile:
    data = file.read_bytes()
    digest = f"b2-{hashlib.blake2b(data, digest_size=16).hexdigest()}"
    return ModuleFile(
        path=file.relative_to(root).as_posix(), source=file, size=len(data), digest=digest
    )
