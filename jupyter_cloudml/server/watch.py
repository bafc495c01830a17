"""Learning of changes: one thread that looks while somebody listens, and sleeps for good when nobody does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..client.changes import Changes
from ..client.live import LiveViews
from ..client.session import Session
from ..core.errors import CloudMLError

log = logging.getLogger(__name__)

EVERY_S = 0.1
"""While jobs run. One event each time at most: so a job changes ten times a second, however much it prints."""
IDLE_S = 0.25
LINGER_S = 3.0
"""How long the thread waits for a listener; a browser asks for the list when its socket is open."""
TROUBLE_S = 2.0
MOST = 100


class Watch:
    """Tells ``emit`` what changed, from a thread of its own, while ``is_watched``. Nothing is said when nothing happens.

    ``seq`` begins with the time in milliseconds, so that a client notices a server that was restarted.
    """

    def __init__(
        self,
        session: Callable[[], Session],
        views: LiveViews,
        *,
        emit: Callable[[dict[str, Any]], None],
        is_watched: Callable[[], bool],
    ) -> None:
        self._session = session
        self._views = views
        self._emit = emit
        self._is_watched = is_watched
        self._seq = int(time.time() * 1000)
        self._changes: Changes | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked_at = 0.0
        self._stop = threading.Event()

    def look_from_now(self) -> int:
        """Make sure that every change from now on will be told; the ``seq`` of the last event before that."""
        with self._lock:
            if self._changes is None:
                self._changes = Changes(self._session(), self._views)
            self._asked_at = time.monotonic()
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="cloudml-watch", daemon=True)
                self._thread.start()
            return self._seq

    def close(self) -> None:
        """End the thread. Safe to repeat."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        pause = 0.0
        try:
            while not self._stop.wait(pause):
                if self._is_watched():
                    self._asked_at = time.monotonic()
                    pause = self._look()
                elif self._may_leave():
                    return
                else:
                    pause = EVERY_S
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _may_leave(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked_at < LINGER_S:
                return False
            self._thread = None
            return True

    def _look(self) -> float:
        """Tell what changed; how long to wait before the next look."""
        changes = self._changes
        if changes is None:
            raise AssertionError("a watch runs only after its baseline was taken")
        try:
            found = changes.step()
        except CloudMLError as exc:
            log.warning("cloudml: changes of jobs cannot be seen now: %s", exc)
            return TROUBLE_S
        if found is not None:
            for begin in range(0, max(1, len(found.changed)), MOST):
                with self._lock:
                    self._seq += 1
                    seq = self._seq
                part = found.changed[begin : begin + MOST]
                self._emit({"seq": seq, "changed": part, "counts": found.counts})
        return EVERY_S if changes.is_busy else IDLE_S
