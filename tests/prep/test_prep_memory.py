"""A job prepares more data than it may use memory, and is not ended for it."""

from __future__ import annotations

import polars as pl
import pytest

from tests.e2e.kernels import Notebook, stop_agent

LIMIT_MIB = 320
COLUMNS = 16
ROWS = 4 * LIMIT_MIB * 2**20 // (8 * COLUMNS)
"""So many that the data are four times the limit when they are in memory."""


@pytest.fixture
def notebook(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    made = Notebook(home, tmp_path / "work", CLOUDML_FORWARDER="0")
    yield made
    made.close()
    stop_agent(made.home)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_data_of_four_times_the_memory_limit_pass(notebook, engine):
    numbers = {f"c{i}": pl.col("id") % (i + 7) for i in range(1, COLUMNS)}
    lazy = pl.LazyFrame().select(id=pl.int_range(ROWS, dtype=pl.Int64)).with_columns(**numbers)
    lazy.sink_parquet(notebook.cwd / "big.parquet", row_group_size=100_000)
    assert ROWS * COLUMNS * 8 >= 4 * LIMIT_MIB * 2**20
    ran = notebook.run(
        f"%%cloudprep --memory {LIMIT_MIB}M --engine {engine} --source t=big.parquet --sink out.parquet\n"
        "SELECT *, c1 * 2 AS twice FROM t WHERE c2 <> 3"
    )
    assert ran.status == "ok", ran.reply
    written = pl.scan_parquet(notebook.cwd / "out.parquet").select(pl.len()).collect().item()
    assert written == ROWS - ((ROWS - 4) // 9 + 1)
    assert ran.cards[-1]["state"] == "SUCCEEDED"
