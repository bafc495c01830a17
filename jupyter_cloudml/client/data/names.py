"""Names of data as people write them: a path or URI, with ``*``, ``?``, ``[…]`` in it or ``**`` for any depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from ...core.errors import BadInput, NotFound
from ...core.uris import join_uri
from ...stores.open import open_store
from ...stores.port import ObjectInfo, Page, Store

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object, or a prefix (its key ends with a slash and ``info`` is None)."""

    store: Store
    key: str
    info: ObjectInfo | None

    @property
    def uri(self) -> str:
        return join_uri(self.store.root, self.key)

    @property
    def shown(self) -> str:
        """As people read it: the path of a file, else the URI."""
        return f"/{self.key}" if self.store.root == "file://" else self.uri

    @property
    def name(self) -> str:
        """The last part of the key; a prefix keeps its slash."""
        head = self.key.rstrip("/").rpartition("/")[2]
        return head + ("/" if self.key.endswith("/") else "")

    def require(self) -> ObjectInfo:
        """What is known of the object. Raises ``BadInput`` for a prefix."""
        if self.info is None:
            raise BadInput(f"{self.uri} is a folder", hint="name an object below it")
        return self.info

    def to_json(self) -> dict[str, object]:
        """As listings are told: ``size`` in bytes, ``modified`` in ISO 8601; both null for a prefix."""
        info = self.info
        return {
            "uri": self.uri,
            "name": self.name,
            "is_prefix": info is None,
            "size": info.size if info else None,
            "modified": info.modified.isoformat() if info else None,
            "etag": info.etag if info else None,
        }


def is_pattern(text: str) -> bool:
    return bool(_WILD.search(text))


def found(text: str) -> Item:
    """The object that ``text`` names, or else the prefix.

    Raises:
        NotFound: neither is there.
    """
    store, key = open_store(text)
    if key and not key.endswith("/"):
        try:
            return Item(store=store, key=key, info=store.stat(key))
        except NotFound:
            if not has_any(store, key + "/"):
                raise
    prefix = key if not key or key.endswith("/") else key + "/"
    if store.root == "file://":
        if not Path("/", prefix).is_dir():
            raise NotFound(f"there is no file or folder {'/' + prefix!r}")
    elif prefix and not has_any(store, prefix):
        raise NotFound(f"there is nothing below {text!r}", hint=_ls(store, prefix))
    return Item(store=store, key=prefix, info=None)


def has_any(store: Store, prefix: str) -> bool:
    page = store.list(prefix, limit=1)
    return bool(page.objects or page.prefixes)


def matching(text: str) -> Iterator[Item]:
    """What the pattern ``text`` matches, in key order within each prefix. Nothing is fetched beyond what is consumed.

    Raises:
        NotFound: nothing does.
    """
    above = folder_of(text)
    store, prefix = open_store(above or "./")
    count = 0
    for item in _matching(store, prefix, text[len(above) :].split("/")):
        count += 1
        yield item
    if not count:
        raise NotFound(f"nothing matches {text!r}", hint=_ls(store, prefix))


def folder_of(pattern: str) -> str:
    """What is before the first part of ``pattern`` that has a wildcard, with its slash; empty where nothing is."""
    at = _WILD.search(pattern)
    return pattern[: pattern.rfind("/", 0, at.start()) + 1] if at else ""


def _matching(store: Store, prefix: str, words: list[str]) -> Iterator[Item]:
    word, rest = words[0], words[1:]
    if word == "**":
        pattern = re.compile("/".join(translate(w)[4:-3] for w in rest) or ".*")
        for info in store.walk(prefix):
            names = info.key[len(prefix) :].split("/")
            tails = ("/".join(names[i:]) for i in range(len(names)))
            if any(pattern.fullmatch(tail) for tail in tails):
                yield Item(store=store, key=info.key, info=info)
        return
    fits = re.compile(translate(word))
    begin = _WILD.split(word, maxsplit=1)[0]
    for page in pages(store, prefix + begin):
        if len(rest) == 0 or rest == [""]:
            yield from (
                Item(store=store, key=info.key, info=info)
                for info in page.objects
                if not rest and fits.match(info.key[len(prefix) :])
            )
        for key in page.prefixes:
            if not fits.match(key[len(prefix) : -1]):
                continue
            if not rest or rest == [""]:
                yield Item(store=store, key=key, info=None)
            else:
                yield from _matching(store, key, rest)


def pages(store: Store, prefix: str) -> Iterator[Page]:
    """The listing directly below ``prefix``, page by page."""
    token: str | None = None
    while True:
        page = store.list(prefix, token=token)
        yield page
        token = page.next
        if token is None:
            return


def below(store: Store, prefix: str) -> Iterator[Item]:
    """Prefixes and objects directly below ``prefix``; of each page the prefixes first."""
    for page in pages(store, prefix):
        yield from (Item(store=store, key=key, info=None) for key in page.prefixes)
        yield from (
            Item(store=store, key=info.key, info=info)
            for info in page.objects
            if info.key != prefix  # the empty object that some tools leave for a folder
        )


def _ls(store: Store, prefix: str) -> str:
    above = prefix.rstrip("/").rpartition("/")[0]
    return f"jupyter cloudml data ls {join_uri(store.root, above + '/' if above else '')}"


def require_object(item: Item, verb: str) -> ObjectInfo:
    """
    Raises:
        BadInput: it is a prefix.
    """
    if item.info is None:
        raise BadInput(
            f"{item.uri} is a folder", hint=f"{verb} takes objects: name one, or a pattern"
        )
    return item.info
