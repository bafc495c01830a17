"""One request and the answer to it, apart from sockets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(kw_only=True)
class Request:
    """``headers`` have lower-case names; ``body`` can be read once."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Iterator[bytes]

    @cached_property
    def path(self) -> str:
        """Still percent-encoded."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]

    def all(self) -> bytes:
        return b"".join(self.body)


@dataclass(kw_only=True)
class Answer:
    """``length`` is given when ``body`` is not bytes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    length: int | None = None

    @property
    def size(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.length or 0
