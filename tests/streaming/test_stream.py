"""The stream as a training sees it: batches, epochs, ranks, and going on where it stopped."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import jupyter_cloudml as cloudml
from jupyter_cloudml.core.errors import BadInput, Corrupt, NotFound
from tests.streaming.conftest import numbers_of, write_parquet

N = 103
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def all_of(batches):
    return [n for batch in batches for n in numbers_of(batch)]


@pytest.mark.parametrize("num_workers", [0, 2, 3])
def test_an_epoch_has_every_sample_once_and_the_next_one_another_order(shards, num_workers):
    loader = cloudml.stream(shards, batch_size=8, shuffle=True).loader(num_workers)
    first, second = all_of(loader), all_of(loader)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert len(loader) == 13


def test_a_batch_is_a_tensor_a_column_and_a_list_of_what_is_no_number(shards):
    batch = next(iter(cloudml.stream(shards, batch_size=8)))
    assert batch["x"].dtype == torch.int64
    assert batch["y"].dtype == torch.float64
    assert batch["x"].tolist() == list(range(8))
    assert batch["name"] == [f"n{n}" for n in range(8)]


def test_a_batch_of_a_worker_lies_in_shared_memory_and_is_one_tensor_a_column(shards):
    for batch in cloudml.stream(shards, batch_size=8, columns=["x"]).loader(1):
        assert list(batch) == ["x"]
        assert batch["x"].is_shared()


def test_ranks_never_overlap_and_have_as_many_batches(shards):
    parts = [
        list(cloudml.stream(shards, batch_size=8, shuffle=True, rank=rank, world_size=3).loader(2))
        for rank in range(3)
    ]
    assert [len(part) for part in parts] == [5, 5, 5]
    assert sorted(n for part in parts for n in all_of(part)) == list(range(N))


def test_ranks_are_those_of_the_environment(shards, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    stream = cloudml.stream(shards, batch_size=8)
    assert (stream.rank, stream.world_size) == (1, 2)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("before", "after"), [(2, 2), (2, 3), (3, 1), (0, 2)])
def test_a_saved_position_goes_on_with_exactly_what_would_have_come(shards, before, after, shuffle):
    def made():
        return cloudml.stream(shards, batch_size=4, shuffle=shuffle, seed=5, window=16)

    whole = [numbers_of(batch) for batch in made().loader(before)]
    first = made().loader(before)
    batches = iter(first)
    seen = [numbers_of(next(batches)) for _ in range(7)]
    state = json.loads(json.dumps(first.state_dict()))
    second = made().loader(after)
    second.load_state_dict(state)
    rest = [numbers_of(batch) for batch in second]
    assert seen + rest == whole
    assert second.state_dict()["epoch"] == 1


def test_a_position_at_the_end_of_an_epoch_begins_the_next(shards):
    loader = cloudml.stream(shards, batch_size=50, shuffle=True).loader(2)
    for _batch in loader:
        state = loader.state_dict()
    assert state["batch"] == 3
    again = cloudml.stream(shards, batch_size=50, shuffle=True).loader(2)
    again.load_state_dict(state)
    assert list(again) == []
    assert all_of(again) == all_of(loader)


def test_an_epoch_left_early_is_followed_by_a_whole_one(shards):
    loader = cloudml.stream(shards, batch_size=8, shuffle=True).loader(2)
    for _ in loader:
        break
    assert sorted(all_of(loader)) == list(range(N))
    assert loader.state_dict()["epoch"] == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"batch_size": 5}, "batch_size=5, it was 4"),
        ({"seed": 2}, "seed=2, it was 1"),
        ({"rank": 0, "world_size": 2}, "world_size=2, it was 1"),
    ],
)
def test_a_position_of_another_order_is_refused(shards, options, why):
    made = {"batch_size": 4, "seed": 1, "shuffle": True}
    loader = cloudml.stream(shards, **made).loader(0)
    next(iter(loader))
    with pytest.raises(BadInput, match=why):
        cloudml.stream(shards, **{**made, **options}).load_state_dict(loader.state_dict())


def test_a_position_in_shards_that_have_changed_is_refused(shards, tmp_path):
    loader = cloudml.stream(shards, batch_size=4).loader(0)
    next(iter(loader))
    write_parquet(tmp_path / "shards" / "part-9.parquet", [1, 2])
    with pytest.raises(BadInput, match="the shards have changed"):
        cloudml.stream(shards, batch_size=4).load_state_dict(loader.state_dict())


def test_a_shard_written_anew_under_a_stream_is_an_error_not_other_samples(shards, tmp_path):
    stream = cloudml.stream(shards, batch_size=4)
    assert len(stream) == 26
    write_parquet(tmp_path / "shards" / "part-0.parquet", list(range(500, 540)), rows=3)
    with pytest.raises(Corrupt, match=r"part-0.parquet.*written anew"):
        list(stream)


def test_a_dataloader_of_ones_own_gets_all_samples_and_the_position_is_refused(shards):
    stream = cloudml.stream(shards, batch_size=8, shuffle=True)
    assert sorted(all_of(DataLoader(stream, batch_size=None, num_workers=2))) == list(range(N))
    with pytest.raises(BadInput, match="DataLoader of your own"):
        stream.state_dict()


def test_a_dataloader_of_ones_own_is_told_the_epoch(shards):
    stream = cloudml.stream(shards, batch_size=8, shuffle=True)
    epochs = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        epochs.append(all_of(DataLoader(stream, batch_size=None, num_workers=2)))
    assert epochs[0] == epochs[2] != epochs[1]


def test_a_transform_runs_in_the_worker_on_the_packed_batch(shards):
    def transform(batch):
        return {"pid": os.getpid(), "x": batch["x"] * 2}

    batches = list(cloudml.stream(shards, batch_size=8, transform=transform).loader(2))
    assert os.getpid() not in {batch["pid"] for batch in batches}
    assert sorted(all_of(batches)) == list(range(0, 2 * N, 2))


def test_a_stream_can_be_pickled(shards):
    stream = pickle.loads(pickle.dumps(cloudml.stream(shards, batch_size=8)))
    assert len(all_of(stream)) == N


def test_a_training_killed_in_the_middle_goes_on_at_the_sample_after_its_checkpoint(
    shards, tmp_path
):
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, signal, sys
            import jupyter_cloudml as cloudml
            loader = cloudml.stream({shards!r}, batch_size=4, shuffle=True).loader(2)
            state = cloudml.checkpoint.latest()
            if state is not None:
                loader.load_state_dict(state["data"])
            for step, batch in enumerate(loader):
                print(*batch["x"].tolist(), flush=True)
                cloudml.checkpoint.save({{"data": loader.state_dict()}}, step=step)
                if state is None and step == 9:
                    os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    seen = []
    for code in (-9, 0):
        done = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        assert done.returncode == code, done.stderr
        seen += [int(word) for word in done.stdout.split()]
    assert len(seen) == N
    assert sorted(seen) == list(range(N))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"batch_size": 2, "columns": []}, "leaves nothing"),
        ({"batch_size": 2, "rank": 2, "world_size": 2}, "rank 2 is none of 2"),
        ({"batch_size": 2, "rank": 1}, "go together"),
    ],
)
def test_wrong_options_are_refused_at_once(options, why):
    with pytest.raises(BadInput, match=why):
        cloudml.stream("s3://nowhere/x", **options)


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(NotFound, match="there is nothing"):
        len(cloudml.stream((tmp_path / "no").as_uri(), batch_size=2))


def test_an_option_of_the_stream_is_refused_by_the_loader(shards):
    with pytest.raises(BadInput, match=r"cloudml\.stream"):
        cloudml.stream(shards, batch_size=2).loader(0, batch_size=3)
