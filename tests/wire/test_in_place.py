"""Objects that the far cell changes in place change at home, for every alias."""

from __future__ import annotations

import pytest

CONTAINERS = {
    "list append": ("a = [1, 2]", "a.append(3)"),
    "list assign": ("a = [1, 2]", "a[0] = 'x'"),
    "list clear": ("a = [1, 2]", "a.clear()"),
    "dict set": ("a = {'k': 1}", "a['k'] = 2; a['n'] = 3"),
    "dict delete": ("a = {'k': 1, 'l': 2}", "del a['k']"),
    "dict reorder": ("a = {'k': 1, 'l': 2}", "a['k'] = a.pop('k')"),
    "set": ("a = {1, 2}", "a.add(3); a.discard(1)"),
    "bytearray": ("a = bytearray(b'ab')", "a[0] = 120; a += b'c'"),
    "deque": (
        "from collections import deque\na = deque([1, 2], maxlen=3)",
        "a.append(3); a.append(4)",
    ),
    "defaultdict": (
        "from collections import defaultdict\na = defaultdict(list)",
        "a['x'].append(1)",
    ),
    "Counter": ("from collections import Counter\na = Counter('ab')", "a.update('aab')"),
    "OrderedDict": (
        "from collections import OrderedDict\na = OrderedDict(x=1, y=2)",
        "a.move_to_end('x')",
    ),
    "array": ("from array import array\na = array('i', [1, 2])", "a.append(3)"),
    "nested": ("a = {'l': [1, {'d': [2]}]}", "a['l'][1]['d'].append(3)"),
    "numpy": ("import numpy as np\na = np.arange(4)", "a[1] = 9"),
    "numpy object": ("import numpy as np\na = np.array([1, 'x', None], object)", "a[2] = [1]"),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_container_changed_there_is_changed_here_for_its_alias_too(nb, case):
    setup, cell = CONTAINERS[case]
    nb.home(setup + "\nalias = [a]\nimport copy; expected = copy.deepcopy(a)")
    original = nb.ns["a"]
    nb.far(cell, "a")
    nb.home(
        cell.replace("a[", "expected[").replace("a.", "expected.").replace("a +=", "expected +=")
    )
    assert nb.ns["a"] is original is nb.ns["alias"][0]
    assert type(original) is type(nb.ns["expected"])
    assert list(original) == list(nb.ns["expected"])
    assert repr(original) == repr(nb.ns["expected"])


def test_instance_attributes_slots_and_dataclass_fields_come_home(nb):
    nb.home(
        """
        from dataclasses import dataclass
        class Plain:
            pass
        class Slotted:
            __slots__ = ("x", "y")
        @dataclass
        class Config:
            lr: float = 0.1
            layers: list = None
        plain, slotted, config = Plain(), Slotted(), Config(layers=[1])
        plain.gone = 1
        slotted.x = 1
        """
    )
    plain, slotted, config = (nb.ns[name] for name in ("plain", "slotted", "config"))
    nb.far(
        "plain.new = [slotted]; del plain.gone; slotted.y = config; del slotted.x; config.lr = 1.0"
    )
    assert plain.new == [slotted]
    assert not hasattr(plain, "gone")
    assert slotted.y is config
    assert not hasattr(slotted, "x")
    assert config.lr == 1.0
    assert config.layers == [1]


def test_subclasses_of_containers_keep_their_content_and_attributes(nb):
    nb.home(
        """
        class L(list): pass
        class D(dict): pass
        l, d = L([1]), D(a=1)
        l.tag = d.tag = 'old'
        """
    )
    nb.far("l.append(2); l.tag = 'new'; d['b'] = l; d.tag = l")
    assert nb.ns["l"] == [1, 2]
    assert nb.ns["l"].tag == "new"
    assert nb.ns["d"]["b"] is nb.ns["d"].tag is nb.ns["l"]


def test_cyclic_references_survive_both_ways(nb):
    nb.home("a = [1]; a.append(a); d = {'self': None}; d['self'] = d")
    nb.far("a.append(d); b = [a]; b.append(b)")
    assert nb.ns["a"][1] is nb.ns["a"]
    assert nb.ns["a"][2] is nb.ns["d"]
    assert nb.ns["b"][0] is nb.ns["a"]
    assert nb.ns["b"][1] is nb.ns["b"]


def test_names_that_shared_an_object_share_it_after_the_trip(nb):
    nb.home("x = [1]; y = x; z = {'x': x}")
    nb.far("same = x is y is z['x']; w = y")
    assert nb.ns["same"] is True
    assert nb.ns["w"] is nb.ns["x"]


def test_object_that_cannot_be_patched_is_replaced_in_all_its_holders(nb):
    nb.home("import io; buffer = io.BytesIO(b'old'); holder = {'b': buffer}; pair = (buffer, 1)")
    nb.far("buffer.seek(0); buffer.write(b'new!')")
    assert nb.ns["holder"]["b"].getvalue() == b"new!"
    assert nb.ns["buffer"] is nb.ns["holder"]["b"]
    assert nb.ns["pair"][0].getvalue() == b"new!"


def test_array_whose_shape_changed_is_replaced_in_its_holders(nb):
    nb.home("import numpy as np; a = np.arange(4); holder = [a]")
    nb.far("a.resize((6,), refcheck=False); a[5] = 7")
    assert nb.ns["a"].tolist() == [0, 1, 2, 3, 0, 7]
    assert nb.ns["holder"][0] is nb.ns["a"]


def test_unchanged_objects_are_not_sent_home(nb):
    nb.home("import numpy as np; big = np.zeros(1_000_000); l = list(range(1000)); d = {'l': l}")
    nb.far("y = [big, d]")
    assert nb.result["regions"] == []
    assert nb.result["patches"] == []
    assert nb.ns["y"][0] is nb.ns["big"]


def test_large_array_changed_in_one_element_is_found_by_its_hash(nb):
    nb.home("import numpy as np; big = np.zeros(3_000_000); row = big[5:10]")
    original = nb.ns["big"]
    nb.far("big[7] = 1.5", "big")
    assert nb.ns["big"] is original
    assert nb.ns["row"].tolist() == [0, 0, 1.5, 0, 0]


def test_random_generators_go_on_where_the_cell_left_them(nb):
    nb.home(
        """
        import random
        import numpy as np, torch
        rng = np.random.default_rng(3); old = np.random.RandomState(4)
        r = random.Random(5); g = torch.Generator().manual_seed(6)
        def draw():
            return (rng.random(), old.rand(), r.random(), torch.rand(1, generator=g).item())
        import copy
        """
    )
    rng = nb.ns["rng"]
    nb.home("twins = copy.deepcopy((rng, old, r)); tg = torch.Generator().manual_seed(6)")
    nb.far("first = draw()", "draw")
    twins = nb.ns["twins"]
    torch = nb.ns["torch"]
    for expected in (nb.ns["first"], nb.ns["draw"]()):
        assert expected == (
            twins[0].random(),
            twins[1].rand(),
            twins[2].random(),
            torch.rand(1, generator=nb.ns["tg"]).item(),
        )
    assert nb.ns["rng"] is rng


def test_only_restricts_names_and_the_changes_that_they_reach(nb):
    nb.home("a = [1]; b = [1]; c = {'a': a}")
    applied = nb.far("a.append(2); b.append(2); d = 1; e = 2", only=["c", "e"])
    assert nb.ns["c"] == {"a": [1, 2]}
    assert nb.ns["b"] == [1]
    assert "d" not in nb.ns
    assert set(applied.names) == {"c", "e"}


def test_name_that_cannot_come_home_is_left_out_with_a_reason(nb):
    nb.home("a = [1]")
    applied = nb.far(
        "import threading; lock = threading.Lock(); lock.acquire(); a.append(2); b = (i for i in a)"
    )
    assert set(applied.left_out) == {"lock", "b"}
    assert "a lock" in applied.left_out["lock"]
    assert nb.ns["a"] == [1, 2]


def test_value_above_the_limit_stays_there_and_says_so(nb):
    nb.home("x = 1")
    applied = nb.far("import numpy as np; big = np.zeros(10_000); y = 2", max_bytes=10_000)
    assert "above the limit" in applied.left_out["big"]
    assert nb.ns["y"] == 2


def test_deleted_names_are_deleted(nb):
    nb.home("x = 1; y = 2")
    applied = nb.far("del x")
    assert "x" not in nb.ns
    assert applied.deleted == ("x",)


def test_exception_comes_home_with_its_type_attributes_and_cause(nb):
    nb.home(
        """
        class Failed(RuntimeError):
            def __init__(self, code, *, detail):
                super().__init__(f"code {code}")
                self.code, self.detail = code, detail
            def __reduce__(self):
                return (_failed, (self.code, self.detail), self.__dict__)
        def _failed(code, detail):
            return Failed(code, detail=detail)
        def run():
            try:
                1 / 0
            except ZeroDivisionError as exc:
                raise Failed(7, detail=[1]) from exc
        """
    )
    applied = nb.far("run()")
    assert type(applied.exception) is nb.ns["Failed"]
    assert applied.exception.code == 7
    assert isinstance(applied.exception.__cause__, ZeroDivisionError)


def test_exception_that_cannot_travel_is_told_by_type_and_message(nb):
    nb.home("class Bad(Exception):\n    def __reduce__(self): raise TypeError('no')")
    applied = nb.far("raise Bad('what happened')")
    assert "Bad: what happened" in str(applied.exception)
