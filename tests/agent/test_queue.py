"""Slots, reasons, cancel, retries, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.reader import read_events

from .conftest import Place, is_alive, wait_until

WAIT_FOR_FILE = "import os, time\nwhile not os.path.exists({!r}): time.sleep(0.01)"


def blocked(tmp_path: Path, name: str = "go") -> str:
    return WAIT_FOR_FILE.format(str(tmp_path / name))


def test_a_third_job_waits_for_a_slot_and_says_for_whom(place: Place, tmp_path: Path) -> None:
    first, second = (place.submit(blocked(tmp_path)) for _ in range(2))
    place.running(first)
    place.running(second)
    third, fourth = place.submit("x = 1"), place.submit("x = 2")
    reason = wait_until(lambda: place.row(third).reason, "a reason")
    assert first in reason
    assert second in reason
    assert wait_until(lambda: "1 ahead of you" in place.row(fourth).reason, "a place in the queue")
    assert place.row(third).state is JobState.QUEUED
    (tmp_path / "go").touch()
    assert {place.ended(job).state for job in (first, second, third, fourth)} == {
        JobState.SUCCEEDED
    }


def test_two_jobs_on_one_gpu_take_turns_and_each_sees_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDML_GPUS", "1")
    show = "\nprint(os.environ['CUDA_VISIBLE_DEVICES'])"
    first = place.submit(blocked(tmp_path) + show, gpus=1)
    place.running(first)
    second = place.submit("import os" + show, gpus=1)
    wait_until(lambda: place.row(second).reason == f"gpu 0 held by job {first}", "the reason")
    plain = place.submit("x = 1")
    assert place.ended(plain).state is JobState.SUCCEEDED
    (tmp_path / "go").touch()
    for job in (first, second):
        assert place.ended(job).state is JobState.SUCCEEDED
        outputs = [e["output"]["text"] for e in place.events(job) if e["k"] == "output"]
        assert outputs == ["0\n"]


def test_more_than_the_machine_has_is_refused_with_the_way_out(place: Place) -> None:
    row = place.ended(place.submit("x = 1", gpus=1))
    assert row.state is JobState.FAILED
    assert "this machine has none" in row.reason


def test_a_queued_job_is_cancelled_without_a_process(place: Place, tmp_path: Path) -> None:
    running = [place.submit(blocked(tmp_path)) for _ in range(2)]
    for job in running:
        place.running(job)
    queued = place.submit("x = 1")
    place.cancel(queued)
    assert place.ended(queued).state is JobState.CANCELLED
    assert place.events(queued) == []
    told = [e["state"] for e in read_events(place.paths(queued).agent_journal)[0]]
    assert told == ["CANCELLED"]
    (tmp_path / "go").touch()
    for job in running:
        place.ended(job)


def test_a_running_job_is_cancelled_by_an_interrupt(place: Place, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    job = place.submit(
        "import time\ntry: print('up'); time.sleep(600)\n"
        f"except KeyboardInterrupt: open({str(seen)!r}, 'w'); raise"
    )
    wait_until(lambda: any(e["k"] == "output" for e in place.events(job)), "its output")
    place.cancel(job)
    assert place.ended(job).state is JobState.CANCELLED
    assert seen.exists()


def test_a_job_that_ignores_the_interrupt_is_killed_after_the_grace_time(place: Place) -> None:
    job = place.submit(
        "import time\nprint('up')\nwhile True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: pass"
    )
    pid = place.running(job)
    wait_until(lambda: any(e["k"] == "output" for e in place.events(job)), "its output")
    place.cancel(job)
    assert place.ended(job).state is JobState.CANCELLED
    assert not is_alive(pid)


def test_a_job_above_its_runtime_is_stopped_and_has_failed(place: Place) -> None:
    job = place.submit("import time; time.sleep(600)", max_runtime_s=0.5)
    row = place.ended(job)
    assert row.state is JobState.FAILED
    assert row.reason == "stopped: --max-runtime 0.5s is over"
    assert place.events(job)[-1]["error"]["type"] == "RuntimeExceeded"


def test_a_job_that_has_ended_before_anybody_looked_has_begun_all_the_same(place: Place) -> None:
    row = place.ended(place.submit("pass"))
    assert row.started_at is not None
    assert row.created_at <= row.started_at <= row.ended_at


def test_a_failed_job_is_retried_as_often_as_it_may(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "count"
    job = place.submit(
        f"open({str(counter)!r}, 'a').write('x')\nif len(open({str(counter)!r}).read()) < 3: 1 / 0",
        retries=2,
    )
    row = place.ended(job)
    assert (row.state, row.attempt) == (JobState.SUCCEEDED, 3)
    assert place.states(job).count("FAILED") == 2


def test_a_failed_job_without_retries_stays_failed(place: Place) -> None:
    row = place.ended(place.submit("1 / 0"))
    assert (row.state, row.attempt) == (JobState.FAILED, 1)
    assert "ZeroDivisionError" in row.reason


def test_a_retry_by_the_user_runs_a_cancelled_job_again(place: Place, tmp_path: Path) -> None:
    job = place.submit(blocked(tmp_path))
    place.running(job)
    place.cancel(job)
    assert place.ended(job).state is JobState.CANCELLED
    (tmp_path / "go").touch()
    place.registry.retry(job)
    place.nudge(job=job)
    row = place.ended(job)
    assert (row.state, row.attempt) == (JobState.SUCCEEDED, 2)


def test_a_worker_that_is_killed_is_lost_and_leaves_nothing_running(
    place: Place, tmp_path: Path
) -> None:
    pids = tmp_path / "child"
    job = place.submit(
        "import subprocess, time, os, signal\n"
        f"open({str(pids)!r}, 'w').write(str(subprocess.Popen(['sleep', '600']).pid) + ' ')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    row = place.ended(job)
    assert row.state is JobState.LOST
    assert "signal 9" in row.reason
    wait_until(lambda: not is_alive(int(pids.read_text())), "the end of what it left")


def test_forty_jobs_on_two_slots_all_end_right_and_never_more_than_two_run(
    place: Place, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    source = (
        f"import os\nfd = os.open({str(log)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "os.write(fd, b'+'); os.write(fd, b'-')"
    )
    jobs = [place.queue(source) for _ in range(40)]
    place.nudge()
    assert {place.ended(job).state for job in jobs} == {JobState.SUCCEEDED}
    running = most = 0
    for mark in log.read_text():
        running += 1 if mark == "+" else -1
        most = max(most, running)
    assert len(log.read_text()) == 80
    assert most <= 2


@pytest.mark.slow
def test_a_thousand_jobs_on_two_slots_all_end_right(place: Place) -> None:
    jobs = [place.queue(f"x = {number}") for number in range(1000)]
    place.nudge()
    for number in range(49, 1000, 50):
        wait_until(lambda at=number: place.row(jobs[at]).state.is_final, f"job {number}")
    assert {place.ended(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert all(place.states(job) == ["RUNNING", "SUCCEEDED"] for job in jobs)
