"""Jobs from the registry to their end, through real agents."""

from __future__ import annotations

from jupyter_cloudml.core.states import JobState

from .conftest import Place


def test_the_first_job_of_a_cold_agent_runs_in_a_plainly_spawned_process(place: Place) -> None:
    job = place.submit("print('hello')")
    row = place.ended(job)
    assert row.state is JobState.SUCCEEDED, (row, place.paths(job).worker_log.read_text())


def test_a_warm_agent_hands_the_job_to_a_spare(place: Place) -> None:
    spares = place.spares_ready()
    job = place.submit("x = 1")
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.worker_pid(job) in spares
