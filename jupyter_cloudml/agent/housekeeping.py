"""Tidying up while nobody works: old jobs go, by the user's own ``[retention]``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..core.errors import CloudMLError
from ..journal.home import DataHome
from ..journal.prune import prune
from ..journal.registry import Registry
from ..targets.config import load_config

log = logging.getLogger(__name__)

EVERY_S = 86_400.0


class Housekeeping:
    """Prunes once a day at most. ``is_due`` is asked by the event loop, ``tidy_up`` runs in a thread."""

    def __init__(
        self, home: DataHome, registry: Registry, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._home = home
        self._registry = registry
        self._clock = clock
        self._done_at = 0.0

    def is_due(self) -> bool:
        return self._clock() - self._done_at >= EVERY_S

    def tidy_up(self) -> None:
        """Remove what is older or more than the user keeps. Never raises; a bad configuration removes nothing."""
        self._done_at = self._clock()
        try:
            keep = load_config(self._home.root).retention
            gone = prune(
                self._registry,
                now=self._clock(),
                older_than_s=keep.max_age_s,
                max_bytes=keep.max_bytes,
            )
        except CloudMLError as exc:
            log.warning("nothing was tidied up: %s", exc)
            return
        if gone:
            log.info(
                "pruned %d old jobs and environments, %d bytes",
                len(gone),
                sum(j.freed_bytes for j in gone),
            )
