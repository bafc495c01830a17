"""Changes on the event bus: what a browser learns without asking."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_server.auth import Authorizer

from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.writer import JournalWriter
from jupyter_cloudml.server import watch
from jupyter_cloudml.server.bus import EVENTS, Bus

from .test_jobs import ended, started, until


class Listener:
    """A browser's event socket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.events: list[dict[str, Any]] = []
        self.others: list[str] = []
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while (message := await self._socket.read_message()) is not None:
            said = json.loads(message)
            if said["schema_id"] == EVENTS:
                self.events.append(said)
            else:
                self.others.append(said["schema_id"])

    def of(self, job_id: str) -> list[dict[str, Any]]:
        return [change for e in self.events for change in e["changed"] if change["id"] == job_id]

    async def close(self) -> None:
        self._socket.close()
        await self._reader


@pytest.fixture
def listening(server: Any, jp_ws_fetch: Any) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(who: str = "owner") -> AsyncIterator[Listener]:
        socket = await jp_ws_fetch("api", "events", "subscribe", headers={"X-Who": who})
        listener = Listener(socket)
        yield listener
        await listener.close()

    return opened


def quietly(session: Any, number: int, state: JobState | None = None) -> str:
    """A job in the registry and nowhere else."""
    spec = JobSpec(id=f"{number:012x}", source="1", name=f"job {number}")
    session.registry.insert(spec, 1.0)
    if state is not None:
        session.registry.move(spec.id, state, now=2.0)
    return spec.id


async def test_a_change_of_state_arrives_with_the_next_number(ask, listening, session):
    job = quietly(session, 1)
    async with listening() as heard:
        seq = (await ask("jobs"))["seq"]
        session.registry.move(job, JobState.SUCCEEDED, now=5.0)
        await until(lambda: said(heard, job))
    last = heard.of(job)[-1]
    assert (last["state"], last["updated_at"]) == ("SUCCEEDED", 5.0)
    assert heard.events[0]["seq"] == seq + 1
    assert heard.events[-1]["counts"] == {"SUCCEEDED": 1}


async def said(heard: Listener, job_id: str) -> bool:
    return bool(heard.of(job_id))


async def test_a_job_of_a_moment_is_told_though_nobody_saw_it_run(ask, listening, session):
    async with listening() as heard:
        await ask("jobs")
        job = quietly(session, 2, JobState.FAILED)
        await until(lambda: said(heard, job))
    assert heard.of(job)[-1]["state"] == "FAILED"


async def test_numbers_have_no_gap_and_a_job_changes_at_most_once_in_an_event(
    ask, listening, session
):
    job = quietly(session, 3, JobState.RUNNING)
    writer = JournalWriter(session.paths(job).create().journal())
    writer.append("state", state="RUNNING")
    async with listening() as heard:
        await ask("jobs")
        for n in range(300):
            writer.append("progress", id="epochs", n=n + 1, total=300)
            if n % 100 == 0:
                await until(lambda: said(heard, job))

        async def whole() -> bool:
            changes = heard.of(job)
            return bool(changes) and any(bar["done"] for bar in changes[-1]["progress"])

        await until(whole)
    writer.close()
    numbers = [event["seq"] for event in heard.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(heard.of(job)) < 100
    for event in heard.events:
        ids = [change["id"] for change in event["changed"]]
        assert len(ids) == len(set(ids))


async def test_nothing_is_said_when_nothing_happens(ask, listening, session, server):
    quietly(session, 4, JobState.SUCCEEDED)
    looks = 0
    async with listening() as heard:
        await ask("jobs")
        changes = server.web_app.settings["cloudml"].watch._changes
        step = changes.step

        def counted() -> Any:
            nonlocal looks
            looks += 1
            return step()

        changes.step = counted

        async def looked() -> bool:
            return looks > 3

        await until(looked)
        assert heard.events == []
        done = quietly(session, 5, JobState.SUCCEEDED)
        await until(lambda: said(heard, done))


async def test_the_watch_sleeps_for_good_when_nobody_listens(ask, session, server, monkeypatch):
    monkeypatch.setattr(watch, "LINGER_S", 0.0)
    await ask("jobs")
    shared = server.web_app.settings["cloudml"]

    async def gone() -> bool:
        return shared.watch._thread is None

    await until(gone)


async def test_what_happened_while_nobody_listened_is_told_to_the_next_who_does(
    ask, listening, session, server, monkeypatch
):
    monkeypatch.setattr(watch, "LINGER_S", 0.0)
    await ask("jobs")
    shared = server.web_app.settings["cloudml"]

    async def gone() -> bool:
        return shared.watch._thread is None

    await until(gone)
    job = quietly(session, 6, JobState.CANCELLED)
    async with listening() as heard:
        shared.watch.look_from_now()
        await until(lambda: said(heard, job))


async def test_a_job_that_was_removed_changes_the_counts(ask, listening, session):
    job = quietly(session, 7, JobState.SUCCEEDED)
    async with listening() as heard:
        await ask("jobs")
        session.registry.forget(job)

        async def told() -> bool:
            return any(event["counts"] == {} for event in heard.events)

        await until(told)


async def test_a_real_job_is_followed_to_its_end(ask, listening, home):
    async with listening() as heard:
        await ask("jobs")
        job = await started("import jupyter_cloudml as c\nfor i in c.progress(range(5)): print(i)")
        await ended(ask, job.id)

        async def over() -> bool:
            return [c["state"] for c in heard.of(job.id)][-1:] == ["SUCCEEDED"]

        await until(over)
    assert heard.of(job.id)[-1]["progress"][0]["n"] == 5


class Guests(Authorizer):
    """Who calls themselves a guest may hear events, and see no job. It thinks about it."""

    async def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        for _ in range(3):
            await asyncio.sleep(0)
        is_guest = handler.request.headers.get("X-Who") == "guest"
        return not is_guest or not resource.startswith("cloudml:")


OTHERS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


def happens(server: Any, path: str) -> None:
    """Something that is told on the bus and is none of ours."""
    data = {"action": "get", "path": path}
    server.event_logger.emit(schema_id=OTHERS, data=data)


async def test_who_may_not_see_jobs_hears_nothing_of_them_and_all_the_rest(
    ask, listening, session, server
):
    server.web_app.settings["authorizer"] = Guests(parent=server)
    job = quietly(session, 8)
    async with listening() as owner, listening("guest") as guest:
        await ask("jobs")
        for state in (JobState.STARTING, JobState.RUNNING, JobState.SUCCEEDED):
            session.registry.move(job, state, now=5.0)

            async def heard(state: JobState = state) -> bool:
                return [c["state"] for c in owner.of(job)][-1:] == [state.value]

            await until(heard)
        async with listening("guest") as late:
            other = quietly(session, 9, JobState.FAILED)
            await until(lambda: said(owner, other))
            happens(server, "a.ipynb")

            async def rest() -> bool:
                return all(listener.others for listener in (owner, guest, late))

            await until(rest)
            assert late.events == []
        assert guest.events == []
    numbers = [event["seq"] for event in owner.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_events_are_told_in_order_though_the_authorizer_takes_its_time(listening, server):
    server.web_app.settings["authorizer"] = Guests(parent=server)
    bus = server.web_app.settings["cloudml"]._bus
    async with listening() as owner:
        for seq in range(50):
            bus.emit({"seq": seq, "changed": [], "counts": {}})

        async def all_came() -> bool:
            return len(owner.events) == 50

        await until(all_came)
    assert [event["seq"] for event in owner.events] == list(range(50))


async def test_without_a_list_of_listeners_nothing_is_told_where_not_all_may_hear_it(
    server,
):
    class Closed:
        """An event logger that shows nobody who listens."""

        told: list[int] = []

        def register_event_schema(self, _: Any) -> None:
            pass

        def emit(self, *, schema_id: str, data: dict[str, Any]) -> None:
            assert schema_id == EVENTS
            self.told.append(data["seq"])

    logger = Closed()
    bus = Bus(SimpleNamespace(event_logger=logger, web_app=server.web_app))
    assert bus.is_watched()
    await bus._tell({"seq": 1})
    server.web_app.settings["authorizer"] = Guests(parent=server)
    await bus._tell({"seq": 2})
    assert logger.told == [1]
