"""What the server tells of data: a page of a listing, one object, its head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import NotFound
from ...core.uris import local_path
from .access import Access, is_hidden, refuse_link
from .names import Item
from .preview import preview

MOST = 1000


def list_page(access: Access, uri: str, *, after: str, limit: int) -> dict[str, Any]:
    """At most ``limit`` objects and prefixes directly below ``uri``; ``next`` is what to list on ``after``.

    Hidden files and folders of a file system are left out, as JupyterLab leaves them out.
    """
    store, key = access.open(uri if uri.endswith("/") else f"{uri}/")
    page = store.list(key, limit=limit, token=after or None)
    items = [Item(store=store, key=prefix, info=None) for prefix in page.prefixes]
    items += [Item(store=store, key=o.key, info=o) for o in page.objects if o.key != key]
    is_file = store.root == "file://"
    shown = [i for i in items if not (is_file and is_hidden(i.key[len(key) :]))]
    if not items and not after and is_file and not Path("/", key).is_dir():
        raise NotFound(f"there is no folder {'/' + key!r}")
    return {"items": [_told(item) for item in shown], "next": page.next}


def head_of(access: Access, uri: str, rows: int) -> dict[str, Any]:
    """Schema and first rows of a table, or first lines of a text.

    Raises:
        BadInput: it is neither.
        Corrupt: it is not what its name says.
    """
    item = stat(access, uri)
    return {**_told(item), **preview(item.store, item.require(), rows).to_json()}


def stat(access: Access, uri: str) -> Item:
    """The object that ``uri`` names. Raises ``NotFound``."""
    store, key = access.open(uri)
    if not key or key.endswith("/"):
        raise NotFound(f"{uri!r} is a folder, not an object")
    return Item(store=store, key=key, info=store.stat(key))


def remove(access: Access, uri: str) -> dict[str, Any]:
    """Remove one object.

    Raises:
        NotFound: it is not there.
        BadInput: it is a symbolic link.
    """
    item = stat(access, uri)
    if item.store.root == "file://":
        refuse_link(local_path(uri))
    return {"removed": item.store.delete([item.key])}


def _told(item: Item) -> dict[str, Any]:
    is_file = item.store.root == "file://"
    return {**item.to_json(), "path": f"/{item.key}" if is_file else None}
