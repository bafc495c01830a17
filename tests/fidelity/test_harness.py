"""The judge is judged: it sees the differences that a user would, and none that chance makes."""

from __future__ import annotations

import json
import types

import numpy as np
import pandas as pd
import pytest
import torch

from tests.fidelity.cells import Cell, Notebook, read
from tests.fidelity.compare import compare
from tests.fidelity.outputs import JOB_CARD, CellOutputs
from tests.fidelity.probe import _Writer
from tests.fidelity.run import bench


def digest(**values: object) -> list[str]:
    writer = _Writer()
    return [writer.text(value, name) for name, value in values.items()]


def shared() -> dict[str, object]:
    one = [1]
    return {"a": one, "b": [one]}


class Thing:
    def __init__(self, v: object) -> None:
        self.v = v


def frozen() -> np.ndarray:
    array = np.zeros(2)
    array.flags.writeable = False
    return array


def view() -> dict[str, object]:
    base = np.zeros(4)
    return {"a": base, "b": base[:2]}


def leaf(*, grad: bool) -> torch.Tensor:
    tensor = torch.ones(1, requires_grad=True)
    if grad:
        tensor.sum().backward()
    return tensor


def frame(value: float, index: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"x": [value]}, index=[index])


PAIRS = {
    "a value": ({"a": 1}, {"a": 2}),
    "a type": ({"a": 1}, {"a": 1.0}),
    "the order of a dict": ({"a": {1: 1, 2: 2}}, {"a": {2: 2, 1: 1}}),
    "lost sharing": (shared(), {"a": [1], "b": [[1]]}),
    "an attribute": ({"a": Thing(1)}, {"a": Thing(2)}),
    "an array's dtype": ({"a": np.zeros(2)}, {"a": np.zeros(2, "f4")}),
    "a frozen array": ({"a": frozen()}, {"a": np.zeros(2)}),
    "a view that became a copy": (view(), {"a": np.zeros(4), "b": np.zeros(2)}),
    "a column's dtype": ({"a": frame(1)}, {"a": frame(1.0)}),
    "a frame's index": ({"a": frame(1, 0)}, {"a": frame(1, 1)}),
    "requires_grad": ({"a": torch.ones(1)}, {"a": leaf(grad=False)}),
    "a gradient": ({"a": leaf(grad=False)}, {"a": leaf(grad=True)}),
}


@pytest.mark.parametrize("what", PAIRS)
def test_the_digest_sees(what):
    left, right = PAIRS[what]
    assert digest(**left) != digest(**right)


def test_equal_worlds_have_equal_digests():
    assert digest(**shared()) == digest(**shared())
    assert digest(a=Thing([1]), t=torch.ones(2)) == digest(a=Thing([1]), t=torch.ones(2))
    assert digest(s={"b", "a"}) == digest(s={"a", "b"})


def test_an_object_that_resists_is_written_and_not_raised():
    class Hostile(list):
        def __iter__(self):
            raise RuntimeError("no")

    assert "resists" in digest(a=Hostile())[0]
    assert digest(m=types)[0] == "module types"


def test_streams_are_joined_and_displays_updated_in_place():
    outputs = CellOutputs()
    outputs.add("stream", {"name": "stdout", "text": "a"})
    outputs.add("stream", {"name": "stdout", "text": "b\n"})
    display = {"data": {"text/plain": "old"}, "metadata": {}, "transient": {"display_id": "d"}}
    outputs.add("display_data", display)
    outputs.add("update_display_data", {**display, "data": {"text/plain": "new"}})
    text, shown = outputs.normal({})
    assert text == ("stdout", "ab\n")
    assert shown[1] == {"text/plain": "new"}


def test_clear_output_waits_for_the_next_output():
    outputs = CellOutputs()
    outputs.add("stream", {"name": "stdout", "text": "1"})
    outputs.add("clear_output", {"wait": True})
    assert outputs.normal({}) == [("stdout", "1")]
    outputs.add("stream", {"name": "stdout", "text": "2"})
    assert outputs.normal({}) == [("stdout", "2")]


def test_the_job_card_is_no_output_of_the_cell():
    outputs = CellOutputs()
    outputs.add("display_data", {"data": {JOB_CARD: {}}, "metadata": {}})
    assert outputs.normal({}) == []


def test_the_job_line_goes_above_a_cell_magic():
    assert Cell(id="x", source="%%time\nf()").in_cloud == "%%cloudtrain --on local\n%%time\nf()"


def test_a_notebook_file_is_read_cell_by_cell(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "# t"},
        {"cell_type": "code", "source": ["x = 1\n", "x"]},
        {"cell_type": "code", "source": " "},
    ]
    path = tmp_path / "nb.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    (notebook,) = read(path)
    assert [cell.source for cell in notebook.cells] == ["x = 1\nx"]


def notebook(*sources: str) -> Notebook:
    cells = (Cell(id=f"n/{i}", source=source) for i, source in enumerate(sources))
    return Notebook(name="n", cells=tuple(cells))


def test_a_difference_is_counted_in_the_cell_that_made_it():
    with bench() as made:
        left = made.run(notebook("x = [1]", "y = x", "print(len(y))", "1/0"), cloud=False)
        right = made.run(notebook("x = [1]", "y = [1]", "print(len(y))", "1/0"), cloud=False)
        again = made.run(notebook("x = [1]", "y = x", "print(len(y))", "1/0"), cloud=False)
    found = compare(left, right)
    assert [difference.cell_id for difference in found.differences] == ["n/1"]
    assert compare(left, again).share == 1.0


def test_outputs_errors_and_missing_names_are_seen():
    with bench() as made:
        left = made.run(notebook("print(1)", "1/0", "z = 3", "5"), cloud=False)
        right = made.run(notebook("print(2)", "{}['k']", "pass", "6"), cloud=False)
    what = {d.cell_id: " ".join(d.what) for d in compare(left, right).differences}
    assert set(what) == {"n/0", "n/1", "n/2", "n/3"}
    assert "stdout" in what["n/0"]
    assert "ZeroDivisionError" in what["n/1"]
    assert "absent" in what["n/2"]
