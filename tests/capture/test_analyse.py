"""One test per syntax form: what is read, bound and deleted."""

from __future__ import annotations

import builtins
import sys
import textwrap

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_cloudml.capture import CellNames, analyse

BUILTINS = frozenset(dir(builtins)) | {"get_ipython"}


def names(source: str) -> CellNames:
    return analyse(textwrap.dedent(source), TransformerManager().transform_cell)


def reads(source: str) -> set[str]:
    found = names(source)
    assert not found.syntax_error
    return set(found.reads) - BUILTINS


def binds(source: str) -> set[str]:
    return set(names(source).binds)


READS = {
    "a name": ("x", "x"),
    "an attribute": ("x.y.z", "x"),
    "an item": ("x[i]", "x i"),
    "a slice": ("x[a:b:c]", "x a b c"),
    "an attribute that is assigned": ("x.y = z", "x z"),
    "an item that is assigned": ("x[i] = z", "x i z"),
    "augmented assignment": ("x += y", "x y"),
    "augmented assignment of an item": ("x[i] += y", "x i y"),
    "a name bound before is not read": ("x = 1\ny = x", ""),
    "a name bound afterwards is read": ("y = x\nx = 1", "x"),
    "its own old value": ("x = x + 1", "x"),
    "tuple unpacking": ("a, (b, *c) = d\na, b, c", "d"),
    "swapping": ("a, b = b, a", "a b"),
    "chained assignment": ("a = b = c", "c"),
    "annotated assignment": ("a: T = b", "T b"),
    "annotation without value binds nothing": ("a: T\na", "T a"),
    "walrus": ("(n := f(x))\nn", "f x"),
    "a call with stars": ("f(*a, **k)", "f a k"),
    "a keyword argument": ("f(key=value)", "f value"),
    "an f-string": ("f'{a!r:>{width}} {b.c}'", "a b width"),
    "a conditional expression": ("a if b else c", "a b c"),
    "and, or": ("a and (n := b) or c\nn", "a b c n"),
    "a lambda": ("lambda x, y=d: x + y + g", "d g"),
    "a lambda with stars": ("lambda *a, **k: (a, k, g)", "g"),
    "a list comprehension": ("[a * k for a in xs if a > low]", "k xs low"),
    "nested comprehensions": ("[[b for b in a] for a in xs]", "xs"),
    "a comprehension with two loops": ("[(a, b) for a in xs for b in ys(a)]", "xs ys"),
    "a comprehension whose target hides a global": ("[x for x in x]", "x"),
    "a dict comprehension": ("{k: v + g for k, v in d.items()}", "d g"),
    "a set comprehension": ("{f(a) for a in xs}", "f xs"),
    "a generator expression": ("sum(a * w for a in xs)", "w xs"),
    "a comprehension with a walrus": ("[y for a in xs if (y := f(a))]", "f xs"),
    "a comprehension that assigns into items": ("[0 for d[k] in xs]", "d k xs"),
    "a function body": ("def f(x):\n    return x + g", "g"),
    "a function's locals are not read": ("def f():\n    y = 1\n    return y", ""),
    "a local bound later is local": ("def f():\n    print(y)\n    y = 1", ""),
    "defaults, annotations, decorators": ("@d(p)\ndef f(a: T = v) -> R: ...", "T R d p v"),
    "a function that calls itself": ("def f(n):\n    return f(n - 1)", ""),
    "nested functions": ("def f(a):\n    def g(b):\n        return a + b + c\n    return g", "c"),
    "nonlocal": ("def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1", ""),
    "global that is read": ("def f():\n    global n\n    n += 1", ""),
    "positional-only and keyword-only": ("def f(a, /, b, *, c): return a, b, c, g", "g"),
    "an async function": ("async def f(x):\n    async with x as y:\n        await y(g)", "g"),
    "an import inside a function": ("def f():\n    import os.path\n    return os", ""),
    "except-as inside a function": ("def f():\n    try: g()\n    except E as e: e", "E g"),
    "a for target inside a function": ("def f():\n    for i in xs: i", "xs"),
    "a match inside a function": ("def f(v):\n    match v:\n        case [a, *b]: a, b", ""),
    "a class body": ("class A(B, metaclass=M):\n    x = y\n    z = x", "B M y"),
    "class names are not seen by methods": ("class A:\n    x = 1\n    def m(self): return x", "x"),
    "class names are seen by method defaults": ("class A:\n    x = 1\n    def m(self, v: x = x): ...", ""),
    "a class body that reads a global of the same name": ("class A:\n    x = x", "x"),
    "a method that names its class": ("class A:\n    def m(self): return A()", ""),
    "a class decorator": ("@d\nclass A: ...", "d"),
    "a class inside a function": ("def f(a):\n    class C(B):\n        k = a\n    return C", "B"),
    "if with both branches": ("if c:\n    x = 1\nelse:\n    x = 2\nx", "c"),
    "if with one branch": ("if c:\n    x = 1\nx", "c x"),
    "if whose other branch raises": ("if c:\n    x = 1\nelse:\n    raise E\nx", "E c"),
    "elif": ("if a:\n    x = 1\nelif b:\n    x = 2\nelse:\n    x = 3\nx", "a b"),
    "a for loop": ("for i in xs:\n    i\ni", "i xs"),
    "a for loop's body may not run": ("for i in xs:\n    y = i\ny", "xs y"),
    "for else": ("for i in xs:\n    break\nelse:\n    z", "xs z"),
    "a while loop": ("while c:\n    y = 1\ny", "c y"),
    "continue": ("for i in xs:\n    if i:\n        continue\n    else:\n        y = 1\n    y", "xs"),
    "with": ("with f(x) as h:\n    h.read()\nh", "f x"),
    "with several": ("with a as (b, c), d as e.f: b, c", "a d e"),
    "try": ("try:\n    x = f()\nexcept E:\n    pass\nx", "E f x"),
    "try whose handler binds too": ("try:\n    x = f()\nexcept E:\n    x = 0\nx", "E f"),
    "try whose handler raises": ("try:\n    x = f()\nexcept E as e:\n    raise R from e\nx", "E R f"),
    "try, else, finally": ("try:\n    a\nexcept E:\n    b\nelse:\n    c\nfinally:\n    d", "E a b c d"),
    "finally sees little": ("try:\n    x = 1\nfinally:\n    x", "x"),
    "raise from": ("raise E(a) from b", "E a b"),
    "assert": ("assert a, f'{b}'", "a b"),
    "match": ("match v:\n    case P(x=1, y=q) if q > g:\n        q\n    case k.c | [1, _]:\n        w", "v P g k w"),
    "match on a mapping": ("match v:\n    case {'a': 1, **rest}:\n        rest", "v"),
    "match with a default": ("match v:\n    case 1:\n        x = 1\n    case _:\n        x = 2\nx", "v"),
    "match as": ("match v:\n    case (1 | 2) as n:\n        n", "v"),
    "delete": ("del x", ""),
    "delete an item": ("del x[i], y.z", "x i y"),
    "delete after binding, then read": ("x = 1\ndel x\nx", "x"),
    "await": ("await f(x)", "f x"),
    "async for and with": ("async for i in g:\n    async with h as k:\n        i, k", "g h"),
    "an async comprehension": ("[await f(i) async for i in g]", "f g"),
    "yield": ("def f():\n    x = yield g\n    yield from h", "g h"),
    "global at the top": ("global x\nx = 1\nx", ""),
    "print is a builtin": ("print(1)", ""),
    "a star": ("[*a, *b]\n{**c}", "a b c"),
    "a comparison": ("a < b <= c", "a b c"),
    "a lambda in a default": ("def f(k=lambda v: v + g): ...", "g"),
    "an import binds": ("import numpy as np\nnp.zeros(1)", ""),
    "a dotted import binds its top": ("import os.path\nos.getcwd()", ""),
    "from import": ("from a.b import c as d\nd", ""),
}  # fmt: skip


@pytest.mark.parametrize("form", READS)
def test_reads_of(form):
    source, expected = READS[form]
    assert reads(source) == set(expected.split())


BINDS = {
    "assignment": ("x = 1", "x"),
    "unpacking": ("a, (b, *c), d.e, f[0] = g", "a b c"),
    "augmented": ("x += 1", "x"),
    "annotated": ("x: int = 1\ny: int", "x"),
    "walrus": ("if (n := 1): ...", "n"),
    "walrus in a comprehension": ("[(y := a) for a in xs]", "y"),
    "comprehension targets stay inside": ("[a for a in xs]", ""),
    "for": ("for i, (j, k) in xs: ...", "i j k"),
    "with": ("with a as b, c as (d, e): ...", "b d e"),
    "function": ("def f(a):\n    b = 1", "f"),
    "async function": ("async def f(): ...", "f"),
    "class": ("class A:\n    x = 1\n    def m(self): ...", "A"),
    "global in a function": ("def f():\n    global g\n    g = 1", "f g"),
    "global in a class": ("class A:\n    global g\n    g = 1", "A g"),
    "import": ("import a.b, c.d as e\nfrom f import g as h, i", "a e h i"),
    "except": ("try: ...\nexcept E as e: ...", "e"),
    "match": ("match v:\n    case [a, *b, {'k': c, **d}, P(x=e)] as f: ...", "a b c d e f"),
    "method calls bind nothing": ("x.append(1)\nx[0] = 1\nx.y = 1", ""),
}


@pytest.mark.parametrize("form", BINDS)
def test_binds_of(form):
    source, expected = BINDS[form]
    assert binds(source) == set(expected.split())


def test_a_function_may_read_what_the_cell_binds_later():
    found = names("def f():\n    return helper()\ndef helper(): ...\nf()")
    assert "helper" in found.may_read
    assert "helper" not in found.reads


def test_a_value_bound_in_a_with_block_may_be_read():
    found = names("with suppress():\n    x = f()\nx")
    assert "x" in found.may_read
    assert "x" not in found.reads


def test_a_global_that_a_function_changes_is_bound_and_may_be_read():
    found = names("def f():\n    global n\n    n += 1")
    assert "n" in found.binds
    assert "n" in found.may_read


def test_delete_says_which_names_must_exist():
    found = names("y = 1\ndel x, y")
    assert found.deletes == {"x", "y"}
    assert found.must_exist == {"x"}
    assert not found.reads


def test_delete_of_a_name_that_is_read_too_needs_its_value():
    found = names("print(x)\ndel x")
    assert "x" in found.reads
    assert not found.must_exist


def test_except_as_deletes_its_name():
    assert names("try: ...\nexcept E as e: ...").deletes == {"e"}


def test_delete_of_a_local_is_no_delete():
    assert not names("def f():\n    x = 1\n    del x").deletes


def test_star_imports_are_named():
    found = names("from math import *\nfrom a.b import *")
    assert found.star_imports == ("math", "a.b")


def test_imports_name_the_modules():
    found = names("import a.b as c\ndef f():\n    from d.e import g")
    assert found.imports == {"a.b", "d.e"}


@pytest.mark.parametrize(
    "source",
    [
        "exec('x = 1')",
        "eval('x')",
        "globals()['x']",
        "locals()",
        "vars()",
        "dir()",
        "'{x}'.format(**locals())",
        "def f():\n    return globals()['x']",
        "get_ipython().user_ns['x']",
        "get_ipython().ev('x')",
        "import __main__",
        "import sys; sys.modules['__main__.x']",
        "from timeit import timeit; timeit('f()', 'from __main__ import f')",
        "%run other.py",
        "%who_ls",
        "%whos",
        "%reset -f",
        "%xdel x",
        "import doctest; doctest.testmod()",
    ],
)
def test_code_that_reaches_any_name_is_dynamic(source):
    assert names(source).is_dynamic


@pytest.mark.parametrize(
    "source",
    [
        "if __name__ == '__main__':\n    main()",
        "vars(x)",
        "dir(x)",
        "def f():\n    return locals()",
        "df.eval('a + b')",
        "x.exec()",
        "'eval'",
    ],
)
def test_ordinary_code_is_not_dynamic(source):
    assert not names(source).is_dynamic


@pytest.mark.parametrize(
    "source", ["pickle.load(f)", "torch.load('m.pt')", "pd.read_pickle(p)", "load('x')"]
)
def test_loading_pickles_may_need_any_definition(source):
    assert names(source).unpickles


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("df.query('a > @low and b < 3')", "low"),
        ("duckdb.sql('select * from df where a > 1')", "df"),
        ("pl.sql(query='select * from frame')", "frame"),
        ("smf.ols('y ~ np.log(x)', data)", "np"),
        ("pd.eval(f'{a} + b')", "b"),
    ],
)
def test_query_text_may_name_variables(source, name):
    assert name in names(source).may_read


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("!ls $path {name} ${other}", "path name other"),
        ("!echo {a.b + f(c)}", "a f c"),
        ("out = !cat {file}", "file"),
        ("!!ls $path", "path"),
        ("%cd $folder", "folder"),
        ("%env KEY={value}", "value"),
        ("for i in xs:\n    !echo $i {i + j}", "xs j"),
        ("%time f(x)", "f x"),
        ("%timeit -n1 -r 1 f(x)", "f x"),
        ("%timeit -n 1 -r1 -q -o f(x)", "f x"),
        ("r = %timeit -o -n1 -r1 f(x)", "f x"),
        ("%prun -l 5 -s cumulative f(x)", "f x"),
        ("%%time\ny = f(x)\ny", "f x"),
        ("%%timeit -n1 -r1 z = a\nf(z, x)", "a f x"),
        ("%%capture out\nprint(x)", "x"),
        ("%%prun -q\nf(x)", "f x"),
        ("%%capture\n%%time\nf(x)", "f x"),
        ("%%bash -s {a} $b\necho $c", "a b"),
        ("%%writefile {path}\nx = 1", "path"),
        ("%%sx\nls $path", "path"),
        ("%time !ls $x", "x"),
    ],
)
def test_magics_and_shell_read(source, expected):
    assert reads(source) == set(expected.split())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%time y = f(x)", "y"),
        ("%timeit -n1 -r1 y = f(x)", ""),
        ("%%time\ny = 1", "y"),
        ("%%timeit -n1 -r1\ny = 1", ""),
        ("%%capture out\ny = 1", "out y"),
        ("%%capture --no-stderr out\ny = 1", "out y"),
        ("%%prun -q\ny = 1", "y"),
        ("%%bash --out o --err e\nls", "o e"),
        ("%%script --out o bash\nls", "o"),
        ("x = !ls", "x"),
        ("x = %timeit -o -n1 -r1 f()", "x"),
        ("%matplotlib inline\nx = 1", "x"),
    ],
)
def test_magics_and_shell_bind(source, expected):
    assert binds(source) == set(expected.split())


def test_a_magic_of_somebody_else_may_read_what_it_names():
    assert {"frame", "k"} <= names("%%mymagic frame\nuse k").may_read
    assert "frame" in names("%mymagic frame").may_read
    assert "frame" in names("frame?").may_read


def test_magics_are_listed_in_order():
    found = names("%matplotlib inline\n%time f(x)\n")
    assert found.magics == ("%matplotlib", "%time")
    assert names("%%bash\nls").magics == ("%%bash",)


def test_a_cell_that_is_not_python_says_why():
    found = names("x = = 1")
    assert "invalid syntax" in found.syntax_error
    assert not found.reads


def test_source_that_is_transformed_already_needs_no_transformer():
    text = TransformerManager().transform_cell("%time y = f(x)\n!echo $z")
    found = analyse(text)
    assert {"f", "x", "z"} <= found.reads
    assert "y" in found.binds


def test_deep_nesting_is_an_answer_and_not_a_crash():
    found = analyse("x = " + "(" * 5000 + ")" * 5000)
    assert found.syntax_error


def test_an_empty_cell_touches_nothing():
    assert names("") == CellNames()
    assert names("# only a comment") == CellNames()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_are_local():
    assert reads("def f[T: B](x: T) -> T: ...") == {"B"}
    assert reads("class A[T](Base[T]):\n    y: T") == {"Base"}
    assert reads("type X[T] = list[T] | g") == {"g"}
