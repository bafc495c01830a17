"""What happens when an agent, a zygote or a worker is killed: nothing is lost, doubled, or left lying."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.agent import nudge as agent_nudge
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.reader import JournalReader

from .conftest import Place, is_alive, wait_until
from .test_queue import blocked


def test_a_job_goes_on_without_its_agent_and_the_next_agent_follows_it(
    place: Place, tmp_path: Path
) -> None:
    job = place.submit(blocked(tmp_path))
    pid = place.running(job)
    place.kill_agent()
    assert is_alive(pid)
    place.nudge()
    assert is_alive(pid)
    (tmp_path / "go").touch()
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.states(job) == ["RUNNING", "SUCCEEDED"]


def test_a_job_that_ended_while_no_agent_lived_is_found_ended(place: Place, tmp_path: Path) -> None:
    job = place.submit(blocked(tmp_path))
    pid = place.running(job)
    place.kill_agent()
    (tmp_path / "go").touch()
    wait_until(lambda: not is_alive(pid), "the worker's end")
    assert place.row(job).state is JobState.RUNNING
    place.nudge()
    assert place.ended(job).state is JobState.SUCCEEDED


def test_a_slot_held_by_a_worker_of_a_dead_agent_is_not_given_twice(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDML_CPUS", "1")
    first = place.submit(blocked(tmp_path))
    place.running(first)
    place.kill_agent()
    second = place.submit("x = 1")
    wait_until(lambda: first in place.row(second).reason, "the reason")
    (tmp_path / "go").touch()
    assert place.ended(second).state is JobState.SUCCEEDED
    assert place.ended(first).state is JobState.SUCCEEDED


def test_killing_the_agent_at_any_step_of_a_start_neither_loses_nor_doubles_the_job(
    place: Place, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    source = (
        f"import os; os.write(os.open({str(log)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT), b'x')"
    )
    jobs = []
    for round_number in range(8):
        place.spares_ready()
        pid = place.agent_pid()
        jobs.append(place.queue(source))
        killer = subprocess.Popen(
            ["sh", "-c", f"sleep 0.00{round_number}; kill -9 {pid}"], stdout=subprocess.DEVNULL
        )
        with contextlib.suppress(Unavailable):
            agent_nudge.request(place.home, {"op": "nudge", "job": jobs[-1]})
        killer.wait()
        wait_until(lambda: lease_holder(place.home.agent_lock) is None, "the agent's death")
    place.nudge()
    assert {place.ended(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert log.read_text() == "x" * len(jobs)


def test_spares_and_zygote_go_with_their_agent(place: Place) -> None:
    spares = place.spares_ready()
    zygote = place.nudge("status")["zygotes"][0]["pid"]
    place.kill_agent()
    wait_until(lambda: not any(map(is_alive, [*spares, zygote])), "their end")


def test_a_killed_zygote_takes_no_running_job_with_it_and_comes_again(
    place: Place, tmp_path: Path
) -> None:
    spares = place.spares_ready()
    zygote = place.nudge("status")["zygotes"][0]["pid"]
    job = place.submit(blocked(tmp_path))
    worker = place.running(job)
    assert worker in spares
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in spares if pid != worker), "the spares' end")
    assert is_alive(worker)
    (tmp_path / "go").touch()
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.spares_ready()
    assert place.nudge("status")["zygotes"][0]["pid"] != zygote


def test_a_lost_worker_is_started_again_where_retries_are_left(
    place: Place, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    job = place.submit(
        f"import os\nif not os.path.exists({str(mark)!r}):\n"
        f"    open({str(mark)!r}, 'w'); os.kill(os.getpid(), 9)",
        retries=1,
    )
    row = place.ended(job)
    assert (row.state, row.attempt) == (JobState.SUCCEEDED, 2)


@pytest.mark.parametrize("retries", [0, 1])
def test_what_a_killed_worker_logged_is_in_its_journal_once(
    place: Place, tmp_path: Path, retries: int
) -> None:
    mark = tmp_path / "mark"
    job = place.submit(
        "import os, jupyter_cloudml as cloudml\n"
        f"again = os.path.exists({str(mark)!r})\n"
        "for step in range(700):\n"
        "    cloudml.log(loss=0.5, step=1000 * again + step)\n"
        f"if not again: open({str(mark)!r}, 'w'); os.kill(os.getpid(), 9)",
        retries=retries,
    )
    state = place.ended(job).state
    assert state is (JobState.SUCCEEDED if retries else JobState.LOST)
    paths = place.home.job(job)
    reader = JournalReader(paths.journal())
    steps = [event["s"] for event in reader.read() if event["k"] == "metric"]
    assert steps == [*range(700), *(range(1000, 1700) if retries else ())]
    assert reader.damaged == 0
    assert sorted(path.name for path in paths.journals.iterdir()) == ["0.jsonl", "agent.jsonl"]


def test_of_agents_that_race_to_start_one_wins_and_the_others_leave_quietly(place: Place) -> None:
    command = [sys.executable, "-m", "jupyter_cloudml.agent", "--home", str(place.home.root)]
    agents = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(4)]
    try:
        wait_until(lambda: sum(agent.poll() is not None for agent in agents) == 3, "the losers")
        assert [agent.returncode for agent in agents if agent.returncode is not None] == [0, 0, 0]
        alive = next(agent for agent in agents if agent.poll() is None)
        agent_nudge.ensure_agent(place.home)
        assert place.agent_pid() == alive.pid
        place.nudge("stop")
        assert alive.wait(timeout=30) == 0
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()


def test_an_idle_agent_leaves_and_the_next_nudge_starts_another(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDML_AGENT_IDLE_S", "0.2")
    first = place.agent_pid()
    wait_until(lambda: not is_alive(first), "the idle agent's end")
    monkeypatch.setenv("CLOUDML_AGENT_IDLE_S", "60")
    assert place.ended(place.submit("x = 1")).state is JobState.SUCCEEDED


def test_a_job_whose_folder_vanished_fails_and_its_neighbours_go_on(
    place: Place, tmp_path: Path
) -> None:
    gone = place.submit(blocked(tmp_path))
    pid = place.running(gone)
    place.kill_agent()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "the worker's end")
    shutil.rmtree(place.home.job(gone).root)
    neighbour = place.submit("x = 1")
    assert place.ended(neighbour).state is JobState.SUCCEEDED
    lost = place.ended(gone)
    assert lost.state is JobState.FAILED
    assert "folder" in lost.error
