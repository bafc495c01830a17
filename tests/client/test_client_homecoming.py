"""What comes home when nothing of the capture is left in this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jupyter_cloudml.client.homecoming import rebuild
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.testing import make_job


@pytest.fixture
def home(tmp_path):
    return DataHome(tmp_path)


def ran(home, source, values):
    paths = make_job(home, source, values)
    subprocess.run(
        [sys.executable, "-m", "jupyter_cloudml.worker", str(paths.root)], check=True, timeout=120
    )
    return rebuild(paths)


def test_a_captured_object_that_was_only_changed_in_place_is_among_the_values(home):
    rebuilt = ran(home, "numbers.append(3)", {"numbers": [1, 2]})
    assert rebuilt.values() == {"numbers": [1, 2, 3]}


def test_every_name_that_reaches_the_changed_object_comes_and_no_other(home):
    inner = {"weights": [0.0]}
    values = {"inner": inner, "outer": [inner], "bystander": [7]}
    rebuilt = ran(home, "inner['weights'][0] = 1.0", values)
    assert set(rebuilt.values()) == {"inner", "outer"}
    assert rebuilt.values()["outer"][0] is rebuilt.values()["inner"]


def test_a_name_that_the_cell_deleted_does_not_come(home):
    rebuilt = ran(home, "numbers.append(3); del numbers", {"numbers": [1, 2]})
    assert rebuilt.values() == {}


def test_what_was_only_read_does_not_come(home):
    rebuilt = ran(home, "total = sum(numbers)", {"numbers": [1, 2]})
    assert rebuilt.values() == {"total": 3}
