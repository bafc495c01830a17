"""A tracking server that goes away in the middle of a job and comes back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.tracking.ui import TrackingUI, free_port

from .arena import Arena, wait_until
from .kernels import Plan


@pytest.mark.slow
def test_a_job_does_not_feel_that_the_server_is_away_and_all_arrives_when_it_is_back(
    make_arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    arena: Arena = make_arena()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    store = f"sqlite:///{arena.home.mlflow_db}"
    plans = {label: Plan(label=label, steps=60, pause_s=0.02, retries=0) for label in "abc"}
    with TrackingUI(store, tmp_path, port=port) as server:
        first = arena.submit(plans["a"])
        wait_until(lambda: first.row.run_id, "the first run")
        running = arena.submit(plans["b"])
        wait_until(lambda: running.text(), "the second job's first line")
        assert server._process is not None
        os.killpg(server._process.pid, signal.SIGKILL)
    late = arena.submit(plans["c"])
    for job in (first, running, late):
        assert job.wait(timeout=60) is JobState.SUCCEEDED
    wait_until(lambda: "waiting" in late.row.tracking_error, "the registry to say what is missing")
    with TrackingUI(store, tmp_path, port=port):
        arena.settle()
        arena.stop()
        arena.check(plans)
    arena.check_nothing_is_left()
