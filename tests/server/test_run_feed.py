"""The copy of a tracking server's runs, against a real MLflow server that is ended and started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.tracking.config import quiet_environment
from jupyter_cloudml.tracking.run_feed import Feed
from jupyter_cloudml.tracking.run_index import RunIndex, RunQuery
from jupyter_cloudml.tracking.ui import TrackingUI, free_port
from tests.e2e.kernels import environment
from tests.server.runs import fill, make_store

RUNS = 60
EVERY_S = 0.2
QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


class TrackingServer:
    """``mlflow server`` on loopback, over a SQLite file; it comes back at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "mlflow.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._running: TrackingUI | None = None

    def start(self) -> None:
        self._running = TrackingUI(f"sqlite:///{self.store}", self.folder, port=self.port)

    def stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.close()

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.url)

    def order(self, order_by: str) -> list[str]:
        """What MLflow itself answers, by REST."""
        found = self.client.search_runs(["1"], order_by=[order_by], max_results=200)
        return [run.info.run_id for run in found]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    quiet_environment()
    made = TrackingServer(tmp_path_factory.mktemp("tracking"))
    make_store(made.store)
    fill(made.store, RUNS)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def fed(tracking: TrackingServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    """The copy, whole; its name has what an address would take for something else."""
    copy = tmp_path_factory.mktemp("copy") / "runs #1 100%.db"
    made = Feed(tracking.url, copy, {**os.environ, **QUICK}, every_s=EVERY_S)
    made.ensure()
    until(made.is_complete, "every run is copied")
    yield made
    made.close()


def until(look: Callable[[], Any], what: str, *, timeout_s: float = 60.0) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)
    return answer


def table(fed: Feed, **asked: Any) -> list[dict[str, Any]]:
    fed.ensure()
    found: list[dict[str, Any]] = RunIndex(fed.copy).page(RunQuery(limit=1000, **asked))["runs"]
    return found


def one(fed: Feed, run_id: str) -> dict[str, Any] | None:
    return next((run for run in table(fed) if run["run_id"] == run_id), None)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("sort", ["metrics.loss", "metrics.accuracy", "params.lr", "start_time"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_runs_of_a_server_are_in_mlflows_order(tracking, fed, sort, descending):
    word = sort if "." in sort else f"attributes.{sort}"
    theirs = tracking.order(f"{word} {'DESC' if descending else 'ASC'}")
    ours = table(fed, experiment="many", sort=sort, descending=descending)
    assert [run["run_id"] for run in ours] == theirs
    assert len(ours) >= RUNS


def test_a_run_of_a_server_is_told_as_that_of_a_file(tracking, fed):
    run_id = f"{42:032x}"
    (of_file,) = RunIndex(tracking.store).page(RunQuery(text="run 42 "))["runs"]
    assert one(fed, run_id) == of_file
    kinds = {run["metrics"].get("loss") for run in table(fed)}
    assert "nan" in kinds
    assert None in kinds


def test_what_is_new_on_the_server_comes_without_being_asked_for(tracking, fed):
    client = tracking.client
    made = client.create_run("1", run_name="of this moment").info.run_id
    until(lambda: one(fed, made), "the new run is in the table")
    client.log_metric(made, "fresh", 1.5)
    until(lambda: one(fed, made)["metrics"].get("fresh") == 1.5, "its metric is there")
    client.log_metric(made, "fresh", 0.5, step=1)
    until(lambda: one(fed, made)["metrics"]["fresh"] == 0.5, "the changed metric is there")
    client.set_terminated(made, "FAILED")
    until(lambda: one(fed, made)["status"] == "FAILED", "its end is there")
    assert fed.curves([made], "fresh") == {made: [[0, 1.5], [1, 0.5]]}


def test_a_running_run_that_is_removed_on_the_server_leaves_the_table(tracking, fed):
    gone, removed = (tracking.client.create_run("1").info.run_id for _ in range(2))
    until(lambda: one(fed, gone) and one(fed, removed), "both are there")
    tracking.client.delete_run(gone)
    with sqlite3.connect(tracking.store, timeout=20) as db:  # as `mlflow gc` does
        db.execute("DELETE FROM tags WHERE run_uuid = ?", (removed,))
        db.execute("DELETE FROM runs WHERE run_uuid = ?", (removed,))
    db.close()
    until(lambda: one(fed, gone) is one(fed, removed) is None, "both are gone")
    assert fed.away_since() is None


def test_an_outage_is_said_and_survived(tracking, fed):
    before = [run["run_id"] for run in table(fed, sort="metrics.loss")]
    tracking.stop()
    try:
        begun = time.time()
        since = until(fed.away_since, "the outage is said")
        assert since <= time.time()
        assert since > begun - 60
        assert [run["run_id"] for run in table(fed, sort="metrics.loss")] == before
        with pytest.raises(Unavailable, match="does not answer"):
            fed.curves([before[0]], "loss")
        fed.close()  # another day, and still away: the copy is there at once
        assert [run["run_id"] for run in table(fed, sort="metrics.loss")] == before
        assert fed.away_since() == since
    finally:
        tracking.start()
    late = tracking.client.create_run("1", run_name="after the outage").info.run_id
    until(lambda: one(fed, late), "a run of later is there")
    assert fed.away_since() is None
    assert fed.curves([before[0]], "accuracy")[before[0]]


def test_a_server_that_was_never_there_is_said_so_and_no_password_with_it(tmp_path):
    url = f"http://me:hush@127.0.0.1:{free_port()}"
    fed = Feed(url, tmp_path / "runs.db", {**os.environ, **QUICK}, every_s=EVERY_S)
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match="does not answer") as said:
                fed.ensure()
            assert "hush" not in str(said.value)
    finally:
        fed.close()


def test_a_damaged_copy_is_made_again(tracking, tmp_path):
    copy = tmp_path / "runs.db"
    copy.write_bytes(b"no database, by any means" * 400)
    fed = Feed(tracking.url, copy, {**os.environ, **QUICK}, every_s=EVERY_S)
    try:
        fed.ensure()
        until(fed.is_complete, "every run is copied")
        assert len(table(fed)) >= RUNS
    finally:
        fed.close()


_OWNER = """
import os, sys, time
from pathlib import Path
from jupyter_cloudml.tracking.run_feed import feed
print(feed(sys.argv[1], Path(sys.argv[2]), os.environ)._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_copier_ends_with_the_process_that_asked(tracking, tmp_path, number):
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, tracking.url, str(tmp_path / "runs.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(tmp_path / "home", PYTHONPATH=str(Path(__file__).parents[2])),
    )
    with owner:
        assert owner.stdout is not None
        copier = int(owner.stdout.readline())
        assert is_alive(copier)
        owner.send_signal(number)
    until(lambda: not is_alive(copier), "the copier is gone")


async def test_the_routes_tell_a_servers_runs_and_end_its_copier_with_the_jupyter_server(
    tracking, ask, server, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.url)
    page = await ask("runs", sort="metrics.loss", limit=1000)
    while page["syncing"]:
        page = await ask("runs", sort="metrics.loss", limit=1000)
    of_many = [run["run_id"] for run in page["runs"] if run["experiment_id"] == "1"]
    assert of_many == tracking.order("metrics.loss DESC")
    assert page["away_since"] is None
    names = {found["name"] for found in (await ask("experiments"))["experiments"]}
    assert names == {"many", "Default"}
    from jupyter_cloudml.tracking import run_feed

    (only,) = run_feed._feeds.values()
    pid = only._process.pid
    await server.web_app.settings["cloudml"]._server.extension_manager.stop_all_extensions()
    until(lambda: not is_alive(pid), "the copier is gone")
