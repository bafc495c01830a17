"""A result that comes home late never takes away what the notebook has done meanwhile."""

from __future__ import annotations

import pytest

SETUP = """
import array, collections, datetime, decimal, random
import numpy as np, pandas as pd, torch

class Net:
    built = 0
    def __init__(self):
        self.weights, self.name, self.when = [0.5, float("nan")], "net", datetime.date(2020, 1, 1)

class Slotted:
    __slots__ = ("part",)
    def __init__(self):
        self.part = {"k": (1, [2])}

def make():
    def count(step=[1]):
        return step
    count.tag = {"a"}
    return count
"""
ZOO = {
    "list": ("x = [1, 2.5, 'a', float('nan'), (1, [2])]", "x.append(9)", "x[0] = -1"),
    "nested": ("x = {'k': [{1, 2}, [3]]}", "x['k'][1].append(9)", "x['k'][1].append(5)"),
    "dict": ("x = {'a': 1, (1, 2): decimal.Decimal('1.5')}", "x['new'] = 1", "x['a'] = 2"),
    "set": ("x = {1, 'b', (2, 3)}", "x.add(9)", "x.add(7)"),
    "deque": ("x = collections.deque([1, 2])", "x.append(9)", "x.append(7)"),
    "bytes": ("x = bytearray(b'abc')", "x[0] = 65", "x[1] = 66"),
    "object": ("x = Net()", "x.weights.append(1.0)", "x.weights[0] = 9.0"),
    "slots": ("x = Slotted()", "x.part = 5", "x.part['k'] = 0"),
    "class": ("x = Net", "x.built = 5", "x.built = 7"),
    "function": ("x = make()", "x.tag = 5", "x.tag = 7"),
    "array": ("x = np.arange(6.0).reshape(2, 3)", "x[0, 0] = 9", "x[1, 1] = 7"),
    "big array": ("x = np.zeros(100_000)", "x[0] = 9", "x[1] = 7"),
    "strided": ("y = np.arange(10); x = y[::2]", "x[0] = 9", "x[1] = 7"),
    "objects": ("x = np.array([[1], 'b'], dtype=object)", "x[1] = 9", "x[1] = 7"),
    "tensor": ("x = torch.zeros(3, requires_grad=True)", "x.data[0] = 9", "x.data[1] = 7"),
    "model": (
        "x = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))",
        "x[0].bias.data[0] = 9",
        "x[0].weight.data[0] = 7; x.eval()",
    ),
    "frame": (
        "x = pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': pd.Series([[1], {'k': 2}], dtype=object)})",
        "x['a'] = 9",
        "x['new'] = 7",
    ),
    "wide frame": ("x = pd.DataFrame(np.zeros((40_000, 9)))", "x[3] = 9.0", "x[4] = 7.0"),
    "series": ("x = pd.Series([1.0, float('nan')], name='s')", "x[0] = 9", "x[1] = 7"),
    "generator": ("x = np.random.default_rng(0)", "x.random()", "x.random(5)"),
    "random": ("x = random.Random(0)", "x.random()", "[x.random() for _ in range(5)]"),
    "counter": ("x = collections.Counter('aab')", "x['z'] += 1", "x['y'] += 1"),
    "array module": ("x = array.array('d', [1, 2])", "x[0] = 9", "x[1] = 7"),
}
LOOK = """
import pickle, cloudpickle
look = lambda: cloudpickle.dumps((x, vars(x).get('built') if isinstance(x, type) else 0))
"""


@pytest.mark.parametrize("kind", ZOO)
def test_what_the_notebook_left_alone_changes_in_place_as_ever(nb, kind):
    setup, _, there = ZOO[kind]
    nb.home(SETUP + setup)
    original = nb.ns["x"]
    before = repr(nb.home(LOOK)["look"]())
    applied = nb.far(there, "x", meanwhile="pass")
    assert applied.kept == ()
    assert nb.ns["x"] is original
    assert repr(nb.ns["look"]()) != before


@pytest.mark.parametrize("kind", ZOO)
def test_what_both_changed_stays_as_the_notebook_has_it(nb, kind):
    setup, here, there = ZOO[kind]
    nb.home(SETUP + setup)
    original = nb.ns["x"]
    nb.home(LOOK)
    applied = nb.far(there, "x", meanwhile=f"{here}\nbefore = look()")
    assert "x" in applied.kept
    assert nb.ns["x"] is original
    assert nb.ns["look"]() == nb.ns["before"]


def test_a_change_of_the_notebook_alone_is_no_conflict(nb):
    nb.home("mine = [1]; theirs = [1]")
    applied = nb.far("theirs.append(2)", meanwhile="mine.append(3)")
    assert applied.kept == ()
    assert (nb.ns["mine"], nb.ns["theirs"]) == ([1, 3], [1, 2])


def test_objects_that_belong_together_stay_together(nb):
    nb.home("""
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.Adam(model.parameters())
        other = [0]
    """)
    applied = nb.far(
        """
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
        other.append(1)
        report = {"model": model}
        steps = 2
        """,
        "torch",
        "model",
        "optimizer",
        "other",
        meanwhile="model.bias.data.fill_(7); weight = model.weight.detach().clone()",
    )
    assert applied.kept == ("model", "optimizer", "report")
    assert nb.ns["model"].bias.item() == 7
    assert bool((nb.ns["model"].weight == nb.ns["weight"]).all())
    assert not nb.ns["optimizer"].state
    assert "report" not in nb.ns
    assert (nb.ns["other"], nb.ns["steps"]) == ([0, 1], 2)


@pytest.mark.parametrize(
    ("here", "meanwhile", "there", "kept", "value"),
    [
        ("x = [1]", "x = [5]", "x = [2]", ("x",), [5]),
        ("x = [1]", "x.append(5)", "x = [2]", ("x",), [1, 5]),
        ("x = [1]", "x = [5]", "x.append(2)", ("x",), [5]),
        ("x = [1]", "x = [5]", "del x", ("x",), [5]),
        ("x = [1]", "pass", "x = [2]", (), [2]),
        ("x = 1", "x = int('1')", "x = 2", (), 2),
        ("x = 1", "x = 2", "x = 2", (), 2),
        ("x = 1", "x = 3", "x += 1", ("x",), 3),
        ("x = [1]", "del x", "x = [2]", (), [2]),
        ("y = 1", "x = [5]", "x = [2]", ("x",), [5]),
        ("y = 1", "pass", "x = [2]", (), [2]),
    ],
)
def test_a_name_is_bound_unless_the_notebook_has_bound_or_changed_it(
    nb, here, meanwhile, there, kept, value
):
    nb.home(here)
    assert nb.far(there, meanwhile=meanwhile).kept == kept
    assert nb.ns["x"] == value


def test_a_name_that_was_not_captured_is_bound_only_if_it_is_what_it_was(nb):
    nb.home("x = [1]; y = [1]; z = 0")
    applied = nb.far("x = 2; y = 2", "z", binds=["x"], meanwhile="y = [7]")
    assert (nb.ns["x"], nb.ns["y"], applied.kept) == (2, [7], ("y",))
