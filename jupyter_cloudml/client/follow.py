"""Following a job by its journals: what is new, and whether it is over. Nothing here waits on a connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..agent.nudge import ensure_agent
from ..core import events as kinds
from ..core.errors import CloudMLError, NotFound
from ..core.states import JobState
from ..journal.lease import lease_holder
from ..journal.paths import JobPaths
from ..journal.reader import JournalReader
from ..journal.registry import Registry
from ..journal.rows import JobRow
from ..journal.view import JobView

Event = dict[str, Any]
REGISTRY_EVERY_S = 0.25
AGENT_EVERY_S = 2.0


class Follower:
    """Reads the main journal and the agent's, folds them, and says when the job is over.

    A final state in the worker's journal is believed at once, so that nobody waits for the agent's bookkeeping. Where
    a retry may follow (or has followed), the registry decides; it also knows of workers that died without a word. An agent
    that has died meanwhile is started again: only it starts what is queued, and finds what is lost.
    """

    def __init__(
        self,
        registry: Registry,
        row: JobRow,
        paths: JobPaths,
        *,
        retries: int = 0,
        caught_up: bool = False,
    ) -> None:
        self.view = JobView()
        self.row = row
        self.final: JobState | None = None
        self._registry = registry
        self._readers = [JournalReader(paths.journal()), JournalReader(paths.agent_journal)]
        self._may_come_again = retries > 0 or row.attempt > 1
        self._asked_at = 0.0
        self._saw_agent_at = time.monotonic()
        if caught_up:
            self.step()

    def step(self) -> list[Event]:
        """The events since the last call. Sets ``final`` when the job is over and all its events were returned."""
        found = self._read()
        last = _last_state(found)
        if last is not None and last.is_final and not self._may_come_again:
            self.final = last
            return found + self._read()
        now = time.monotonic()
        if (last is not None and last.is_final) or (
            not found and now - self._asked_at > REGISTRY_EVERY_S
        ):
            self._asked_at = now
            found += self._ask_registry()
        return found

    def _ask_registry(self) -> list[Event]:
        try:
            self.row = self._registry.get(self.row.id)
        except NotFound:
            self.final = JobState.LOST
            return []
        if not self.row.state.is_final:
            self._see_to_agent()
            return []
        self.final = self.row.state
        return self._read()

    def _see_to_agent(self) -> None:
        home, now = self._registry.home, time.monotonic()
        if now - self._saw_agent_at < AGENT_EVERY_S:
            return
        self._saw_agent_at = now
        if lease_holder(home.agent_lock) is None:
            with suppress(CloudMLError):
                ensure_agent(home, timeout_s=AGENT_EVERY_S)

    def _read(self) -> list[Event]:
        found: list[Event] = []
        for reader in self._readers:
            found += reader.read()
        for event in found:
            self.view.apply(event)
        return found


class Pace:
    """How long to sleep between two looks: a millisecond while the cell is young, then ever longer up to 50 ms."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()

    def age_s(self) -> float:
        return self._clock() - self._began

    def delay_s(self) -> float:
        age = self.age_s()
        if age < 0.25:
            return 0.001
        return 0.005 if age < 1 else 0.05

    def sleep(self) -> None:
        time.sleep(self.delay_s())


def batches(follower: Follower, pace: Pace, deadline: float | None = None) -> Iterator[list[Event]]:
    """The events of a job, batch by batch, until it is over; empty batches keep the caller's clock going.

    Raises:
        TimeoutError: ``deadline`` (monotonic seconds) has passed; the job goes on.
    """
    while True:
        found = follower.step()
        yield found
        if follower.final is not None:
            return
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"job {follower.row.id} is still {follower.row.state}")
        if not found:
            pace.sleep()


def _last_state(found: list[Event]) -> JobState | None:
    for event in reversed(found):
        if event["k"] == kinds.STATE:
            return JobState(event["state"])
    return None
