"""The cache of this user and machine, as jobs use it."""

from __future__ import annotations

import os
from pathlib import Path

from ...core.errors import Unavailable
from ..aside import aside
from ..open import open_store
from ..port import Progress
from .locks import Held
from .root import cache_limit, cache_root
from .views import Cache, View

_held: dict[str, tuple[Path, Held]] = {}
"""The views that this process uses, to its end."""

_TRIES = 5


def here() -> Cache:
    """The cache that the environment names, else this user's."""
    root = cache_root(os.environ)
    return Cache.at(root, cache_limit(os.environ, root))


def local_copy(uri: str, *, progress: Progress | None = None) -> Path:
    """The path of a copy of what ``uri`` names (an object, or all below a folder), as it is in the store now.

    It stays there until this process ends. Copies are for reading. Safe from many processes at once.

    Raises:
        NotFound, TooLarge, Unavailable and what else the store raises.
    """
    cache = here()
    for _ in range(_TRIES):
        view = aside(uri, fetch, uri, progress=progress)
        if view.id in _held:
            return _held[view.id][0]
        held = cache.hold(view)
        if held is not None:
            _held[view.id] = held
            return held[0]
    raise Unavailable(
        f"the copy of {uri} is evicted again and again: the cache is too small for all that use it",
        hint="raise CLOUDML_CACHE_LIMIT, or stream: cloudml.data[name].stream(...)",
    )


def fetch(uri: str, *, progress: Progress | None = None) -> View:
    """``Cache.fetch`` of a URI."""
    store, key = open_store(uri)
    return here().fetch(store, key, progress)
