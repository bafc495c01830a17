"""Which names travel."""

from __future__ import annotations

import types

import pytest

from jupyter_cloudml.capture import analyse, plan
from jupyter_cloudml.core.errors import BadInput


def notebook(source: str = "", **values: object) -> dict[str, object]:
    """A namespace as a notebook's: functions made by ``source`` have it as their globals."""
    namespace: dict[str, object] = {"__name__": "__main__", **values}
    exec(source, namespace)
    return namespace


def test_only_names_that_the_notebook_has_travel():
    chosen = plan(analyse("y = f(x) + missing"), notebook(x=1, unused=2))
    assert chosen.required == ("x",)
    assert chosen.optional == ()


def test_a_builtin_that_the_notebook_replaced_travels():
    assert plan(analyse("print(1)"), notebook(print=repr)).required == ("print",)


def test_a_dynamic_cell_takes_all_names_that_it_can_get():
    names = analyse("exec('y = x')")
    namespace = notebook(x=1, other=2, _3=4, _i3="x", In=[], Out={}, secret=1, _mine=5)
    chosen = plan(names, namespace, hidden={"secret"})
    assert set(chosen.optional) == {"x", "other", "_mine"}


def test_a_notebook_function_that_uses_globals_makes_the_cell_dynamic():
    source = "def inner():\n    return globals()['x']\ndef outer():\n    return inner()"
    chosen = plan(analyse("outer()"), notebook(source, x=1))
    assert chosen.required == ("outer",)
    assert "x" in chosen.optional


def test_a_method_that_uses_eval_makes_the_cell_dynamic():
    source = "class A:\n    @property\n    def v(self):\n        return eval('x')\na = A()"
    assert "x" in plan(analyse("a.v"), notebook(source, x=1)).optional


def test_the_shell_itself_never_travels():
    namespace = notebook(get_ipython=lambda: None, exit=1, quit=1, x=1)
    assert plan(analyse("get_ipython().run_line_magic('time', 'x'); exit"), namespace).required == (
        "x",
    )


def test_the_last_output_travels_when_it_is_read():
    chosen = plan(analyse("_ + _3 + Out[3]"), notebook(_=1, _3=2, Out={3: 2}))
    assert chosen.required == ("_", "_3")
    assert chosen.optional == ("Out",)


def test_a_deleted_name_travels_if_it_can():
    chosen = plan(analyse("del x"), notebook(x=object()))
    assert chosen.required == ()
    assert chosen.optional == ("x",)
    assert chosen.must_exist == ("x",)


def test_unpickling_offers_the_definitions_of_the_notebook():
    namespace = notebook("class A: ...\ndef f(): ...", x=1, pickle=types)
    chosen = plan(analyse("pickle.load(open('a'))"), namespace)
    assert set(chosen.optional) == {"A", "f"}


def test_given_inputs_limit_the_data_but_not_the_code():
    namespace = notebook("def f(): ...", x=1, y=2, big=3)
    chosen = plan(analyse("f(x, big)"), namespace, inputs=("x", "y"))
    assert chosen.required == ("x", "y")
    assert chosen.optional == ("f",)


def test_an_input_that_does_not_exist_is_refused_by_name():
    with pytest.raises(BadInput, match="-i nope"):
        plan(analyse("x"), notebook(x=1), inputs=("nope",))


def test_a_recursive_function_and_a_half_made_closure_end_the_search():
    source = "def f(n):\n    return f(n - 1)\ndef g():\n    def h():\n        return v\n    return h\n    v = 1\nk = g()"
    assert plan(analyse("f(1); k()"), notebook(source)).required == ("f", "k")
