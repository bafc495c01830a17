"""Jobs that run elsewhere: one ``poll`` for all jobs of a target, in a thread, with back-off; one call at a time each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ..core.errors import CloudMLError
from ..targets.port import Status, Target
from .live import Live

log = logging.getLogger(__name__)

FIRST_POLL_S = 1.0
SLOWEST_POLL_S = 30.0
_GROWTH = 1.5

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Place:
    """One target and its jobs."""

    limiter: asyncio.Lock = field(default_factory=asyncio.Lock)
    jobs: dict[str, Live] = field(default_factory=dict)
    poller: asyncio.Task[None] | None = None
    has_new: asyncio.Event = field(default_factory=asyncio.Event)


class Remotes:
    """Follows jobs of targets that have no event to offer. ``take`` gets every answer, on the event loop."""

    def __init__(self, take: Callable[[Live, Status], None]) -> None:
        self._take = take
        self._places: dict[str, _Place] = {}
        self._cancels: set[asyncio.Task[None]] = set()

    def follow(self, live: Live) -> None:
        """Poll for this job from now on, at first quickly."""
        place = self._place(live.target)
        place.jobs[live.job_id] = live
        place.has_new.set()
        if place.poller is None or place.poller.done():
            place.poller = asyncio.get_running_loop().create_task(self._poll(place))

    def forget(self, live: Live) -> None:
        """Poll for it no more. Safe to repeat."""
        self._place(live.target).jobs.pop(live.job_id, None)

    async def call(self, target: Target, function: Callable[..., T], *arguments: object) -> T:
        """``function`` in a thread, never two at a time for one target."""
        async with self._place(target).limiter:
            return await asyncio.to_thread(function, *arguments)

    def cancel(self, live: Live, *, force: bool) -> None:
        """Ask the target to stop the job; an outage is logged, the next ask is the forceful one."""
        task = asyncio.get_running_loop().create_task(self._cancel(live, force))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    def close(self) -> None:
        tasks = [place.poller for place in self._places.values() if place.poller is not None]
        for task in (*tasks, *self._cancels):
            task.cancel()

    async def _cancel(self, live: Live, force: bool) -> None:
        async with self._place(live.target).limiter:
            try:
                await asyncio.to_thread(live.target.cancel, live.ref, force=force)
            except CloudMLError as exc:
                log.warning("job %s cannot be cancelled now: %s", live.job_id, exc)
            except Exception:  # a target's bug: the next ask is the forceful one
                log.exception("job %s cannot be cancelled now", live.job_id)

    async def _poll(self, place: _Place) -> None:
        """Ask for all jobs of one place, more and more rarely; a new job makes it quick again."""
        pause_s = FIRST_POLL_S
        while place.jobs:
            if place.has_new.is_set():
                place.has_new.clear()
                pause_s = FIRST_POLL_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(place.has_new.wait(), pause_s)
                await asyncio.sleep(FIRST_POLL_S)
            pause_s = min(pause_s * _GROWTH, SLOWEST_POLL_S)
            await self._poll_once(place)

    async def _poll_once(self, place: _Place) -> None:
        jobs = list(place.jobs.values())
        if not jobs:
            return
        target = jobs[-1].target
        try:
            answers = await self.call(target, target.poll, [live.ref for live in jobs])
        except CloudMLError as exc:
            log.warning("target %s:%s: %s", target.kind, target.name, exc)
            return
        except Exception:  # a target's bug must not end the watch over its jobs
            log.exception("target %s:%s", target.kind, target.name)
            return
        for live in jobs:
            if live.ref in answers and place.jobs.get(live.job_id) is live:
                self._take(live, answers[live.ref])

    def _place(self, target: Target) -> _Place:
        return self._places.setdefault(f"{target.kind}:{target.name}", _Place())
