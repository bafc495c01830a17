"""What is learned from the training part is done to lazy tables and in serving alike, to the last bit."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from jupyter_cloudml import prep
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.prep.frames import opened

from .test_split import ENGINES, in_engine

N = 3000
DRAW = np.random.default_rng(3)


def gaps(values: Any, share: float) -> list[Any]:
    return [
        None if missing else v for v, missing in zip(values, DRAW.random(N) < share, strict=True)
    ]


FRAME = pl.DataFrame(
    {
        "id": np.arange(N),
        "city": gaps(
            DRAW.choice(["Oslo", "Bergen", "Å s", "Vik"], N, p=[0.6, 0.3, 0.097, 0.003]), 0.1
        ),
        "age": gaps((DRAW.random(N) * 50).tolist(), 0.1),
        "rooms": gaps(DRAW.integers(1, 6, N).tolist(), 0.05),
        "nan": np.where(DRAW.random(N) < 0.2, np.nan, DRAW.random(N) * 1e9),
        "flag": DRAW.random(N) < 0.3,
        "label": DRAW.integers(0, 2, N),
    },
    schema_overrides={"rooms": pl.Int16},
)
STEPS = (
    prep.impute("age", strategy="mean"),
    prep.impute("nan"),
    prep.impute("city", strategy="mode"),
    prep.standardise("age", "nan"),
    prep.one_hot("city", min_count=50),
    prep.one_hot("rooms"),
    prep.keep("flag"),
)
NAMES = [
    *("city_Bergen", "city_Oslo", "city_Å s", "city_other", "age"),
    *("rooms_1", "rooms_2", "rooms_3", "rooms_4", "rooms_5", "nan", "flag"),
]


def matrix(frame: Any, names: list[str]) -> np.ndarray:
    table = opened(frame).collect()
    return np.column_stack([table.get_column(name).to_numpy().astype(float) for name in names])


def table(engine: str) -> Any:
    return in_engine(engine, FRAME)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_lazy_path_and_the_transformer_give_identical_numbers(engine: str) -> None:
    fitted = prep.fit(table(engine), *STEPS)
    assert fitted.features_ == NAMES
    lazily = matrix(fitted.apply(table(engine)), NAMES)
    for served in ("pandas", "eager", "pyarrow", "arrow-pandas"):
        assert np.array_equal(fitted.transform(table(served)), lazily)
    one_by_one = [fitted.transform(FRAME[i : i + 1].to_pandas()) for i in range(20)]
    assert np.array_equal(np.vstack(one_by_one), lazily[:20])


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_learn_the_same(engine: str) -> None:
    expected = prep.fit(FRAME.lazy(), *STEPS).transform(FRAME.to_pandas())
    found = prep.fit(table(engine), *STEPS).transform(FRAME.to_pandas())
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_applying_is_lazy_and_leaves_other_columns_alone() -> None:
    fitted = prep.fit(FRAME.lazy(), *STEPS)
    applied = fitted.apply(FRAME.lazy())
    assert isinstance(applied, pl.LazyFrame)
    prepared = applied.collect()
    assert prepared["id"].to_list() == FRAME["id"].to_list()
    assert "city" not in prepared.columns
    assert fitted.apply(FRAME, only_features=True).columns == NAMES


def test_nothing_is_learned_from_the_test_part() -> None:
    parts = prep.split(FRAME, key="id", test=0.3)
    spoiled = parts.frame.with_columns(
        age=pl.when(pl.col("split") == "test").then(1e9).otherwise(pl.col("age"))
    )
    train = prep.split(spoiled.drop("split"), key="id", test=0.3).train
    expected, found = prep.fit(parts.train, *STEPS), prep.fit(train, *STEPS)
    assert found.layers_ == expected.layers_


def test_a_standardised_column_is_as_scikit_learn_makes_it() -> None:
    frame = FRAME.select("age", "nan").drop_nulls().to_pandas()
    frame["constant"] = 0.1
    expected = StandardScaler().fit_transform(frame)
    found = prep.fit(frame, prep.standardise()).transform(frame)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_unknown_values_are_zeros_and_rare_ones_share_a_column() -> None:
    train = pd.DataFrame({"c": ["a"] * 5 + ["b"] * 3 + ["z", "other", None]})
    serve = pd.DataFrame({"c": ["a", "z", "never seen", "other", None]})
    plain = prep.fit(train, prep.one_hot("c")).set_output(transform="pandas")
    assert list(plain.transform(serve).columns) == ["c_a", "c_b", "c_other", "c_z"]
    assert plain.transform(serve).to_numpy().tolist()[2] == [0, 0, 0, 0]
    for rare in (prep.one_hot("c", min_count=3), prep.one_hot("c", max_categories=2)):
        fitted = prep.fit(train, rare)
        assert fitted.features_ == ["c_a", "c_b", "c_other"]
        expected = [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
        assert fitted.transform(serve).tolist() == expected
        assert matrix(fitted.apply(serve), fitted.features_).tolist() == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (prep.impute("x", strategy="median"), 3.0),
        (prep.impute("x", strategy="mean"), 4.0),
        (prep.impute("x", strategy="mode"), 2.0),
        (prep.impute("x", strategy="constant", value=-1), -1.0),
    ],
)
def test_gaps_become_what_the_strategy_says(step: Any, expected: float) -> None:
    frame = pl.DataFrame({"x": [10.0, 2.0, None, 3.0, float("nan"), 2.0, 3.0]})
    fitted = prep.fit(frame, step)
    assert fitted.transform(frame)[2, 0] == fitted.transform(frame)[4, 0] == expected
    assert fitted.apply(frame)["x"].to_list() == fitted.transform(frame)[:, 0].tolist()


def test_of_equally_frequent_values_the_least_fills() -> None:
    frame = pl.DataFrame({"c": ["b", "a", "b", "a", None]})
    assert prep.fit(frame, prep.impute("c", strategy="mode")).transform(frame)[4, 0] == "a"


def test_without_steps_numbers_are_filled_and_standardised_and_text_is_one_hot() -> None:
    fitted = prep.fit(FRAME.lazy(), ignore=["id", "label"])
    assert fitted.features_[0] == "city_Bergen"
    assert fitted.features_[-4:] == ["age", "rooms", "nan", "flag"]
    values = fitted.transform(FRAME.to_pandas())[:, -4:]
    assert not np.isnan(values).any()
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([prep.standardise("agee")], "'agee'"),
        ([prep.standardise("city")], "'city'"),
        ([prep.impute("city")], "'city'"),
        ([prep.impute("age", strategy="constant", value="x")], "'age'"),
        ([prep.standardise("empty")], "'empty'"),
        ([prep.impute("empty", strategy="mode")], "'empty'"),
        ([prep.standardise("endless")], "'endless'"),
        ([prep.one_hot("name")], "'name'"),
        ([prep.one_hot("city"), prep.one_hot("city")], "'city'"),
        ([prep.one_hot("when")], "'when'"),
        (["age"], "'age'"),
    ],
)
def test_what_cannot_be_learned_is_said_by_name(steps: list[Any], said: str) -> None:
    frame = FRAME.with_columns(
        empty=pl.lit(None, pl.Float64),
        endless=pl.when(pl.col("id") == 5).then(float("inf")).otherwise(1.0),
        name=pl.col("id").cast(pl.String),
        when=pl.lit("2026-01-01").str.to_date(),
    )
    with pytest.raises(BadInput, match=said):
        prep.fit(frame.lazy(), *steps)


def test_wrong_options_are_said() -> None:
    for wrong in (
        lambda: prep.impute("x", strategy="guess"),
        lambda: prep.impute("x", value=3),
        lambda: prep.impute("x", strategy="constant"),
        lambda: prep.one_hot("x", min_count=0),
        lambda: prep.one_hot("x", max_categories=True),
    ):
        with pytest.raises(BadInput):
            wrong()


def test_serving_says_what_is_wrong_with_its_table() -> None:
    fitted = prep.fit(FRAME, prep.standardise("age"), prep.one_hot("city"))
    good = {"age": [1.0], "city": ["Oslo"]}
    for wrong, said in (
        ({"age": [1.0]}, "city"),
        ({**good, "age": ["old"]}, "age"),
        ({**good, "city": [3]}, "city"),
    ):
        with pytest.raises(ValueError, match=said):
            fitted.transform(pd.DataFrame(wrong))
    with pytest.raises(ValueError, match="apply"):
        fitted.transform(FRAME.lazy())


@parametrize_with_checks([prep.Preparation(), prep.Preparation([prep.impute(), prep.keep()])])
def test_it_is_a_scikit_learn_transformer(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_clones_and_works_in_a_pipeline_that_has_nothing_of_the_label() -> None:
    train, test = prep.split(FRAME, key="id")
    pipeline = make_pipeline(prep.Preparation(STEPS), LogisticRegression())
    fitted = clone(pipeline).fit(train.drop("label").to_pandas(), train["label"].to_numpy())
    by_hand = prep.fit(train.lazy(), *STEPS)
    assert list(fitted[:-1].get_feature_names_out()) == NAMES
    expected = by_hand.transform(test)
    np.testing.assert_allclose(
        fitted[:-1].transform(test.to_pandas()), expected, rtol=1e-9, atol=1e-9
    )
    assert fitted.predict(test.drop("label").to_pandas()).shape == (test.height,)


def test_what_is_pickled_is_loaded_with_numpy_and_scikit_learn_alone(tmp_path: Path) -> None:
    fitted = prep.fit(FRAME.lazy(), *STEPS)
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "expected.npy", fitted.transform(FRAME))
    FRAME.write_json(tmp_path / "rows.json")
    heavy = ("polars", "duckdb", "torch", "mlflow", "IPython", "jupyter_server", "obstore")
    script = f"""
import json, pickle, sys
fitted = pickle.load(open("fitted.pickle", "rb"))
import numpy as np, pandas as pd
rows = pd.DataFrame(json.load(open("rows.json")))
rows["nan"] = rows["nan"].astype(float)
assert np.array_equal(fitted.transform(rows), np.load("expected.npy"))
mine = [name for name in sys.modules if name.startswith("jupyter_cloudml.")]
print(json.dumps([sorted(set({heavy!r}) & set(sys.modules)), len(mine)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded, rooms = json.loads(done.stdout)
    assert loaded == []
    assert rooms < 10


@pytest.mark.filterwarnings("default::UserWarning")  # of mlflow's own type hints
def test_a_pipeline_in_mlflow_predicts_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    import mlflow

    train, test = prep.split(FRAME, key="id")
    fitted = prep.fit(train.lazy(), *STEPS)
    model = LogisticRegression().fit(fitted.transform(train), train["label"].to_numpy())
    pipeline = make_pipeline(fitted, model)
    rows = test.drop("id", "label").to_pandas()
    forms: dict[str, dict[str, Any]] = {
        "skops": {"skops_trusted_types": prep.TRUSTED_TYPES},
        "pickle": {"serialization_format": "cloudpickle"},
    }
    for form, words in forms.items():
        folder = tmp_path / form
        mlflow.sklearn.save_model(pipeline, folder, pip_requirements=["scikit-learn"], **words)
    rows.to_pickle(tmp_path / "rows.pickle")
    script = (
        "import mlflow, pandas as pd\n"
        "rows = pd.read_pickle('rows.pickle')\n"
        "models = [mlflow.pyfunc.load_model(form) for form in ('skops', 'pickle')]\n"
        "print([model.predict(rows).tolist() for model in models])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [pipeline.predict(rows).tolist()] * 2
