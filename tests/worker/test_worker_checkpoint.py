"""Checkpoints in a plain directory, as at home."""

from __future__ import annotations

import shutil

import pyarrow
import pyarrow.parquet
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


def test_data_is_a_path_wherever_one_is_wanted(run, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("x,y\n1,2\n")
    job = run(
        "import os, jupyter_cloudml as c, pandas\n"
        "d = c.data['train']\n"
        "joined = (d / 'a.csv').read_text()\nnames = os.listdir(d)\nkind = d.is_dir()\n"
        "frame = pandas.read_csv(c.data['file'])\n"
        "named = [str(d), d.name, repr(d), d == d.path]\n"
        "all_of_them = sorted(c.data), sorted(c.data()), len(c.data), 'no' in c.data\n"
        "try:\n    c.data['no']\nexcept Exception as exc:\n    said = str(exc)\n"
        "try:\n    d.nonsense\nexcept AttributeError as exc:\n    also = str(exc)",
        data={"train": (tmp_path / "d").as_uri(), "file": (tmp_path / "d" / "a.csv").as_uri()},
    )
    assert job.state == "SUCCEEDED", job.error
    there = job.namespace
    assert there["joined"] == "x,y\n1,2\n"
    assert (there["names"], there["kind"]) == (["a.csv"], True)
    assert there["frame"].to_dict("list") == {"x": [1], "y": [2]}
    uri = (tmp_path / "d").as_uri()
    assert there["named"] == [str(tmp_path / "d"), "d", f"<data 'train': {uri}>", True]
    assert there["all_of_them"] == (["file", "train"], ["file", "train"], 2, False)
    assert "no data 'no' was given to this job; known: train, file" in there["said"]
    assert "has no 'nonsense'" in there["also"]
    assert there["d"].uri == uri


def test_data_is_a_lazy_frame_and_a_stream_of_batches(run, tmp_path):
    (tmp_path / "d").mkdir()
    for i in range(2):
        pyarrow.parquet.write_table(
            pyarrow.table({"x": [i * 2, i * 2 + 1]}), tmp_path / "d" / f"{i}.parquet"
        )
    job = run(
        "import jupyter_cloudml as c, narwhals as nw\n"
        "total = c.data['train'].lazy().select(nw.col('x').sum()).collect().item()\n"
        "seen = [batch['x'].tolist() for batch in c.data['train'].stream(batch_size=3).loader(1)]",
        data={"train": (tmp_path / "d").as_uri()},
    )
    assert job.state == "SUCCEEDED", job.error
    assert job.namespace["total"] == 6
    assert job.namespace["seen"] == [[0, 1, 2], [3]]
