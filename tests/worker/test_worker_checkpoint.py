"""Checkpoints in a plain directory, as at home."""

from __future__ import annotations

import pytest

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.worker import checkpoint


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_run_that_counts_from_zero_again_keeps_what_it_saves():
    for step in (10, 11, 12):
        checkpoint.save({"s": step}, step=step)
    path = checkpoint.save({"s": 0}, step=0)
    assert path.exists()
    assert checkpoint.latest() == {"s": 0}


def test_only_the_newest_are_kept():
    paths = [checkpoint.save(step, step=step, keep=2) for step in range(4)]
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_keeping_nothing_is_refused():
    with pytest.raises(BadInput, match="keep nothing"):
        checkpoint.save({}, step=1, keep=0)
