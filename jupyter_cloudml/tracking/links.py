"""The stores in use, one warm link for each URI, and what is known of their outages."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..core.errors import Unavailable
from .config import artifact_root
from .store import TrackingStore

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 10.0


class Link:
    """One tracking URI: its store while it answers, the time of the next try while it does not."""

    def __init__(self, uri: str, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.uri = uri
        self._home = home
        self._clock = clock
        self._store: TrackingStore | None = None
        self._delay_s = 0.0
        self._retry_at = 0.0
        self.error = ""

    def store(self) -> TrackingStore:
        """The store, opened when it is not.

        Raises:
            Unavailable: it does not answer, or did not lately: until the back-off is over nobody is asked.
            BadInput: its kind cannot be used at all.
        """
        if self.wait_s() > 0:
            raise Unavailable(self.error)
        if self._store is not None and not self._store.is_current():
            self.close()
        if self._store is None:
            self._store = TrackingStore(self.uri, artifact_root(self.uri, self._home))
        return self._store

    def wait_s(self) -> float:
        """Seconds until the next try; 0 when the store may be used now."""
        return max(0.0, self._retry_at - self._clock())

    def failed(self, exc: Unavailable) -> None:
        """The store did not answer: wait, twice as long as the last time."""
        self.error = exc.message
        self._delay_s = min(max(FIRST_DELAY_S, 2 * self._delay_s), MAX_DELAY_S)
        self._retry_at = self._clock() + self._delay_s

    def worked(self) -> None:
        """The store answers."""
        self._delay_s = self._retry_at = 0.0
        self.error = ""

    def close(self) -> None:
        """Let go of the store; a later `store` opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None


class Links:
    """The links by URI."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._links: dict[str, Link] = {}

    def __getitem__(self, uri: str) -> Link:
        if uri not in self._links:
            self._links[uri] = Link(uri, self._home)
        return self._links[uri]

    def close(self) -> None:
        """Let go of every store."""
        for link in self._links.values():
            link.close()

    def next_try_s(self) -> float | None:
        """Seconds until the next link that is down may be tried; None when none is down."""
        waits = [link.wait_s() for link in self._links.values() if link.error]
        return min(waits, default=None)
