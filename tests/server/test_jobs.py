"""The routes of jobs, with real jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import jupyter_cloudml as cloudml


async def until(look: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
    """The first truthy answer of the coroutine function ``look``."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s; last: {answer!r}"
        await asyncio.sleep(0.02)
    return answer


async def started(source: str, **options: Any) -> Any:
    """A job that was submitted as a notebook would."""
    return await asyncio.to_thread(cloudml.submit, source, **options)


async def ended(ask: Any, job_id: str) -> Any:
    """Its snapshot, once it is over."""

    async def look() -> Any:
        job = (await ask(f"jobs/{job_id}"))["job"]
        return job if job["ended_at"] else None

    return await until(look)


async def test_a_job_is_in_the_list_and_has_a_snapshot(ask, home):
    job = await started("print('there')", name="first", experiment="churn")
    snapshot = await ended(ask, job.id)
    assert snapshot["state"] == "SUCCEEDED"
    assert snapshot["name"] == "first"

    async def look() -> Any:
        page = await ask("jobs")
        return page if page["counts"] == {"SUCCEEDED": 1} else None

    page = await until(look)
    assert [row["id"] for row in page["jobs"]] == [job.id]
    assert page["total"] == 1
    assert page["jobs"][0]["elapsed_s"] > 0
    assert (await ask("jobs", experiment="other"))["jobs"] == []
    assert (await ask("jobs", state="succeeded,failed", text="first"))["total"] == 1


async def test_outputs_come_in_pieces_and_end(ask, home):
    job = await started("for i in range(3): print('line', i)\n1 + 1")
    await ended(ask, job.id)
    page = await ask(f"jobs/{job.id}/outputs")
    texts = "".join(out["text"] for out in page["outputs"] if out["output_type"] == "stream")
    assert texts == "line 0\nline 1\nline 2\n"
    assert page["outputs"][-1]["data"]["text/plain"] == "2"
    assert page["final"]
    again = await ask(f"jobs/{job.id}/outputs", offset=page["next"])
    assert again == {"outputs": [], "next": page["next"], "final": True}
