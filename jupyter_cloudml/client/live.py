"""What is known of jobs that somebody looks at, kept up to date by reading only what is new. A cache, and no more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from weakref import WeakValueDictionary

from ..journal.paths import JobPaths
from ..journal.reader import JournalReader
from ..journal.view import JobView
from .history import CHUNK_BYTES

MAX_VIEWS = 256


class LiveView:
    """One job's folded journals. Safe from many threads; hold ``lock`` while reading ``view``.

    ``version`` is another number each time that something new was taken in.
    """

    def __init__(self, paths: JobPaths) -> None:
        self.lock = threading.RLock()
        self.view = JobView()
        self.version = 0
        self._readers = [JournalReader(paths.journal()), JournalReader(paths.agent_journal)]

    def catch_up(self) -> int:
        """Take in all that was journalled since the last call; the ``version`` afterwards."""
        with self.lock:
            for reader in self._readers:
                while batch := reader.read(CHUNK_BYTES):
                    self.version += 1
                    for event in batch:
                        self.view.apply(event)
            return self.version


class LiveViews:
    """The views that somebody holds, and those that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: WeakValueDictionary[JobPaths, LiveView] = WeakValueDictionary()
        self._recent: OrderedDict[JobPaths, LiveView] = OrderedDict()

    def of(self, paths: JobPaths) -> LiveView:
        """The view of the job whose folder is ``paths``; it is as old as its last ``catch_up``."""
        with self._lock:
            view = self._held.get(paths)
            if view is None:
                view = self._held[paths] = LiveView(paths)
            self._recent[paths] = view
            self._recent.move_to_end(paths)
            while len(self._recent) > MAX_VIEWS:
                self._recent.popitem(last=False)
            return view
