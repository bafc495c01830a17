"""Jobs from the registry to their end, through real agents."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.worker.huge_pages import AFTER_S

from .conftest import Place, wait_until


def stdout(place: Place, job: str) -> str:
    found = (e["output"] for e in place.events(job) if e["k"] == "output")
    return "".join(output.get("text", "") for output in found)


def test_the_first_job_of_a_cold_agent_runs_in_a_plainly_spawned_process(place: Place) -> None:
    job = place.submit("print('hello')")
    row = place.ended(job)
    assert row.state is JobState.SUCCEEDED, place.paths(job).worker_log.read_text()
    assert stdout(place, job) == "hello\n"


def test_a_warm_agent_hands_the_job_to_a_spare(place: Place) -> None:
    spares = place.spares_ready()
    job = place.submit("x = 1")
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.worker_pid(job) in spares


def test_a_spare_that_was_used_is_replaced(place: Place) -> None:
    before = place.spares_ready()
    job = place.submit("x = 1")
    place.ended(job)
    used = place.worker_pid(job)
    after = wait_until(lambda: set(place.spares_ready()) - set(before), "a new spare")
    assert used not in after


def test_two_spares_have_different_random_numbers(place: Place) -> None:
    place.spares_ready()
    source = "import random, numpy; print(random.random(), numpy.random.rand())"
    jobs = [place.submit(source), place.submit(source)]
    for job in jobs:
        place.ended(job)
    first, second = (stdout(place, job).split() for job in jobs)
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_a_spare_is_a_process_of_its_own_without_descriptors_of_the_zygote(place: Place) -> None:
    place.spares_ready()
    job = place.submit(
        "import os, signal\n"
        "links = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
        " if os.path.islink(f'/proc/self/fd/{n}')]\n"
        "print(os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,"
        " any('registry' in link or 'agent' in link for link in links))"
    )
    place.ended(job)
    assert stdout(place, job) == "True True False\n"


HUGE_KIB = """
import re, time
from pathlib import Path
def huge_kib():
    text = Path("/proc/self/smaps_rollup").read_text()
    return int(re.search(r"AnonHugePages: +(\\d+)", text).group(1))
"""


@pytest.mark.usefixtures("has_huge_pages")
def test_a_job_that_goes_on_has_what_it_copied_of_the_zygote_in_huge_pages(place: Place) -> None:
    spares = place.spares_ready()
    job = place.submit(
        f"{HUGE_KIB}end = time.monotonic() + 20\n"
        "while not huge_kib() and time.monotonic() < end:\n"
        "    time.sleep(0.1)\n"
        "print(huge_kib())"
    )
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.worker_pid(job) in spares
    assert int(stdout(place, job)) > 0


def test_a_job_with_a_memory_limit_gets_no_huge_pages_that_it_did_not_ask_for(place: Place) -> None:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if setting.exists() and "[always]" in setting.read_text():
        pytest.skip("here every process gets huge pages")
    place.spares_ready()
    job = place.submit(
        f"{HUGE_KIB}time.sleep({AFTER_S[0] + 1.5})\nprint(huge_kib())", memory_mib=4096
    )
    assert place.ended(job).state is JobState.SUCCEEDED, place.paths(job).worker_log.read_text()
    assert stdout(place, job) == "0\n"


def test_multiprocessing_spawn_does_not_run_the_zygote_again(place: Place) -> None:
    place.spares_ready()
    job = place.submit(
        "import multiprocessing, os\n"
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    print(pool.apply(abs, (-3,)))"
    )
    assert place.ended(job).state is JobState.SUCCEEDED
    assert stdout(place, job) == "3\n"


def test_a_job_in_another_environment_is_spawned_with_it(place: Place) -> None:
    spares = place.spares_ready()
    job = place.submit(
        "import os; print(os.environ['OMP_NUM_THREADS'])", env={"OMP_NUM_THREADS": "7"}
    )
    assert place.ended(job).state is JobState.SUCCEEDED
    assert place.worker_pid(job) not in spares
    assert stdout(place, job) == "7\n"


def test_at_most_two_zygotes_live_and_the_oldest_goes(place: Place) -> None:
    for count in ("1", "2", "3"):
        place.nudge("warm", python=sys.executable, environ={"OMP_NUM_THREADS": count})
    assert len(place.nudge("status")["zygotes"]) == 2


def test_an_interpreter_that_is_not_there_is_a_failure_with_its_name(place: Place) -> None:
    row = place.ended(place.submit("x = 1", python="/nowhere/python"))
    assert row.state is JobState.FAILED
    assert "'/nowhere/python' cannot be started" in row.reason


def test_a_secret_reaches_the_cell_and_no_file(place: Place) -> None:
    place.spares_ready()
    job = place.queue("import os; print(len(os.environ['API_KEY']))", secrets=("API_KEY",))
    place.nudge(job=job)
    wait_until(lambda: "API_KEY" in place.row(job).reason, "the reason")
    place.nudge(job=job, secrets={"API_KEY": "s3cr3t-value-here"})
    place.nudge(job=job)
    assert place.ended(job).state is JobState.SUCCEEDED
    assert stdout(place, job) == "17\n"
    files = [path for path in place.home.root.rglob("*") if path.is_file()]
    assert not [path for path in files if b"s3cr3t-value-here" in path.read_bytes()]


@pytest.mark.parametrize("level", ["none"])
def test_without_a_zygote_every_job_is_spawned(
    place: Place, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("CLOUDML_PRELOAD", level)
    for job in (place.submit("x = 1"), place.submit("y = 2")):
        assert place.ended(job).state is JobState.SUCCEEDED
    assert place.nudge("status")["zygotes"] == []


def test_packages_that_change_renew_the_zygote(place: Place, tmp_path: Path) -> None:
    site = tmp_path / "my-packages"
    site.mkdir()
    environ = {"PYTHONPATH": str(site)}
    place.nudge("warm", python=sys.executable, environ=environ)
    wait_until(lambda: [z for z in place.nudge("status")["zygotes"] if z["ready"]], "the zygote")
    first = place.nudge("status")["zygotes"][0]["pid"]
    (site / "new_package").mkdir()
    place.nudge("warm", python=sys.executable, environ=environ)
    assert place.nudge("status")["zygotes"][0]["pid"] != first
