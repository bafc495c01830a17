"""``cloudml.log`` with what is no number: one sentence, and nothing in the journal."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.journal.reader import JournalReader
from jupyter_cloudml.journal.writer import JournalWriter
from jupyter_cloudml.worker import context, sdk


class Odd:
    def __float__(self):
        raise RuntimeError("not now")

    __index__ = __float__


@pytest.fixture
def job(tmp_path: Path):
    """A job's context around the test, and the metric events that it has journalled so far."""
    with JournalWriter(tmp_path / "journal.jsonl") as writer:
        context.enter(
            context.JobContext(
                job_id="0" * 12,
                rank=0,
                params={},
                paths=None,
                checkpoints=tmp_path,
                data={},
                writer=writer,
            )
        )
        yield lambda: [(e["m"], e["s"]) for e in JournalReader(tmp_path / "journal.jsonl").read()]
        context.leave()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"loss": "high"}, "metric 'loss' is a str, not a number"),
        ({"loss": None}, "metric 'loss' is a NoneType, not a number"),
        ({"loss": 10**400}, "metric 'loss' is beyond what a float holds"),
        ({"loss": torch.ones(3)}, "metric 'loss' is a Tensor, not a number"),
        ({"lr": 1, "loss": Odd()}, "metric 'loss' is a Odd, not a number"),
        ({"loss": 1, "step": 1.5}, "step is a float, not a whole number"),
        ({"loss": 1, "step": "7"}, "step is a str, not a whole number"),
        ({"loss": 1, "step": np.array([1, 2])}, "step is a ndarray, not a whole number"),
        ({"loss": 1, "step": torch.tensor(1.5)}, "step is a Tensor, not a whole number"),
        ({"loss": 1, "step": Odd()}, "step is a Odd, not a whole number"),
        ({"loss": 1, "step": 2**63}, "step has more than 64 bits"),
        ({"loss": 1, "step": 10**5000}, "step has more than 64 bits"),
    ],
)
def test_what_is_no_number_is_one_sentence_and_takes_no_step(job, words, said):
    with pytest.raises(BadInput, match=said):
        sdk.log(**words)
    sdk.log(loss=1)
    assert job() == [({"loss": 1.0}, 0)]


@pytest.mark.parametrize(
    "value", [np.float32(2), np.int8(2), True + 1, Decimal(2), Fraction(4, 2), torch.tensor([2.0])]
)
@pytest.mark.parametrize("step", [-(2**63), np.int64(5), True, torch.tensor(5)])
def test_what_float_and_index_take_is_taken(job, value, step):
    sdk.log(loss=value, step=step)
    assert job() == [({"loss": 2.0}, int(step))]
