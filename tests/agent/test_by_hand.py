"""Variables that look like secrets are on no disk: the agent has them, and a job says when they were lost."""

from __future__ import annotations

import os
from typing import Any

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.atomic import read_json, write_json

from .conftest import Place, wait_until

SHOW = "import os\nprint(os.environ.get('MY_TOKEN'), os.environ.get('OTHER'))"


def queue(place: Place, source: str = SHOW, *, is_fresh: bool = False, **options: Any) -> str:
    """A job with a variable by hand, written long ago if not just now."""
    job = place.queue(source, environ={"OTHER": "there"}, **options)
    felt = read_json(place.paths(job).ambient)
    write_json(place.paths(job).ambient, {**felt, "environ_by_hand": ["MY_TOKEN"]})
    if not is_fresh:
        os.utime(place.paths(job).ambient, (0, 0))
    return job


def printed(place: Place, job: str) -> str:
    outputs = [e["output"] for e in place.events(job) if e["k"] == "output"]
    return "".join(output.get("text", "") for output in outputs)


def notes(place: Place, job: str) -> list[str]:
    return [event["text"] for event in place.events(job) if event["k"] == "note"]


def test_a_variable_by_hand_reaches_the_cell_and_every_retry_of_it(place: Place) -> None:
    job = queue(place, SHOW + "\n1 / 0", is_fresh=True, retries=1)
    place.nudge(job=job, environ={"MY_TOKEN": "abc"})
    assert place.ended(job).attempt == 2
    assert "abc there" in printed(place, job)
    assert notes(place, job) == []


def test_a_job_waits_a_moment_for_variables_that_are_still_on_their_way(place: Place) -> None:
    job = queue(place, is_fresh=True)
    place.nudge(job=job)
    wait_until(lambda: place.row(job).reason == "waiting for its environment", "the reason")
    place.nudge(job=job, environ={"MY_TOKEN": "abc"})
    assert place.ended(job).state is JobState.SUCCEEDED
    assert printed(place, job) == "abc there\n"


def test_a_job_whose_agent_died_before_its_start_says_what_it_has_lost(place: Place) -> None:
    place.nudge()
    job = queue(place)
    place.kill_agent()
    place.nudge(job=job)
    assert place.ended(job).state is JobState.SUCCEEDED
    assert printed(place, job) == "None there\n"
    [note] = notes(place, job)
    assert note.startswith("started without MY_TOKEN of the notebook's environment")


def test_a_variable_of_the_agents_own_environment_is_not_taken_for_the_notebooks(
    place: Place, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MY_TOKEN", "of another kernel")
    place.nudge()
    monkeypatch.delenv("MY_TOKEN")
    job = queue(place)
    place.nudge(job=job)
    place.ended(job)
    assert printed(place, job) == "None there\n"


def test_gpus_belong_to_everybody_whatever_the_first_kernel_was_restricted_to(
    place: Place, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CLOUDML_GPUS", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    place.nudge()
    show = "import os\nprint(os.environ['CUDA_VISIBLE_DEVICES'])"
    mine = place.submit(show, gpus=1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    yours = place.submit(show, gpus=3)
    for job in (mine, yours):
        assert place.ended(job).state is JobState.SUCCEEDED
    assert (printed(place, mine), printed(place, yours)) == ("1\n", "0,1,2\n")
