"""The ledger: places, holders in other processes, and words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.agent.ledger import Capacity, Ledger, Needs
from jupyter_cloudml.agent.waiting import Waiting, reasons, startable
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.journal.home import DataHome


def make(tmp_path: Path, cpus: int = 2, gpus: int = 2) -> Ledger:
    return Ledger(DataHome(tmp_path), Capacity(cpus=cpus, gpus=tuple("01234567")[:gpus]))


def waiting(*needs: Needs) -> list[Waiting]:
    return [
        Waiting(job_id=f"j{number}", target="local", attempt=1, needs=need)
        for number, need in enumerate(needs)
    ]


def test_a_slot_is_given_once_until_it_is_given_back(tmp_path: Path) -> None:
    ledger = make(tmp_path, cpus=1)
    assert ledger.place("a", Needs()) is not None
    assert ledger.place("b", Needs()) is None
    ledger.give_back("a")
    assert ledger.place("b", Needs()) is not None


def test_a_slot_whose_lock_another_process_holds_is_taken_until_that_process_dies(
    tmp_path: Path,
) -> None:
    ledger = make(tmp_path, cpus=1)
    lock = tmp_path / "slots" / "cpu-0.lock"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom jupyter_cloudml.agent.start import hold_slots\n"
            f"hold_slots([{str(lock)!r}]); print('held', flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder.stdout:
        holder.stdout.readline()
        assert ledger.place("a", Needs()) is None
        assert ledger.reason("cpu") == f"all 1 cpu slots held by process {holder.pid}"
        holder.kill()
        holder.wait()
    assert ledger.place("a", Needs()) is not None


def test_a_gpu_job_sees_its_gpus_and_one_without_sees_what_the_notebook_sees(
    tmp_path: Path,
) -> None:
    ledger = Ledger(DataHome(tmp_path), Capacity(cpus=4, gpus=("2", "3")))
    with_gpu, without = ledger.place("a", Needs(gpus=2)), ledger.place("b", Needs())
    assert with_gpu is not None
    assert without is not None
    assert with_gpu.environ["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert without.environ == {}


def test_more_than_there_is_can_never_be_placed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this machine has 2"):
        make(tmp_path).check(Needs(gpus=3))


@pytest.mark.parametrize(
    ("environ", "nodes", "expected"),
    [
        ({}, ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"], ("0", "1")),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["nvidia0", "nvidia1"], ("0", "1")),
        ({"CUDA_VISIBLE_DEVICES": ""}, ["nvidia0"], ("0",)),
        ({"CLOUDML_GPUS": "3"}, [], ("0", "1", "2")),
        ({}, [], ()),
    ],
)
def test_gpus_are_counted_without_loading_a_driver(
    tmp_path: Path, environ: dict[str, str], nodes: list[str], expected: tuple[str, ...]
) -> None:
    for node in nodes:
        (tmp_path / node).touch()
    assert Capacity.detect(environ, tmp_path).gpus == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, ("0", "1", "2")),
        ("2, 0", ("2", "0")),
        ("1,7", ("1",)),
        ("", ()),
        ("-1", ()),
        ("1,-1,0", ("1",)),
        ("GPU-8932f937,1", ("GPU-8932f937", "1")),
    ],
)
def test_a_notebook_sees_the_gpus_that_it_was_restricted_to(
    named: str | None, expected: tuple[str, ...]
) -> None:
    environ = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert Capacity(cpus=1, gpus=("0", "1", "2")).seen_by(environ).gpus == expected


def test_jobs_of_two_notebooks_with_gpus_of_their_own_get_these_and_wait_for_these(
    tmp_path: Path,
) -> None:
    ledger = make(tmp_path, cpus=8, gpus=4)
    mine, yours = Needs(gpus=1, only_gpus=("2", "3")), Needs(gpus=2, only_gpus=("0", "2"))
    first = ledger.place("a", mine)
    assert first is not None
    assert first.environ == {"CUDA_VISIBLE_DEVICES": "2"}
    assert ledger.place("b", yours) is None
    assert reasons(waiting(yours), ledger) == {"j0": "gpu 2 held by job a"}
    anybody = ledger.place("c", Needs(gpus=2))
    assert anybody is not None
    assert anybody.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    with pytest.raises(BadInput, match="this machine has 2"):
        ledger.check(Needs(gpus=3, only_gpus=("2", "3")))


def test_a_big_gpu_job_is_not_starved_and_cpu_jobs_pass_it(tmp_path: Path) -> None:
    ledger = make(tmp_path, cpus=4, gpus=2)
    ledger.place("running", Needs(gpus=1))
    queue = waiting(Needs(gpus=2), Needs(gpus=1), Needs())
    assert [job.job_id for job in startable(queue, ledger)] == ["j2"]


def test_a_waiting_job_is_told_who_holds_its_gpu_and_its_place(tmp_path: Path) -> None:
    ledger = make(tmp_path, cpus=4, gpus=1)
    ledger.place("abc", Needs(gpus=1))
    told = reasons(waiting(Needs(gpus=1), Needs(gpus=1)), ledger)
    assert told == {
        "j0": "gpu 0 held by job abc",
        "j1": "gpu 0 held by job abc; 1 ahead of you",
    }
