"""One contender at one task of ``bench_prep``: prints seconds and peak memory of this process as JSON."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

FLOATS = tuple(f"x{number}" for number in range(8))
OURS = [
    "pandas",
    "polars",
    "duckdb",
    "pyarrow.parquet",
    "platformdirs",
    "sqlglot.dialects.postgres",
    "sqlglot.dialects.duckdb",
    "narwhals._polars.dataframe",
    "narwhals._polars.group_by",
    "narwhals._duckdb.namespace",
    "narwhals._duckdb.group_by",
    "jupyter_cloudml.prep.engines.duckdb",
    "jupyter_cloudml.prep.engines.polars",
    "jupyter_cloudml.stores.file.store",
]
AFTERWARDS = ExitStack()
"""Connections that are closed when the results are there: that counts for nobody either."""
KINDS = ("bike", "bus", "car", "foot", "rail")
GROUP_SQL = """
SELECT city, kind, count(*) AS n, avg(y) AS y, sum(amount) AS amount
FROM (SELECT city, kind, amount, x1 * 2 + x2 AS y FROM trips WHERE amount > 10) q
GROUP BY city, kind ORDER BY city, kind
"""
JOIN_SQL = """
SELECT c.segment, count(*) AS n, sum(t.amount) AS amount
FROM trips t JOIN customers c ON t.customer = c.customer GROUP BY c.segment ORDER BY c.segment
"""


def make(folder: str, rows: int, part: int) -> None:
    """Write ``rows`` trips of 15 columns and 200,000 customers; print the trips' bytes in memory."""
    import numpy as np
    import polars as pl

    root, size = Path(folder), 0
    (root / "trips").mkdir(parents=True)
    for start in range(0, rows, part):
        count = min(part, rows - start)
        random = np.random.default_rng(start)
        seconds = random.integers(0, 365 * 86400, count).astype("timedelta64[s]")
        columns = {
            "id": np.arange(start, start + count),
            "customer": random.integers(0, 200_000, count),
            "city": random.integers(0, 50, count),
            "kind": np.array(KINDS)[random.integers(0, len(KINDS), count)],
            "stamp": (np.datetime64("2026-01-01") + seconds).astype("datetime64[us]"),
            "amount": np.round(random.gamma(2, 20, count), 2),
            "night": random.integers(0, 2, count).astype(bool),
            **{name: random.normal(size=count) for name in FLOATS},
        }
        frame = pl.DataFrame(columns)
        size += frame.estimated_size()
        frame.write_parquet(root / "trips" / f"{start:010}.parquet", row_group_size=250_000)
    ids = pl.int_range(200_000, eager=True)
    customers = pl.DataFrame({"customer": ids, "segment": (ids % 7).cast(pl.String)})
    customers.write_parquet(root / "customers.parquet")
    print(size)


def cloudprep(task: str, data: Path, out: Path, *, sql: bool = False) -> Callable[[], Any]:
    """As the worker runs a cell: sources looked at, profile, publication; only the job around it is missing."""
    import narwhals as nw

    from jupyter_cloudml.prep.request import PrepRequest
    from jupyter_cloudml.prep.run import Place, Preparation

    sinks = {part: f"{out}/{part}.parquet" for part in ("train", "test")} if task == "write" else {}
    request = PrepRequest(
        language="sql" if sql else "python",
        sources={"trips": f"{data}/trips/", "customers": f"{data}/customers.parquet"},
        sinks=sinks,
        outputs=() if sinks else ("result",),
        is_cached=False,
    )
    code = ({"group": GROUP_SQL, "join": JOIN_SQL} if sql else CELLS)[task]
    place = Place(job="bench", scratch=out / "scratch", cache=out / "cache")

    def run() -> Any:
        prep = AFTERWARDS.enter_context(Preparation(request=request, code=code, place=place))
        space: dict[str, Any] = {"nw": nw, **prep.names}
        if not sql:
            exec(code, space)
        made = None if sql else {name: space[name] for name in request.results}
        return prep.finish(made)[0].profile.rows

    return run


CELLS = {
    "group": """
result = (
    trips.filter(nw.col("amount") > 10)
    .with_columns(y=nw.col("x1") * 2 + nw.col("x2"))
    .group_by("city", "kind")
    .agg(nw.len().alias("n"), nw.col("y").mean(), nw.col("amount").sum())
    .sort("city", "kind")
)
""",
    "join": """
result = (
    trips.join(customers, on="customer")
    .group_by("segment")
    .agg(nw.len().alias("n"), nw.col("amount").sum())
    .sort("segment")
)
""",
    "write": f"""
names, kinds = {FLOATS!r}, {KINDS!r}
is_train = nw.col("id") % 5 != 0
means = {{f"m_{{n}}": nw.col(n).mean() for n in names}}
spread = {{f"s_{{n}}": nw.col(n).std() for n in names}}
row = trips.filter(is_train).select(**means, **spread).collect("polars").rows(named=True)[0]
made = trips.with_columns(
    **{{n: (nw.col(n) - row[f"m_{{n}}"]) / row[f"s_{{n}}"] for n in names}},
    **{{f"is_{{k}}": nw.col("kind") == k for k in kinds}},
).drop("kind")
train, test = made.filter(is_train), made.filter(~is_train)
""",
}


def polars(task: str, data: Path, out: Path) -> Callable[[], Any]:
    """Polars, streaming, both parts written in one pass."""
    import polars as pl

    def run() -> Any:
        trips = pl.scan_parquet(f"{data}/trips/*.parquet")
        if task == "group":
            found = (
                trips.filter(pl.col("amount") > 10)
                .with_columns(y=pl.col("x1") * 2 + pl.col("x2"))
                .group_by("city", "kind")
                .agg(pl.len().alias("n"), pl.col("y").mean(), pl.col("amount").sum())
                .sort("city", "kind")
            )
            return found.collect(engine="streaming").height
        if task == "join":
            customers = pl.scan_parquet(f"{data}/customers.parquet")
            found = trips.join(customers, on="customer").group_by("segment")
            found = found.agg(pl.len().alias("n"), pl.col("amount").sum()).sort("segment")
            return found.collect(engine="streaming").height
        is_train = pl.col("id") % 5 != 0
        fit = trips.filter(is_train).select(
            pl.col(FLOATS).mean().name.prefix("m_"), pl.col(FLOATS).std().name.prefix("s_")
        )
        row = fit.collect(engine="streaming").row(0, named=True)
        made = trips.with_columns(
            *((pl.col(n) - row[f"m_{n}"]) / row[f"s_{n}"] for n in FLOATS),
            *((pl.col("kind") == k).alias(f"is_{k}") for k in KINDS),
        ).drop("kind")
        sinks = [
            made.filter(is_train).sink_parquet(out / "train.parquet", lazy=True),
            made.filter(~is_train).sink_parquet(out / "test.parquet", lazy=True),
        ]
        return len(pl.collect_all(sinks, engine="streaming"))

    return run


def duckdb(task: str, data: Path, out: Path) -> Callable[[], Any]:
    """DuckDB, with the compression that Polars has by default."""
    import duckdb as engine

    def run() -> Any:
        connection = engine.connect()
        connection.execute(f"CREATE VIEW trips AS FROM '{data}/trips/*.parquet'")
        connection.execute(f"CREATE VIEW customers AS FROM '{data}/customers.parquet'")
        if task in ("group", "join"):
            return len(connection.sql({"group": GROUP_SQL, "join": JOIN_SQL}[task]).fetchall())
        stats = ", ".join(f"avg({n}) AS m_{n}, stddev({n}) AS s_{n}" for n in FLOATS)
        connection.execute(f"CREATE TABLE fit AS SELECT {stats} FROM trips WHERE id % 5 <> 0")
        scaled = ", ".join(f"({n} - m_{n}) / s_{n} AS {n}" for n in FLOATS)
        hot = ", ".join(f"kind = '{k}' AS is_{k}" for k in KINDS)
        rest = "id, customer, city, stamp, amount, night"
        for part, test in (("train", "<>"), ("test", "=")):
            connection.execute(
                f"COPY (SELECT {rest}, {scaled}, {hot} FROM trips, fit WHERE id % 5 {test} 0)"
                f" TO '{out}/{part}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
        return 2

    return run


def daft(task: str, data: Path, out: Path) -> Callable[[], Any]:
    """Daft's native runner."""
    import daft as engine
    from daft import col

    def run() -> Any:
        trips = engine.read_parquet(f"{data}/trips/*.parquet")
        if task == "group":
            found = trips.where(col("amount") > 10).with_column("y", col("x1") * 2 + col("x2"))
            found = found.groupby("city", "kind").agg(
                col("id").count().alias("n"), col("y").mean(), col("amount").sum()
            )
            return len(found.sort(["city", "kind"]).collect())
        if task == "join":
            customers = engine.read_parquet(f"{data}/customers.parquet")
            found = trips.join(customers, on="customer").groupby("segment")
            return len(found.agg(col("id").count().alias("n"), col("amount").sum()).collect())
        train = trips.where(col("id") % 5 != 0)
        fit = train.agg(
            *(col(n).mean().alias(f"m_{n}") for n in FLOATS),
            *(col(n).stddev().alias(f"s_{n}") for n in FLOATS),
        ).to_pylist()[0]
        made = trips.with_columns(
            {n: (col(n) - fit[f"m_{n}"]) / fit[f"s_{n}"] for n in FLOATS}
            | {f"is_{k}": col("kind") == k for k in KINDS}
        ).exclude("kind")
        made.where(col("id") % 5 != 0).write_parquet(f"{out}/train", compression="zstd")
        made.where(col("id") % 5 == 0).write_parquet(f"{out}/test", compression="zstd")
        return 2

    return run


def main() -> None:
    name, task, data, out = sys.argv[1:]
    if name.startswith("cloudprep"):
        run = cloudprep(task, Path(data), Path(out), sql=name.endswith("sql"))
        for package in OURS:  # imports are counted for nobody
            importlib.import_module(package)
    else:
        run = {"polars": polars, "duckdb": duckdb, "daft": daft}[name](task, Path(data), Path(out))
    peaks = [private_mb()]
    threading.Thread(target=watch, args=(peaks,), daemon=True).start()
    begun = time.perf_counter()
    rows = run()
    seconds = time.perf_counter() - begun
    AFTERWARDS.close()
    print(json.dumps({"seconds": seconds, "peak_mb": max(peaks), "rows": rows}))


def watch(peaks: list[float]) -> None:
    """Look twenty times a second."""
    while True:
        peaks.append(private_mb())
        time.sleep(0.05)


def private_mb() -> float:
    """Memory of this process alone, as ``--memory`` counts it: pages of files are the kernel's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
