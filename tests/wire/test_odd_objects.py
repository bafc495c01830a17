"""Exceptions, classes, sentinels, files and other odd objects arrive as themselves."""

from __future__ import annotations

import pytest


def test_exception_with_an_init_of_its_own_arrives_with_its_message_once(nb):
    nb.home(
        """
        class NotReady(Exception):
            def __init__(self, what, code=42):
                super().__init__(f"{what} is not ready")
                self.what, self.code = what, code
        class Missing(OSError):
            def __init__(self, path):
                super().__init__(2, "no such thing", path)
        kept = NotReady("car", code=7)
        gone = Missing("here")
        """
    )
    nb.far("seen = (str(kept), kept.code, gone.errno, gone.filename)")
    assert nb.ns["seen"] == ("car is not ready", 7, 2, "here")
    error = nb.far("raise NotReady('engine') from kept").exception
    assert (str(error), error.what, error.__cause__) == (
        "engine is not ready",
        "engine",
        nb.ns["kept"],
    )


@pytest.mark.skipif("not hasattr(BaseException, 'add_note')")
def test_exception_keeps_notes_and_suppressed_context(nb):
    error = nb.far(
        """
        try:
            try:
                1 / 0
            except ZeroDivisionError:
                raise KeyError("k") from None
        except KeyError as exc:
            exc.add_note("look here")
            raise
        """
    ).exception
    assert error.__notes__ == ["look here"]
    assert error.__suppress_context__
    assert isinstance(error.__context__, ZeroDivisionError)


def test_sentinels_of_modules_are_the_same_object_at_the_other_end(nb):
    nb.home(
        """
        import dataclasses, functools
        found = [dataclasses.MISSING, functools._initial_missing]
        @dataclasses.dataclass
        class Item:
            price: float
        """
    )
    nb.far(
        """
        import dataclasses, functools
        same = found[0] is dataclasses.MISSING, found[1] is functools._initial_missing
        required = Item.__dataclass_fields__["price"].default is dataclasses.MISSING
        @dataclasses.dataclass
        class Vec:
            x: float
        """
    )
    import dataclasses

    assert nb.ns["same"] == (True, True)
    assert nb.ns["required"]
    field = nb.ns["Vec"].__dataclass_fields__["x"]
    assert field.default is dataclasses.MISSING
    assert field.metadata is nb.ns["Item"].__dataclass_fields__["price"].metadata


def test_type_variable_keeps_its_module(nb):
    nb.far(
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]):
            pass
        """
    )
    assert nb.ns["T"].__module__ == "__main__"
    assert nb.ns["Box"].__parameters__ == (nb.ns["T"],)


def test_local_class_keeps_its_qualified_name(nb):
    nb.far(
        """
        def outer():
            class Inner:
                def hi(self):
                    return "hi"
            return Inner()
        obj = outer()
        """
    )
    assert type(nb.ns["obj"]).__qualname__ == "outer.<locals>.Inner"
    nb.far("again = type(obj).__qualname__")
    assert nb.ns["again"] == "outer.<locals>.Inner"


def test_making_a_class_is_not_told_a_second_time(nb):
    nb.home(
        """
        made = []
        class Meta(type):
            def __new__(meta, name, bases, members):
                made.append("meta " + name)
                return super().__new__(meta, name, bases, members)
        class Base(metaclass=Meta):
            pass
        class Plugin:
            def __init_subclass__(cls, tag, **rest):
                super().__init_subclass__(**rest)
                made.append(cls.__name__ + tag)
        class One(Plugin, tag="!"):
            pass
        class Slotted(Plugin, tag="?"):
            __slots__ = ("x",)
        """
    )
    nb.far(
        """
        class Child(Base):
            pass
        class Two(Plugin, tag="!"):
            def who(self):
                return super().__init__
        """
    )
    assert nb.ns["made"] == ["meta Base", "One!", "Slotted?", "meta Child", "Two!"]
    assert type(nb.ns["Child"]) is nb.ns["Meta"]
    assert nb.ns["Two"].__mro__ == (nb.ns["Two"], nb.ns["Plugin"], object)
    assert nb.ns["Two"]().who()


def test_single_dispatch_follows_what_the_cell_registered(nb):
    nb.home(
        """
        from functools import singledispatch
        @singledispatch
        def show(x):
            return "thing"
        show([])
        """
    )
    nb.far("show.register(list, lambda x: 'list'); first = show([])")
    assert nb.ns["first"] == nb.ns["show"]([]) == "list"
    assert nb.ns["show"](1) == "thing"


def test_array_subclass_keeps_its_attributes_and_changes_in_place(nb):
    nb.home(
        """
        import numpy as np
        class Tagged(np.ndarray):
            tag = None
        plain = np.zeros(2)
        tagged = plain.view(Tagged)
        tagged.tag = "t"
        """
    )
    tagged = nb.ns["tagged"]
    nb.far("seen = tagged.tag, type(tagged).__name__; tagged[0] = 4; tagged.tag = 'u'", "tagged")
    assert nb.ns["seen"] == ("t", "Tagged")
    assert nb.ns["tagged"] is tagged
    assert (tagged.tag, tagged.tolist(), nb.ns["plain"].tolist()) == ("u", [4, 0], [4, 0])
    nb.far("new = tagged[1:]; new.tag = 'v'", "tagged")
    nb.ns["plain"][1] = 9
    assert (nb.ns["new"].tag, nb.ns["new"].tolist()) == ("v", [9])


def test_closed_file_comes_home_closed_with_its_name_and_mode(nb, tmp_path):
    path = str(tmp_path / "a.txt")
    nb.ns["path"] = path
    nb.far(
        """
        with open(path, "w") as text:
            text.write("x")
        with open(path, "rb") as binary:
            pass
        """
    )
    text, binary = nb.ns["text"], nb.ns["binary"]
    assert (text.name, text.mode, text.closed, text.encoding.lower()) == (path, "w", True, "utf-8")
    assert (binary.name, binary.mode, binary.closed) == (path, "rb", True)
    nb.far("seen = text.closed, text.name, binary.closed")
    assert nb.ns["seen"] == (True, path, True)


def test_file_open_for_reading_is_open_there_at_the_same_place(nb, tmp_path):
    (tmp_path / "a.txt").write_text("first\nsecond\n")
    nb.ns["path"] = str(tmp_path / "a.txt")
    nb.home("file = open(path)\nfile.readline()")
    nb.far("line = file.readline()", "file")
    assert nb.ns["line"] == "second\n"
    assert nb.ns["file"].read() == ""
    nb.far("file.close()", "file")
    assert nb.ns["file"].closed


ODD = {
    "match": (
        "import re; m = re.search(r'(a)(b)?', 'xab')",
        "m.span(), m.groups(), m.group(1)",
    ),
    "match of finditer": (
        "import re; m = list(re.finditer('a', 'banana'))[2]",
        "m.span(), m.string",
    ),
    "memoryview": ("m = memoryview(bytearray(b'hello'))[1:3]", "bytes(m), m.readonly"),
    "read-only memoryview": ("m = memoryview(b'hello')[1:]", "bytes(m), m.readonly"),
    "memoryview of numbers": (
        "from array import array; m = memoryview(array('i', [1, 2, 3]))[1:]",
        "m.tolist(), m.format",
    ),
    "context variable": (
        "import contextvars\nm = contextvars.ContextVar('m', default=1); m.set(2)",
        "m.get(), m.name, __import__('contextvars').Context().run(m.get)",
    ),
    "lock": ("import threading; m = threading.Lock()", "m.acquire(), m.locked(), m.release()"),
    "event": ("import threading; m = threading.Event(); m.set()", "m.is_set(), m.wait(0)"),
    "queue": ("import queue; m = queue.Queue(); m.put(1); m.put(2); m.get()", "m.qsize()"),
    "mapping proxy": ("import types; m = types.MappingProxyType({'a': 1})", "dict(m)"),
    "list iterator": ("m = iter([1, 2, 3]); next(m)", "m.__length_hint__()"),
    "enumerate": ("m = enumerate('abc'); next(m)", "m.__reduce__()[1][1]"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_object_arrives_there_and_comes_home(nb, case):
    setup, question = ODD[case]
    nb.home(f"{setup}\nmade = {question}")
    made = nb.ns.pop("made")
    nb.far(f"seen = {question}", "m")
    assert nb.ns["seen"] == made
    del nb.ns["m"]
    nb.far(f"{setup.replace(chr(10), ';')}\n", "seen")
    nb.home(f"home = {question}")
    assert nb.ns["home"] == made


def test_views_of_a_mapping_and_of_memory_follow_what_they_view(nb):
    nb.home(
        """
        d = {"a": 1}
        keys, items, values = d.keys(), d.items(), d.values()
        data = bytearray(b"hello")
        view = memoryview(data)[1:]
        """
    )
    nb.far(
        "d['b'] = 2; seen = list(keys), list(items), list(values); data[1] = 69; v = bytes(view)"
    )
    assert nb.ns["seen"] == (["a", "b"], [("a", 1), ("b", 2)], [1, 2])
    assert nb.ns["v"] == b"Ello"
    assert bytes(nb.ns["view"]) == b"Ello"
    assert list(nb.ns["keys"]) == ["a", "b"]
    nb.far("k = d.keys()")
    nb.ns["d"]["c"] = 3
    assert list(nb.ns["k"]) == ["a", "b", "c"]


def test_weak_mapping_and_context_variable_changed_there_change_here(nb):
    nb.home(
        """
        import contextvars, weakref
        class K:
            pass
        k, j = K(), K()
        weak = weakref.WeakKeyDictionary({k: 1})
        known = weakref.WeakSet([k])
        var = contextvars.ContextVar("var", default=0)
        """
    )
    weak = nb.ns["weak"]
    nb.far("weak[j] = 2; known.add(j); known.discard(k); var.set(5)")
    assert dict(weak) == {nb.ns["k"]: 1, nb.ns["j"]: 2}
    assert set(nb.ns["known"]) == {nb.ns["j"]}
    assert nb.ns["var"].get() == 5


@pytest.mark.parametrize("size", ["None", "1", "3", "128"])
def test_an_lru_cache_remembers_at_home_what_it_learnt_there(nb, size):
    nb.home(f"""
    import functools
    @functools.lru_cache(maxsize={size})
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    fib(5)
    """)
    fib = nb.ns["fib"]
    nb.far("fib(10); info = fib.cache_info()")
    assert nb.ns["fib"] is fib
    assert fib.cache_info() == nb.ns["info"]
    assert fib(20) == 6765


def test_a_database_in_memory_changes_at_home_as_it_did_there(nb):
    nb.home("import sqlite3\ncon = sqlite3.connect(':memory:')\ncur = con.cursor()")
    nb.far(
        "cur.execute('create table t (a)'); con.execute('insert into t values (7)'); con.commit()"
    )
    assert nb.ns["con"].execute("select a from t").fetchall() == [(7,)]
    nb.far("rows = con.execute('select a from t').fetchall(); con.close()")
    assert nb.ns["rows"] == [(7,)]


def test_a_database_in_a_file_is_opened_again(nb, tmp_path):
    nb.home("import sqlite3")
    nb.far(
        f"db = sqlite3.connect({str(tmp_path / 'x.db')!r}); db.execute('create table t (a)'); db.commit()",
        "sqlite3",
    )
    nb.far("db.execute('insert into t values (3)'); db.commit()", "db")
    assert nb.ns["db"].execute("select a from t").fetchall() == [(3,)]
    nb.ns["db"].close()


def test_what_a_scheduler_put_on_its_optimizer_comes_home_with_it(nb):
    nb.home("import torch")
    nb.far(
        "net = torch.nn.Linear(1, 1); optimizer = torch.optim.Adam(net.parameters());"
        " schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)",
        "torch",
    )
    nb.home("net(torch.ones(1)).backward(); optimizer.step(); schedule.step()")
    assert nb.ns["optimizer"]._opt_called
    assert nb.ns["optimizer"].param_groups[0]["params"][0] is nb.ns["net"].weight


def test_an_iterator_over_batches_goes_on_where_it_was(nb):
    nb.home("""
    import torch
    from torch.utils.data import DataLoader
    loader = DataLoader(torch.arange(6), batch_size=2)
    """)
    nb.far("batches = iter(loader); first = next(batches)")
    nb.far("second = next(batches)")
    assert nb.ns["second"].tolist() == [2, 3]
    assert next(nb.ns["batches"]).tolist() == [4, 5]
