"""pandas and polars: exotic frames are exact, and change in place at home."""

from __future__ import annotations

import pytest

FRAMES = {
    "plain": "pd.DataFrame({'a': [1, 2], 'b': [1.5, None], 'c': ['x', 'y']}, index=['r', 's'])",
    "empty": "pd.DataFrame()",
    "categorical": "pd.DataFrame({'c': pd.Categorical(['a', 'b', None], ['b', 'a'], ordered=True)})",
    "time zones": "pd.DataFrame({'t': pd.date_range('2024', periods=3, tz='Europe/Berlin')})",
    "multi index": (
        "pd.DataFrame([[1, 2]] * 2, index=pd.MultiIndex.from_tuples([(1, 'a'), (2, 'b')], names=['n', 'l']),"
        " columns=pd.MultiIndex.from_product([['x'], ['y', 'z']]))"
    ),
    "object": "pd.DataFrame({'o': [1, 'a', [2]]}, dtype=object)",
    "nullable": "pd.DataFrame({'i': pd.array([1, None], 'Int64'), 'b': pd.array([True, None], 'boolean')})",
    "period": "pd.DataFrame({'p': pd.period_range('2024-01', periods=2, freq='M')})",
    "sparse": "pd.DataFrame({'s': pd.arrays.SparseArray([0, 0, 1])})",
    "duplicate columns": "pd.DataFrame([[1, 2.5, 'x']], columns=['a', 'a', 'a'])",
    "wide": "pd.DataFrame(np.arange(600.0).reshape(3, 200))",
    "interval": "pd.DataFrame({'i': pd.interval_range(0, 2)})",
    "large": "pd.DataFrame(np.arange(600_000.0).reshape(-1, 3), columns=list('xyz'))",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frame_arrives_and_returns_exactly(nb, kind):
    nb.home(f"import numpy as np, pandas as pd\ndf = {FRAMES[kind]}\ndf.attrs['note'] = 1")
    df = nb.ns["df"]
    nb.far(
        f"""
        import pandas.testing as t
        expected = {FRAMES[kind]}
        t.assert_frame_equal(df, expected, check_freq=True)
        blocks = len(df._mgr.blocks) <= 100
        attrs = df.attrs
        same = df
        new = expected
        """
    )
    assert nb.ns["attrs"] == {"note": 1}
    assert nb.ns["blocks"]
    assert nb.ns["same"] is df
    assert nb.result["patches"] == []
    nb.home("import pandas.testing; pandas.testing.assert_frame_equal(new, df)")


CHANGES = {
    "new column": "df['z'] = df['a'] * 2",
    "replaced column": "df['a'] = [7.5, 8.5, 9.5]",
    "dropped column": "df.drop(columns='b', inplace=True)",
    "dropped rows": "df.drop(index=0, inplace=True)",
    "one value": "df.loc[1, 'a'] = 50",
    "text value": "df.loc[1, 'c'] = 'new'",
    "sorted": "df.sort_values('b', ascending=False, inplace=True)",
    "renamed": "df.columns = ['p', 'q', 'r']",
    "index name": "df.index.name = 'row'",
    "attrs": "df.attrs['k'] = [1]",
    "set index": "df.set_index('c', inplace=True)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_frame_changed_in_place_there_is_the_same_changed_object_here(nb, change):
    nb.home(
        """
        import pandas as pd
        df = pd.DataFrame({'a': [1, 2, 3], 'b': [1.0, 2.0, 3.0], 'c': ['x', 'y', 'z']})
        alias, untouched, expected = [df], df.copy(deep=False), df.copy()
        original = df.copy()
        """
    )
    df = nb.ns["df"]
    nb.far(CHANGES[change], "df")
    nb.home(CHANGES[change].replace("df", "expected"))
    assert nb.ns["alias"][0] is nb.ns["df"] is df
    nb.home(
        "pd.testing.assert_frame_equal(df, expected); pd.testing.assert_frame_equal(untouched, original)"
        if change != "index name"
        else "pd.testing.assert_frame_equal(df, expected)"
    )
    assert df.attrs == nb.ns["expected"].attrs


def test_frame_changed_in_one_column_sends_only_that_column(nb):
    nb.home("import numpy as np, pandas as pd\ndf = pd.DataFrame(np.random.rand(100_000, 10))")
    nb.far("df[3] = 1.0", "df")
    sent = sum(r["size"] for r in nb.result["regions"] if "size" in r and r.get("from") != "bundle")
    assert sent <= 1_000_000


def test_series_changed_in_place_and_index_travel(nb):
    nb.home(
        "import pandas as pd\ns = pd.Series([1, 2], name='n'); i = pd.Index(['a', 'b'], name='x')"
    )
    s = nb.ns["s"]
    nb.far("s[0] = 9; s.name = 'm'; kept = (type(i).__name__, i.name)")
    assert nb.ns["s"] is s
    assert s.tolist() == [9, 2]
    assert s.name == "m"
    assert nb.ns["kept"] == ("Index", "x")


CELLS = {
    "list": ("[1]", "cell.append(9)"),
    "dict": ("{'k': 1}", "cell['k'] = 2"),
    "array": ("np.zeros(2)", "cell[0] = 1"),
    "nested list": ("([1], 'x')", "cell[0].append(9)"),
    "object": ("types.SimpleNamespace(k=1)", "cell.k = 2"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_cell_of_an_object_column_changed_in_place_comes_home(nb, cell):
    value, change = CELLS[cell]
    nb.home(
        f"""
        import types, numpy as np, pandas as pd
        df = pd.DataFrame({{'n': [1, 2], 'a': [None, 'text']}}, dtype=object)
        df.at[0, 'a'] = {value}
        s = pd.Series([None, 'text'], name='s', dtype=object)
        s.at[0] = {value}
        alias, expected = [df, s], {value}
        """
    )
    df, s = nb.ns["df"], nb.ns["s"]
    nb.far(f"for cell in (df.at[0, 'a'], s.at[0]): {change}", "df", "s")
    nb.home(change.replace("cell", "expected"))
    assert nb.ns["alias"][0] is nb.ns["df"] is df
    assert nb.ns["alias"][1] is nb.ns["s"] is s
    assert repr(df.at[0, "a"]) == repr(s.at[0]) == repr(nb.ns["expected"])
    assert df["a"].tolist()[1:] == s.tolist()[1:] == ["text"]
    assert df["n"].tolist() == [1, 2]
    assert s.name == "s"


def test_object_columns_that_were_only_read_send_no_patch(nb):
    nb.home(
        """
        import datetime, functools, numpy as np, pandas as pd
        count = 0
        def function():
            global count
            count += 1
        class Own:
            def __init__(self): self.k = [1]
            def read(self): return sum(self.k)
        df = pd.DataFrame({'a': [[1], {'k': {2, 'x'}}, np.zeros(3)], 't': ['x', 'y', None]}, dtype=object)
        own = pd.Series([Own(), function, pd.DataFrame({'x': [[1]]})])
        text = pd.Series(['x', datetime.date(2024, 1, 1), 1.5], dtype=object)
        """
    )
    nb.far(
        """
        seen = [sum(df.at[0, 'a']), df.describe().shape, own[0].read(), own[1](), text.map(str).tolist()]
        grouped = df.groupby('t').size()
        """,
        "df",
        "own",
        "text",
    )
    assert nb.ns["seen"][2] == 1
    assert nb.result["patches"] == []


def test_cell_that_became_unable_to_travel_is_said(nb):
    nb.home("import pandas as pd\ns = pd.Series([[1], 'text'])")
    applied = nb.far("s[0].append(n for n in [1])", "s")
    assert "Series that changed in place" in applied.left_out
    assert nb.ns["s"].tolist() == [[1], "text"]


def test_polars_frame_arrives_changes_in_place_and_returns(nb):
    pytest.importorskip("polars")
    nb.home(
        """
        import polars as pl
        df = pl.DataFrame({'a': [1, None], 'b': ['x', 'y'], 'l': [[1], []]}); alias = [df]
        """
    )
    df = nb.ns["df"]
    nb.far(
        "kept = df.schema['l'] == pl.List(pl.Int64); df.insert_column(0, pl.Series('n', [5, 6])); new = df.head(1)"
    )
    assert nb.ns["kept"]
    assert nb.ns["alias"][0] is df
    assert df.columns == ["n", "a", "b", "l"]
    assert nb.ns["new"].shape == (1, 4)


def test_styler_of_a_captured_frame_with_an_index_of_its_own_comes_home(nb):
    pytest.importorskip("jinja2")
    nb.home("import pandas as pd\ndf = pd.DataFrame({'p': [1.5, 2.0]}, index=[3, 1])")
    nb.far("styler = df.style.format({'p': '{:.1f}'}).set_uuid('fixed')")
    assert nb.ns["styler"].data is nb.ns["df"]
    assert "1.5" in nb.ns["styler"].to_html()
