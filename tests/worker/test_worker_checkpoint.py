"""Checkpoints in a plain directory, as at home."""

from __future__ import annotations

import shutil

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


SAVE = "import jupyter_cloudml as c\nfound = c.checkpoint.latest()\nat = c.checkpoint.latest_step() + 1\nc.checkpoint.save({'at': at}, step=at)"


def test_checkpoints_at_a_uri_outlive_the_job_and_the_next_job_with_it_goes_on(run, tmp_path):
    place = tmp_path / "kept here"
    first = run(SAVE, checkpoint_uri=place.as_uri(), id="0" * 12)
    assert first.namespace["found"] is None
    assert not list(first.paths.checkpoints.glob("step-*"))
    shutil.rmtree(first.paths.root)
    second = run(SAVE, checkpoint_uri=place.as_uri(), id="1" * 12)
    assert second.namespace["found"] == {"at": 0}
    assert second.kinds("checkpoint")[-1]["uri"].startswith(place.as_uri())
    assert sorted(path.name[:17] for path in place.iterdir()) == [
        "step-000000000000",
        "step-000000000001",
    ]


def test_a_job_resumes_one_whose_checkpoints_lie_at_a_uri(run, tmp_path):
    place = tmp_path / "there"
    run(SAVE, checkpoint_uri=place.as_uri(), id="0" * 12)
    second = run(SAVE, resume_from="0" * 12, id="1" * 12)
    assert second.namespace["found"] == {"at": 0}
    assert len(list(second.paths.checkpoints.glob("step-*"))) == 2
    assert len(list(place.iterdir())) == 1
    third = run(SAVE, resume_from="0" * 12, checkpoint_uri=place.as_uri(), id="2" * 12)
    assert third.namespace["found"] == {"at": 0}


def test_data_that_lies_here_is_a_path_in_the_cell(run, tmp_path):
    (tmp_path / "a b.csv").write_text("1,2")
    job = run(
        "import jupyter_cloudml as c\ntext = c.data['train'].read_text()",
        data={"train": (tmp_path / "a b.csv").as_uri()},
    )
    assert job.namespace["text"] == "1,2"
