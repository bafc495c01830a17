"""Functions and classes of the notebook keep their meaning and their identity."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


def test_function_sees_a_global_that_the_far_cell_rebinds(nb):
    nb.home("rate = 1\ndef pay(): return rate * 10\ndef twice(): return 2 * pay()")
    nb.far("rate = 5; got = twice()", "twice")
    assert nb.ns["got"] == 100
    assert nb.ns["twice"]() == 100


def test_function_defined_there_sees_globals_of_the_notebook(nb):
    nb.home("x = 1")
    nb.far("def f(): return x", "x")
    nb.home("x = 42")
    assert nb.ns["f"]() == 42


FUNCTIONS = {
    "defaults": ("def f(a, b=[1], *, c={'k': 2}): return a, b, c", "f(0)"),
    "lambda": ("k = 3\nf = lambda x: x + k", "f(1)"),
    "recursion": ("def f(n): return 1 if n < 2 else n * f(n - 1)", "f(5)"),
    "nested": ("def f():\n    def g(y): return y + h\n    h = 2\n    return g(1)", "f()"),
    "local recursion": (
        "def make():\n    def go(n): return 0 if n == 0 else 1 + go(n - 1)\n    return go\nf = make()",
        "f(4)",
    ),
    "generator function": ("def f():\n    yield from [1, 2]", "list(f())"),
    "async": ("async def f(): return 3", "__import__('asyncio').run(f())"),
    "async generator": (
        "async def a():\n    yield 1\nasync def f(): return [x async for x in a()]",
        "__import__('asyncio').run(f())",
    ),
    "decorator": (
        "import functools\ndef deco(g):\n    @functools.wraps(g)\n    def w(*a): return ['w', g(*a)]\n"
        "    return w\n@deco\ndef f(x):\n    'doc'\n    return x",
        "(f(1), f.__doc__, f.__name__, f.__wrapped__(2))",
    ),
    "partial": ("import functools\ndef g(a, b): return a - b\nf = functools.partial(g, 5)", "f(2)"),
    "lru_cache": (
        "import functools\n@functools.lru_cache(maxsize=7)\ndef f(n): return n if n < 2 else f(n-1) + f(n-2)",
        "(f(20), f.cache_parameters()['maxsize'])",
    ),
    "singledispatch": (
        "import functools\n@functools.singledispatch\ndef f(x): return 'any'\n"
        "@f.register\ndef _(x: int): return 'int'",
        "(f('a'), f(1))",
    ),
    "attributes": ("def f(): return f.calls\nf.calls = [1]", "f()"),
    "annotations": ("def f(a: int, b: 'list[str]') -> float: return a", "f.__annotations__"),
    "class in function": (
        "def f():\n    class A:\n        v = seed\n    return A.v\nseed = 9",
        "f()",
    ),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_function_gives_the_same_there_and_after_the_way_home(nb, kind):
    setup, call = FUNCTIONS[kind]
    nb.home(setup)
    expected = eval(call, nb.ns)
    f = nb.ns["f"]
    nb.far(f"got = {call}; h = f", "f")
    assert nb.ns["got"] == expected
    assert nb.ns["h"] is f
    nb.far(setup + "\nmoved = f", "f")
    assert eval(call, nb.ns) == expected


def test_closures_that_share_a_cell_go_on_sharing_it(nb):
    nb.home(
        """
        def counter():
            n = 0
            def inc():
                nonlocal n
                n += 1
                return n
            return inc, lambda: n
        inc, read = counter()
        """
    )
    nb.far("inc(); inc(); seen = read()")
    assert nb.ns["seen"] == 2
    assert nb.ns["read"]() == 2
    nb.ns["inc"]()
    assert nb.ns["read"]() == 3


def test_instance_made_there_is_of_the_class_here(nb):
    nb.home("class Net:\n    kind = 'a'\n    def me(self): return type(self) is Net")
    nb.far("result = Net(); result.v = 1; inside = result.me()", "Net")
    assert nb.ns["inside"]
    assert isinstance(nb.ns["result"], nb.ns["Net"])
    assert nb.ns["result"].me()


def test_class_attribute_and_method_changed_there_change_here(nb):
    nb.home("class C:\n    n = 0\n    gone = 1\nobj = C()")
    kind = nb.ns["C"]
    nb.far("C.n += 1; del C.gone; C.extra = lambda self: 'hi'")
    assert nb.ns["C"] is kind
    assert kind.n == 1
    assert not hasattr(kind, "gone")
    assert nb.ns["obj"].extra() == "hi"


def test_class_defined_again_there_is_a_new_class_here(nb):
    nb.home("class C:\n    v = 1\nold = C()")
    nb.far("class C:\n    v = 2\nnew = C()")
    assert nb.ns["C"].v == 2
    assert type(nb.ns["new"]) is nb.ns["C"]
    assert not isinstance(nb.ns["old"], nb.ns["C"])
    assert nb.ns["old"].v == 1


KINDS = {
    "enum": (
        "import enum\nclass T(enum.Enum):\n    A = 1\n    B = 2\nx = T.B",
        "x is T.B and T(1) is T.A",
    ),
    "int flag": (
        "import enum\nclass T(enum.IntFlag):\n    A = 1\n    B = 2\nx = T.A | T.B",
        "x == 3 and T.A in x",
    ),
    "namedtuple": (
        "from collections import namedtuple\nT = namedtuple('T', 'a b')\nx = T(1, b=2)",
        "x.b == 2 and type(x) is T",
    ),
    "typing namedtuple": (
        "from typing import NamedTuple\nclass T(NamedTuple):\n    a: int = 4\nx = T()",
        "x.a == 4 and isinstance(x, T)",
    ),
    "dataclass": (
        "from dataclasses import dataclass, field, replace\n@dataclass(order=True)\nclass T:\n    a: int\n    b: list = field(default_factory=list)\nx = T(1)",
        "replace(x, a=2) > x and T(1) == x",
    ),
    "frozen slots dataclass": (
        "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass T:\n    a: int\nx = T(1)",
        "x == T(1) and hash(x) == hash(T(1)) and not hasattr(x, '__dict__')",
    ),
    "abc": (
        "from abc import ABC, abstractmethod\nclass B(ABC):\n    @abstractmethod\n    def f(self): ...\nclass T(B):\n    def f(self): return 1\nx = T()\nB.register(int)",
        "isinstance(x, B) and isinstance(3, B)",
    ),
    "generic": (
        "from typing import Generic, TypeVar\nV = TypeVar('V')\nclass T(Generic[V]):\n    def __init__(self, v: V): self.v = v\nx = T[int](3)",
        "x.v == 3 and T[int].__args__ == (int,)",
    ),
    "property": (
        "class T:\n    def __init__(self): self._v = 2\n    @property\n    def v(self): return self._v\n    @v.setter\n    def v(self, n): self._v = n\n    @classmethod\n    def make(cls): return cls()\n    @staticmethod\n    def s(): return 5\nx = T()\nx.v = 7",
        "x.v == 7 and T.make().v == 2 and T.s() == 5",
    ),
    "super": (
        "class A:\n    def f(self): return ['A']\nclass T(A):\n    def f(self): return super().f() + ['T']\nx = T()",
        "x.f() == ['A', 'T']",
    ),
    "metaclass": (
        "class M(type):\n    def __call__(cls, *a): return super().__call__(*a)\n    def n(cls): return 6\nclass T(metaclass=M): pass\nx = T()",
        "T.n() == 6 and type(T) is M",
    ),
    "slots": (
        "class T:\n    __slots__ = ('a', '__b')\n    def __init__(self): self.a = 1; self.__b = 2\n    def b(self): return self.__b\nx = T()",
        "x.b() == 2 and not hasattr(x, '__dict__')",
    ),
    "bound method": (
        "class T:\n    def __init__(self): self.l = []\n    def add(self): self.l.append(1); return len(self.l)\no = T()\nx = o.add",
        "x() > 0 and x.__self__ is o",
    ),
    "nested class": (
        "class T:\n    class Inner:\n        v = 1\n    i = Inner()\nx = T.i",
        "type(x) is T.Inner",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_class_form_of_the_notebook_works_there_and_after_the_way_home(nb, kind):
    setup, check = KINDS[kind]
    nb.home(setup)
    assert eval(check, nb.ns)
    nb.far(f"ok = {check}; again = [x]")
    assert nb.ns["ok"] is True
    assert eval(check, nb.ns)
    nb.far(setup)
    assert eval(check, nb.ns)


SCALARS = [
    "float('nan')", "float('inf')", "-0.0", "2**200", "-(2**63)", "1 + 2j", "True", "None", "b'\\x00\\xff'",
    "'\\ud800'", "'é' * 5000", "b'x' * 9000", "__import__('decimal').Decimal('1.10')",
    "__import__('fractions').Fraction(1, 3)", "__import__('datetime').datetime(2024, 1, 2, tzinfo=__import__('datetime').timezone.utc)",
    "__import__('numpy').float32(1.5)", "__import__('numpy').datetime64('2024-01-01')", "__import__('pathlib').Path('/a/b')",
    "__import__('uuid').UUID(int=5)", "range(1, 9, 2)", "slice(1, None)", "frozenset({1, (2, 3)})", "...", "NotImplemented",
    "__import__('re').compile('a+')", "__import__('pandas').Timestamp('2024', tz='UTC')", "__import__('pandas').NaT", "int", "list[int]",
    "__import__('types').SimpleNamespace(a=1)", "__import__('io').StringIO('abc').getvalue()", "__import__('collections').ChainMap({1: 2})",
]  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalar_is_exact_both_ways(nb, text):
    value = nb.ns["x"] = eval(text)
    nb.far(f"x2 = [{text}][0]; there = repr(x); kind = type(x).__name__", "x")
    assert nb.ns["there"] == repr(value)
    assert nb.ns["kind"] == type(value).__name__
    assert repr(nb.ns["x2"]) == repr(value)
    assert type(nb.ns["x2"]) is type(value)


def test_sklearn_estimator_is_fitted_in_place(nb):
    pytest.importorskip("sklearn")
    nb.home(
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.tree import DecisionTreeClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        import numpy as np
        X = np.array([[0.0], [1.0], [2.0], [3.0]]); y = np.array([0, 0, 1, 1])
        pipe = make_pipeline(StandardScaler(), LogisticRegression()); tree = DecisionTreeClassifier()
        alias = pipe
        """
    )
    pipe = nb.ns["pipe"]
    nb.far("pipe.fit(X, y); tree.fit(X, y); p = pipe.predict(X)")
    assert nb.ns["alias"] is nb.ns["pipe"] is pipe
    assert pipe.predict(nb.ns["X"]).tolist() == [0, 0, 1, 1]
    assert nb.ns["tree"].predict(nb.ns["X"]).tolist() == [0, 0, 1, 1]
    nb.far("tree.fit(X, 1 - y); q = tree.predict(X)")
    assert nb.ns["tree"].predict(nb.ns["X"]).tolist() == [1, 1, 0, 0]


def test_matplotlib_figure_travels_and_changes_come_home(nb):
    pytest.importorskip("matplotlib")
    nb.home(
        """
        from matplotlib.figure import Figure
        fig = Figure(); ax = fig.subplots(); ax.plot([1, 2], [3, 4])
        """
    )
    nb.far("ax.set_title('there'); n = len(fig.axes[0].lines); mine = ax is fig.axes[0]")
    assert nb.ns["n"] == 1
    assert nb.ns["mine"]
    assert nb.ns["fig"].axes[0].get_title() == "there"
    assert nb.ns["ax"] is nb.ns["fig"].axes[0]


def test_the_class_of_a_captured_object_is_found_by_name_there(nb):
    nb.home("class Pet:\n    def __init__(self, name): self.name = name\npet = Pet('Tom')")
    nb.far("got = Pet.__name__, type(pet) is Pet", "pet")
    assert nb.ns["got"] == ("Pet", True)
    assert type(nb.ns["pet"]) is nb.ns["Pet"]


def test_the_shell_is_the_shell_of_either_end(nb):
    nb.ns["ip"] = InteractiveShell.instance()
    try:
        applied = nb.far(
            "from IPython.core.interactiveshell import InteractiveShell\n"
            "held = [InteractiveShell.instance()]",
            "ip",
        )
        assert nb.ns["held"] == [nb.ns["ip"]]
        assert applied.left_out == {}
    finally:
        InteractiveShell.clear_instance()
