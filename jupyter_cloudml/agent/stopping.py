"""Stopping a job that its target has: ask, wait for the grace time, kill."""

from __future__ import annotations

import asyncio
import logging
import signal

from ..core.errors import CloudMLError
from ..targets.local.client import send_signal
from .live import Live
from .remote import Remotes

log = logging.getLogger(__name__)

_TRY_AGAIN_S = 1.0


class Stopper:
    """Its timers end with the job (``Live.let_go``). Never raises: what cannot be stopped now is asked again."""

    def __init__(self, remotes: Remotes, grace_s: float) -> None:
        self._remotes = remotes
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()

    def cancel(self, live: Live, *, force: bool = False) -> None:
        """Somebody cancelled it: user code is interrupted, and killed after the grace time."""
        if live.local is None:
            self._remotes.cancel(live, force=force)
        else:
            try:
                live.target.cancel(live.ref, force=force)
            except (CloudMLError, OSError) as exc:
                log.warning("job %s cannot be stopped now: %s", live.job_id, exc)
                self._later(live, _TRY_AGAIN_S, force=force)
                return
        if not force:
            self._later(live, self._grace_s, force=True)
        if live.watch is not None:
            live.watch.look_later()

    def end_overdue(self, live: Live, *, force: bool = False) -> None:
        """Its time is over. No ``control/cancel``: nobody cancelled it, and the worker shall not say so."""
        live.is_overdue = True
        if live.local is None:
            self._remotes.cancel(live, force=force)
        else:
            number = signal.SIGKILL if force else signal.SIGTERM
            send_signal(live.local.pid, live.local.starttime, number, to_group=force)
        if not force:
            timer = self._loop.call_later(self._grace_s, lambda: self.end_overdue(live, force=True))
            live.timers.append(timer)

    def _later(self, live: Live, delay_s: float, *, force: bool) -> None:
        live.timers.append(self._loop.call_later(delay_s, lambda: self.cancel(live, force=force)))
