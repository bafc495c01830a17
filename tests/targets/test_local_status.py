"""Where a local job stands, from the evidence: pure."""

import os
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.targets.local.status import Evidence, LocalRef, stat_from, status_from

# /proc/<pid>/stat of a process that renamed itself, Linux 6.1
ODD_STAT = (
    "4242 (a) R (b ) S 1 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2707456 217 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
)


def test_a_command_with_parentheses_does_not_confuse_the_parser():
    stat = stat_from(ODD_STAT)
    assert (stat.state, stat.starttime, stat.is_running) == ("S", 987654, True)


def test_a_zombie_is_not_running():
    assert not stat_from(ODD_STAT.replace(") S ", ") Z ")).is_running


def test_our_own_stat_is_parsed():
    assert stat_from(Path(f"/proc/{os.getpid()}/stat").read_text()).is_running


def test_a_ref_survives_the_trip_through_text():
    ref = LocalRef(pid=1, starttime=2, job_id="0123456789ab")
    assert LocalRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text", ["local:1:2", "local:x:2:0123456789ab", "local:1:2:../../../etc/", "a"]
)
def test_a_foreign_ref_is_refused(text):
    with pytest.raises(BadInput):
        LocalRef.parse(text)


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (Evidence(is_alive=True), "STARTING"),
        (Evidence(is_alive=True, reported=JobState.RUNNING), "RUNNING"),
        (Evidence(is_alive=True, reported=JobState.RUNNING, is_cancel_wanted=True), "STOPPING"),
        (Evidence(is_alive=True, reported=JobState.SUCCEEDED), "SUCCEEDED"),
        (Evidence(is_alive=False, reported=JobState.SUCCEEDED, is_cancel_wanted=True), "SUCCEEDED"),
        (Evidence(is_alive=False, reported=JobState.RUNNING), "LOST"),
        (Evidence(is_alive=False, reported=JobState.RUNNING, is_cancel_wanted=True), "CANCELLED"),
        (Evidence(is_alive=False), "LOST"),
        (Evidence(is_alive=False, is_superseded=True), "LOST"),
    ],
)
def test_the_state_follows_from_word_life_and_wish(evidence, state):
    assert status_from(evidence).state == state


def test_a_loss_says_how_the_process_ended():
    assert "signal 9" in status_from(Evidence(is_alive=False, exit_code=-9)).reason
    assert "exit code 3" in status_from(Evidence(is_alive=False, exit_code=3)).reason
