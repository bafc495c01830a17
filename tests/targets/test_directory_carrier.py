"""The directory carrier passes the shipped suite, and says when its share is not there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.atomic import write_atomic
from jupyter_cloudml.targets.carriers.directory import DirectoryCarrier
from jupyter_cloudml.testing import CarrierSuite


class Meter:
    """Counts bytes, and does something once when a number of them has passed."""

    def __init__(self):
        self.total = 0
        self.limit = 1 << 60
        self.action: Callable[[], None] = lambda: None

    def __call__(self, size: int) -> None:
        if self.total + size > self.limit:
            self.limit = 1 << 60
            self.action()
        self.total += size


class TestDirectory(CarrierSuite):
    @pytest.fixture
    def carrier(self, tmp_path):
        (tmp_path / "share").mkdir()
        return DirectoryCarrier(tmp_path / "share", meter=Meter())

    def read_far(self, carrier, job_id, name):
        path = carrier.root / job_id / name
        return path.read_bytes() if path.exists() else None

    def write_far(self, carrier, job_id, name, data):
        write_atomic(carrier.root / job_id / name, data)

    def traffic(self, carrier):
        return carrier._meter.total

    def at_bytes(self, carrier, size, action):
        carrier._meter.limit = carrier._meter.total + size
        carrier._meter.action = action

    def test_a_share_that_is_not_mounted_is_unavailable(self, carrier, job):
        carrier.push(job)
        away = carrier.root.rename(Path(str(carrier.root) + "-away"))
        for call in (lambda: carrier.push(job), lambda: carrier.pull(job, {})):
            with pytest.raises(Unavailable, match="mounted"):
                call()
        assert not carrier.root.exists()
        away.rename(carrier.root)
        carrier.push(job)
