"""``-r``: jobs with packages of their own, made once, whatever is killed meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.environments import EnvironmentPaths
from jupyter_cloudml.journal.lease import lease_holder
from jupyter_cloudml.journal.prune import prune

from .conftest import Place, is_alive, wait_until
from .wheels import make_wheel, wishing

SHOW = "import tinything, numpy, sys; print(tinything.VALUE)"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    make_wheel(tmp_path / "wheels", "tinything", "1.0", "VALUE = 'one'\n")
    make_wheel(tmp_path / "wheels", "tinything", "2.0", "VALUE = 'two'\n")
    return tmp_path / "wheels"


def printed(place: Place, job: str) -> str:
    outputs = [e["output"] for e in place.events(job) if e["k"] == "output"]
    return "".join(output.get("text", "") for output in outputs)


def notes(place: Place, job: str) -> list[str]:
    return [event["text"] for event in place.events(job) if event["k"] == "note"]


def made(place: Place) -> list[Path]:
    return [
        whole
        for folder in place.home.environments.iterdir()
        if (whole := EnvironmentPaths(folder).whole())
    ]


def slow_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place) -> Path:
    """pip stands still in an environment's interpreter as long as the file is there; it says so by another one."""
    gate, site = tmp_path / "gate", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, sys, time\n"
        f"gate = {str(gate)!r}\n"
        "if 'environments' in sys.prefix and any('pip' in word for word in sys.orig_argv):\n"
        "    open(gate + '.pid', 'w').write(str(os.getpid()) + ' ')\n"
        "    while os.path.exists(gate): time.sleep(0.01)\n"
    )
    gate.touch()
    monkeypatch.setenv("PYTHONPATH", str(site))
    return gate


def pip_pid(gate: Path) -> int:
    said = Path(f"{gate}.pid")
    wait_until(lambda: said.exists() and said.read_text().endswith(" "), "pip")
    return int(said.read_text())


def test_a_job_sees_its_packages_before_the_kernels_and_says_what_was_installed(
    place: Place, wheels: Path
) -> None:
    wish = wishing(wheels, "tinything==1.0", "numpy")
    job = place.submit(SHOW + "\nprint(numpy.__file__ != '')", requirements=wish)
    assert place.ended(job).state is JobState.SUCCEEDED
    assert printed(place, job) == "one\nTrue\n"
    states = [(e["state"], e.get("reason", "")) for e in place.events(job) if e["k"] == "state"]
    assert states[0] == ("STARTING", "installing 2 packages")
    assert [state for state, _ in states if state != "STARTING"] == ["RUNNING", "SUCCEEDED"]
    assert notes(place, job)[0].startswith("installed for this job: tinything-1.0 (")
    again = place.submit(SHOW, requirements=wish + "\n# a comment changes nothing")
    assert place.ended(again).state is JobState.SUCCEEDED
    assert place.states(again) == ["RUNNING", "SUCCEEDED"]
    other = place.submit(SHOW, requirements=wishing(wheels, "tinything"))
    assert place.ended(other).state is JobState.SUCCEEDED
    assert printed(place, other) == "two\n"
    plain = place.submit("import tinything")
    assert place.ended(plain).state is JobState.FAILED
    assert len(made(place)) == 2


def test_programs_and_children_of_the_job_have_the_packages_too(place: Place, wheels: Path) -> None:
    job = place.submit(
        "import subprocess, sys\n"
        "for python in (sys.executable, 'python'):\n"
        "    print(subprocess.run([python, '-c', 'import tinything; print(tinything.VALUE)'],"
        " capture_output=True, text=True).stdout, end='')",
        requirements=wishing(wheels, "tinything==1.0"),
    )
    place.ended(job)
    assert printed(place, job) == "one\none\n"


def test_a_secret_and_the_slots_are_kept_over_the_installation(place: Place, wheels: Path) -> None:
    job = place.queue(
        "import os, tinything\nprint(len(os.environ['MY_TOKEN']), os.environ['MY_TOKEN'])",
        requirements=wishing(wheels, "tinything"),
        secrets=("MY_TOKEN",),
        cpus=2,
    )
    place.nudge(job=job, secrets={"MY_TOKEN": "s3cr3t-value"})
    assert place.ended(job).state is JobState.SUCCEEDED
    assert printed(place, job) == "12 ***MY_TOKEN***\n"


@pytest.mark.parametrize("version", ["1.0", "3"], ids=["installed", "refused"])
def test_a_value_that_lies_on_no_disk_does_not_come_there_by_pips_words(
    place: Place, wheels: Path, tmp_path: Path, version: str
) -> None:
    hidden = "s3cr3t-part-of-a-path"
    (tmp_path / hidden).symlink_to(wheels)
    wish = f"--no-index\n--find-links {tmp_path}/${{MY_TOKEN}}\ntinything=={version}\n"
    job = place.queue("import tinything", requirements=wish, secrets=("MY_TOKEN",))
    place.nudge(job=job, secrets={"MY_TOKEN": hidden})
    state = JobState.SUCCEEDED if version == "1.0" else JobState.FAILED
    assert place.ended(job).state is state
    files = [path for path in place.home.root.rglob("*") if path.is_file()]
    assert [path for path in files if hidden.encode() in path.read_bytes()] == []


def test_a_requirement_that_does_not_exist_fails_in_one_sentence_with_pips_last_lines(
    place: Place, wheels: Path
) -> None:
    job = place.submit(SHOW, requirements=wishing(wheels, "tinything==3"))
    row = place.ended(job)
    assert row.state is JobState.FAILED
    assert row.reason == "CannotInstall: -r: tinything==3 is in no index that pip was given"
    error = next(e["error"] for e in place.events(job) if e.get("error"))
    assert "(from versions: 1.0, 2.0)" in error["message"]
    assert "kernel's environment" in error["hint"]
    assert made(place) == []


def test_two_jobs_that_want_the_same_make_it_once_and_the_second_says_that_it_waits(
    place: Place, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = slow_pip(tmp_path, monkeypatch, place)
    wish = wishing(wheels, "tinything==1.0")
    first = place.submit(SHOW, requirements=wish)
    pip_pid(gate)
    assert wait_until(lambda: place.row(first).reason == "installing 1 package", "its reason")
    second = place.submit(SHOW, requirements=wish)
    wait_until(lambda: "waiting for another job" in place.row(second).reason, "its reason")
    assert place.row(second).state is JobState.STARTING
    gate.unlink()
    for job in (first, second):
        assert place.ended(job).state is JobState.SUCCEEDED
    assert len(made(place)) == 1
    assert notes(place, second) == []


def test_a_cancel_while_packages_are_installed_ends_pip_and_leaves_nothing(
    place: Place, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = slow_pip(tmp_path, monkeypatch, place)
    job = place.submit(SHOW, requirements=wishing(wheels, "tinything==1.0"))
    pid = pip_pid(gate)
    place.cancel(job)
    assert place.ended(job).state is JobState.CANCELLED
    wait_until(lambda: not is_alive(pid), "pip's end")
    assert "RUNNING" not in place.states(job)
    assert made(place) == []


def test_an_installation_outlives_the_agent(
    place: Place, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = slow_pip(tmp_path, monkeypatch, place)
    job = place.submit(SHOW, requirements=wishing(wheels, "tinything==1.0"))
    pip_pid(gate)
    place.kill_agent()
    gate.unlink()
    place.nudge()
    assert place.ended(job).state is JobState.SUCCEEDED
    assert printed(place, job) == "one\n"
    assert place.states(job).count("RUNNING") == 1


def test_a_killed_installation_is_never_taken_for_whole(
    place: Place, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = slow_pip(tmp_path, monkeypatch, place)
    job = place.submit(SHOW, requirements=wishing(wheels, "tinything==1.0"))
    pip_pid(gate)
    wait_until(lambda: place.worker_pid(job), "its process")
    os.kill(place.worker_pid(job), signal.SIGKILL)
    gate.unlink()
    row = place.ended(job)
    assert (row.state, row.attempt) == (JobState.SUCCEEDED, 2)
    assert place.states(job).count("RUNNING") == 1
    assert len(made(place)) == 1
    environment = made(place)[0]
    assert [p for p in environment.parent.iterdir() if p.is_dir()] == [environment]


def test_prune_leaves_an_environment_that_a_job_uses_and_removes_it_afterwards(
    place: Place, wheels: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    job = place.submit(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)",
        requirements=wishing(wheels, "tinything==1.0"),
    )
    pid = place.running(job)
    later = 10**10

    def pruned() -> list[Any]:
        gone = prune(place.registry, now=later, older_than_s=60)
        return [item for item in gone if item.environment]

    assert pruned() == []
    assert lease_holder(place.paths(job).lease()) == pid
    go.touch()
    place.ended(job)
    wait_until(lambda: not is_alive(pid), "its end")
    assert [item.freed_bytes > 0 for item in pruned()] == [True]
    assert list(place.home.environments.iterdir()) == []
