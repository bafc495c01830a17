"""How jobs of targets without events are followed: one poller a target, whatever the target does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_cloudml.agent import remote
from jupyter_cloudml.agent.live import Live
from jupyter_cloudml.agent.remote import Remotes
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.targets.port import Status

DONE = Status(state=JobState.SUCCEEDED, raw="ended")


class Far(SimpleNamespace):
    """A target that answers from ``says``: a status, or an error to raise, one a poll; the last one for ever."""

    kind, name = "far", "away"

    def poll(self, refs: list[str]) -> dict[str, Status]:
        self.asked.append(sorted(refs))
        answer = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(refs, answer)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(remote, "SLOWEST_POLL_S", 0.05)


def _live(target: Any, number: int) -> Live:
    return Live(job_id=f"{number:012x}", attempt=1, target=target, ref=f"far:{number}")


async def _followed(target: Any, count: int) -> list[str]:
    """The jobs whose end is told, when ``count`` jobs are followed one after the other."""
    ended: list[str] = []
    everybody = asyncio.Event()

    def take(live: Live, status: Status) -> None:
        if status.state is JobState.SUCCEEDED:
            ended.append(live.job_id)
            remotes.forget(live)
            if len(ended) == count:
                everybody.set()

    remotes = Remotes(take)
    for number in range(count):
        remotes.follow(_live(target, number))
        await asyncio.sleep(0.005)
    await asyncio.wait_for(everybody.wait(), 20)
    remotes.close()
    return sorted(ended)


@pytest.mark.parametrize("trouble", [Unavailable("away"), ValueError("a bug"), KeyError("x")])
def test_a_target_that_fails_is_asked_again(trouble: Exception) -> None:
    target = Far(says=[trouble, trouble, DONE], asked=[])
    assert asyncio.run(_followed(target, 1)) == [f"{0:012x}"]
    assert len(target.asked) == 3


def test_jobs_that_keep_coming_do_not_keep_the_poller_from_asking() -> None:
    target = Far(says=[DONE], asked=[])
    assert len(asyncio.run(_followed(target, 30))) == 30
    assert 1 < len(target.asked) <= 30  # several jobs a call
