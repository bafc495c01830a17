"""Which samples make up a batch: every sample once, ranks apart, the same batches with any number of workers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.streaming.order import Order
from jupyter_cloudml.streaming.position import position_of


def make(rows, **options):
    defaults = {
        "batch_size": 4,
        "epoch": 0,
        "shuffle": True,
        "seed": 1,
        "window": 8,
        "drop_last": False,
        "rank": 0,
        "world_size": 1,
        "lanes": 1,
    }
    return Order(rows=rows, **{**defaults, **options})


def samples_of(order, batch):
    """(unit, row) of one batch, by the windows of its lane, as a lane reads them."""
    lane, place = order.lane_of(batch)
    begin, end = order.span(lane, place)
    lane_begin, lane_end = order.lane_span(lane)
    found = []
    at = begin
    while at < end:
        first = lane_begin + (at - lane_begin) // order.window * order.window
        last = min(first + order.window, lane_end)
        picked = order.pick(first, last)
        until = min(last, end)
        found += zip(
            picked.units[at - first : until - first].tolist(),
            picked.rows[at - first : until - first].tolist(),
            strict=True,
        )
        at = until
    return found


def epoch_of(order):
    return [samples_of(order, batch) for batch in range(order.batches)]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(lambda rows: sum(rows)),
    batch_size=st.integers(1, 9),
    window=st.integers(1, 30),
    world_size=st.integers(1, 4),
    lanes=st.integers(1, 4),
    shuffle=st.booleans(),
)
def test_every_sample_comes_exactly_once_over_all_ranks(
    rows, batch_size, window, world_size, lanes, shuffle
):
    seen, counts = [], []
    for rank in range(world_size):
        order = make(
            rows,
            batch_size=batch_size,
            window=window,
            world_size=world_size,
            rank=rank,
            lanes=lanes,
            shuffle=shuffle,
        )
        batches = epoch_of(order)
        assert all(0 < len(batch) <= batch_size for batch in batches)
        seen += [sample for batch in batches for sample in batch]
        counts.append(len(batches))
    everything = [(unit, row) for unit, n in enumerate(rows) for row in range(n)]
    assert sorted(seen) == everything
    if batch_size > 1 and sum(rows) >= world_size:
        assert len(set(counts)) == 1


def test_without_shuffle_one_lane_gives_the_order_of_the_store():
    batches = epoch_of(make([3, 5], shuffle=False))
    assert [row for batch in batches for row in batch] == [(0, 0), (0, 1), (0, 2)] + [
        (1, row) for row in range(5)
    ]


def test_an_epoch_repeats_by_its_seed_and_another_epoch_is_another_order():
    rows = [30, 30, 30]
    assert epoch_of(make(rows)) == epoch_of(make(rows))
    assert epoch_of(make(rows)) != epoch_of(make(rows, epoch=1))
    assert epoch_of(make(rows)) != epoch_of(make(rows, seed=2))


def test_shuffling_mixes_units_with_each_other_and_rows_within_a_unit():
    order = make([100] * 10, batch_size=50, window=200)
    first = samples_of(order, 0)
    assert len({unit for unit, _ in first}) >= 2
    rows = [row for unit, row in first if unit == first[0][0]]
    assert max(rows) - min(rows) > 50
    assert rows != sorted(rows)


def test_dropping_the_last_gives_full_batches_alone_and_as_many_on_each_rank():
    orders = [make([7, 6], world_size=2, rank=rank, drop_last=True) for rank in range(2)]
    assert [[len(batch) for batch in epoch_of(order)] for order in orders] == [[4], [4]]


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_a_lane_reads_a_stretch_of_units_and_lanes_barely_share_any(lanes):
    order = make([16] * 12, lanes=lanes, shuffle=False)
    reached = [set(range(*order.reach(*order.lane_span(lane)))) for lane in range(lanes)]
    assert set().union(*reached) == set(range(12))
    assert sum(map(len, reached)) <= 12 + lanes - 1


def test_units_without_samples_are_passed_over():
    order = make([0, 4, 0, 0, 4, 0], batch_size=8, shuffle=False)
    assert [unit for unit, _ in samples_of(order, 0)] == [1] * 4 + [4] * 4
    assert np.array_equal(order.rows, [0, 4, 0, 0, 4, 0])


@pytest.mark.parametrize("word", ["epoch", "batch", "lanes"])
def test_a_damaged_position_is_none(word):
    whole = {"version": 1, "epoch": 1, "batch": 2, "lanes": 1, "samples": "s", "world_size": 1}
    assert position_of(whole, {}, "s", 1).batch == 2
    with pytest.raises(BadInput, match="is no position"):
        position_of({**whole, word: -1}, {}, "s", 1)
