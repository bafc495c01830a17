"""The runs table with 10,000 runs: sorted by a metric, filtered by text; MLflow's own search beside it."""

from __future__ import annotations

from typing import Any

from jupyter_cloudml.tracking.run_index import RunIndex, RunQuery
from tests.server.runs import fill, make_store

from .harness import machine, median, note, report, scratch, timed

RUNS = 10_000
REPEAT = 15
LIMIT_MS = 200.0


def main() -> None:
    with scratch() as folder:
        path = folder / "mlflow.db"
        note(f"runs: writing {RUNS} runs")
        make_store(path)
        fill(path, RUNS)
        index = RunIndex(path)
        theirs = _search(f"sqlite:///{path}")
        peer = 1e3 * median([timed(theirs) for _ in range(3)])
        for name, query in (
            ("by metric", RunQuery(sort="metrics.loss", limit=100)),
            ("by metric, in an experiment", RunQuery(experiment="many", sort="metrics.loss")),
            ("by metric, page 50", RunQuery(sort="metrics.loss", offset=5000)),
            ("by parameter", RunQuery(sort="params.lr")),
            ("newest", RunQuery()),
            ("text and metric", RunQuery(text="99", sort="metrics.loss")),
        ):
            _measure(f"runs: {name}", index, query, peer)


def _search(uri: str) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    return lambda: client.search_runs(["1"], order_by=["metrics.loss DESC"], max_results=100)


def _measure(bench: str, index: RunIndex, query: RunQuery, peer: float) -> None:
    times = [1e3 * timed(lambda: index.page(query)) for _ in range(REPEAT)]
    report(bench, median(times), peer, unit="ms", at_most=LIMIT_MS, worst=max(times), **machine())


if __name__ == "__main__":
    main()
