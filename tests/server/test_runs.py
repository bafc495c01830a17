"""The runs table against MLflow's own answers."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import BadInput, Unavailable
from jupyter_cloudml.tracking.run_index import RunIndex, RunQuery
from tests.server.runs import fill, make_store

RUNS = 2_000
MANY = 10_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with many runs, among them some without the metric, some whose value is no number, and ties."""
    path = tmp_path_factory.mktemp("runs") / "mlflow.db"
    make_store(path)
    fill(path, RUNS)
    return path


def of_mlflow(path: Path, order_by: str, text: str = "", most: int = 200, page: int = 1) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{path}")
    condition = f"attributes.run_name ILIKE '%{text}%'" if text else ""
    token = None
    for _ in range(page):
        found = client.search_runs(
            ["1"], condition, order_by=[order_by], max_results=most, page_token=token
        )
        token = found.token
    return [run.info.run_id for run in found]


@pytest.mark.parametrize("sort", ["metrics.loss", "params.lr", "start_time", "end_time", "status"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_is_mlflows(store, sort, descending):
    word = sort if "." in sort else f"attributes.{sort}"
    index = RunIndex(store)
    for page in (1, 2) if sort == "metrics.loss" else (1,):
        ours = index.page(
            RunQuery(
                experiment="many",
                sort=sort,
                descending=descending,
                limit=200,
                offset=200 * (page - 1),
            )
        )
        theirs = of_mlflow(store, f"{word} {'DESC' if descending else 'ASC'}", page=page)
        assert [run["run_id"] for run in ours["runs"]] == theirs
        assert ours["total"] == RUNS


@pytest.mark.slow
def test_the_order_of_ten_thousand_is_mlflows(tmp_path):
    path = tmp_path / "mlflow.db"
    make_store(path)
    fill(path, MANY)
    ours = RunIndex(path).page(RunQuery(sort="metrics.loss", limit=1000))
    theirs = of_mlflow(path, "metrics.loss DESC", most=1000)
    assert [run["run_id"] for run in ours["runs"]] == theirs


def test_the_last_of_an_order_are_those_that_have_no_number(store):
    index = RunIndex(store)
    query = RunQuery(sort="metrics.loss", descending=True, limit=1000, offset=RUNS - 1000)
    values = [run["metrics"].get("loss") for run in index.page(query)["runs"]]
    kinds = ["number" if isinstance(v, float) else v for v in values]
    assert kinds == sorted(kinds, key=["number", "nan", None].index)
    assert {"number", "nan", None} == set(kinds)


@pytest.mark.parametrize("text", ["run 99", "RUN 10", "100%", "_"])
def test_a_text_finds_what_mlflow_finds(store, text):
    ours = RunIndex(store).page(RunQuery(text=text, sort="metrics.loss", limit=1000))
    if "%" in text or "_" in text:  # MLflow reads them as wildcards; people mean them
        assert all(text in run["name"] for run in ours["runs"])
        return
    theirs = of_mlflow(store, "metrics.loss DESC", text, most=1000)
    assert [run["run_id"] for run in ours["runs"]] == theirs


def test_a_run_is_told_in_full(store):
    (run,) = RunIndex(store).page(RunQuery(text="run 42 "))["runs"]
    assert run["params"] == {"lr": "0.42", "depth": "2"}
    assert run["metrics"]["accuracy"] == 0.42
    assert run["job_id"] == f"{42:012x}"
    assert (run["status"], run["start_time"]) == ("FINISHED", 1_700_000_042.0)
    assert RunIndex(store).page(RunQuery(text=f"{42:012x}"))["total"] == 1


def test_infinity_and_not_a_number_are_words(store):
    page = RunIndex(store).page(RunQuery(sort="metrics.loss", limit=1))
    assert page["runs"][0]["metrics"]["loss"] == "inf"
    assert page["metrics"] == ["accuracy", "loss"]
    assert page["params"] == ["depth", "lr"]


def test_a_metric_may_have_a_name_that_javascript_has_a_use_for(tmp_path):
    store = tmp_path / "mlflow.db"
    make_store(store)
    fill(store, 8)
    with sqlite3.connect(store) as db:
        for table in ("latest_metrics", "metrics"):
            db.executemany(
                f"INSERT INTO {table} (key, timestamp, step, value, is_nan, run_uuid) VALUES (?, 1, 0, ?, 0, ?)",
                [("__proto__", n, f"{n:032x}") for n in (3, 5)],
            )
    db.close()
    page = RunIndex(store).page(RunQuery(sort="metrics.__proto__", limit=2))
    assert [run["metrics"]["__proto__"] for run in page["runs"]] == [5, 3]
    assert "__proto__" in page["metrics"]
    assert RunIndex(store).curve(f"{3:032x}", "__proto__") == [(0, 3)]


def test_experiments_are_counted(store):
    assert RunIndex(store).experiments() == [
        {"id": "1", "name": "many", "runs": RUNS},
        {"id": "0", "name": "Default", "runs": 0},
    ]


def test_a_curve_is_in_the_order_of_steps_and_bounded(store):
    with sqlite3.connect(store) as db:
        rows = [("curve", n, n, math.sin(n), 0, f"{1:032x}") for n in range(5000)]
        db.executemany(
            "INSERT INTO metrics (key, timestamp, step, value, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)",
            reversed(rows),
        )
    db.close()
    points = RunIndex(store).curve(f"{1:032x}", "curve")
    assert len(points) <= 2000
    assert points[0] == (0, 0.0)
    assert points[-1][0] == 4999
    assert points == sorted(points)


def test_a_store_that_is_not_there_yet_has_no_runs(tmp_path):
    index = RunIndex(tmp_path / "none.db")
    assert index.page(RunQuery()) == {"runs": [], "total": 0, "metrics": [], "params": []}
    assert index.experiments() == []
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_store_is_said_so(tmp_path):
    (tmp_path / "odd.db").write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(Unavailable, match="cannot be read"):
        RunIndex(tmp_path / "odd.db").page(RunQuery())


@pytest.mark.parametrize("sort", ["colour", "metrics.", "r.name; DROP TABLE runs", "metrics"])
def test_what_runs_have_not_cannot_be_sorted_by(store, sort):
    with pytest.raises(BadInput, match="cannot be sorted"):
        RunIndex(store).page(RunQuery(sort=sort))


async def test_the_routes_of_runs(ask, home):
    make_store(home.mlflow_db)
    fill(home.mlflow_db, 30)
    page = await ask("runs", sort="metrics.accuracy", order="asc", limit=3)
    assert [run["name"] for run in page["runs"]] == ["run 0 of 30", "run 1 of 30", "run 2 of 30"]
    assert (page["total"], page["syncing"]) == (30, False)
    assert (await ask("experiments"))["experiments"][0]["runs"] == 30
    one = f"{3:032x}"
    assert (await ask("runs/curves", run_id=one, metric="accuracy"))["curves"][one] == [[0, 0.03]]
