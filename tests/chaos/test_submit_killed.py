"""A kernel that dies while it submits: its job is there whole and once, or not at all."""

from __future__ import annotations

import json

from jupyter_cloudml.core.states import JobState

from . import processes
from .arena import Arena, lines, wait_until


def test_a_kernel_killed_at_any_instant_of_a_submission_leaves_a_whole_job_or_none(
    arena: Arena,
) -> None:
    instant, has_survived = 0, False
    while not has_survived:
        instant += 1
        kernel = arena.add_kernel("submit", die_at=instant)
        ledger = arena.ledgers[-1]
        has_survived = wait_until(
            lambda k=kernel, path=ledger: not processes.victim("", k.pid) or has_returned(path),
            "its death or its submission",
        ) and has_returned(ledger)
    arena.end_kernels()
    arena.settle()
    arena.stop()
    seen = arena.check({})
    assert instant > 20
    assert seen["jobs"] < instant
    assert seen[JobState.SUCCEEDED.value] == seen["jobs"]
    registered = {row.id for row in arena.session.registry.list_jobs(limit=-1)}
    assert arena.begun_jobs() == registered
    arena.check_nothing_is_left()


def has_returned(ledger) -> bool:
    events = [json.loads(line) for line in lines(ledger)]
    assert "refused" not in [event["word"] for event in events], events
    return any(event["word"] == "acknowledged" for event in events)
