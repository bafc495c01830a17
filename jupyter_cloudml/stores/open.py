"""From a URI to the store and the key that it means.

Backend authors: a package that brings a store declares it in its own ``pyproject.toml``::

    [project.entry-points."jupyter_cloudml.stores"]
    myscheme = "my_package.store:MyStore"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from ..core.config_files import did_you_mean
from ..core.errors import BadInput, NotInstalled
from ..core.uris import scheme_of, split_uri
from .config import StoreOptions, StoresConfig, load_stores
from .port import Store

GROUP = "jupyter_cloudml.stores"
BUILT_IN = {
    scheme: EntryPoint(scheme, f"jupyter_cloudml.stores.{where}", GROUP)
    for scheme, where in {
        "file": "file.store:FileStore",
        "gs": "gcs.store:GcsStore",
        "az": "azure.store:AzureStore",
        "s3": "s3.store:S3Store",
    }.items()
}


class StoreClass(Protocol):
    """What stands behind a scheme."""

    def from_options(self, root: str, options: StoreOptions) -> Store:
        """The store of ``root``. Talks to nobody. Raises ``BadInput``, ``NotInstalled``."""
        ...

    def engine_options(self, root: str, options: StoreOptions) -> dict[str, str]:
        """What an engine that reads by itself must be told, in the words of Polars' ``storage_options``: endpoint,
        region and credentials, of the same chain as the store's own. They are secrets."""
        ...


def open_store(uri: str, *, config: StoresConfig | None = None) -> tuple[Store, str]:
    """The store and the key that ``uri`` names. Talks to nobody; ``config`` None reads ``cloudml.toml`` here.

    Raises:
        BadInput: no such scheme, no bucket, a wrong option.
        NotInstalled: the scheme's package is missing; the hint is the pip line.
    """
    root, key = split_uri(uri)
    return _load(uri).from_options(root, _options(uri, config)), key


def storage_options(uri: str, *, config: StoresConfig | None = None) -> dict[str, str]:
    """``storage_options`` for Polars and its like to read ``uri``; empty for files. Holds secrets: never log it."""
    root, _ = split_uri(uri)
    return _load(uri).engine_options(root, _options(uri, config))


def schemes() -> dict[str, EntryPoint]:
    """Every scheme and where its class is; imports none of them. One of ours wins over a plug-in's."""
    return {**{point.name: point for point in entry_points(group=GROUP)}, **BUILT_IN}


def _options(uri: str, config: StoresConfig | None) -> StoreOptions:
    return (load_stores(Path.cwd()) if config is None else config).options_for(uri)


def _load(uri: str) -> StoreClass:
    scheme = scheme_of(uri)
    point = BUILT_IN.get(scheme) or schemes().get(scheme)
    if point is None:
        hint = did_you_mean(scheme, schemes())
        raise BadInput(f"{uri!r}: there is no store {scheme}://", hint=hint)
    try:
        found: StoreClass = point.load()
    except ImportError as exc:
        raise NotInstalled(
            f"stores of {scheme}:// cannot be loaded: {exc}", hint="install what it imports"
        ) from exc
    return found
