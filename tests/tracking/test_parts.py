"""The parts of the room by themselves: where runs are kept, what MLflow takes, nudges, the environment, the UI."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput, Unavailable
from jupyter_cloudml.tracking.config import artifact_root, checked_uri, tracking_uri
from jupyter_cloudml.tracking.environment import EnvironmentLocks
from jupyter_cloudml.tracking.links import Link
from jupyter_cloudml.tracking.nudges import Nudge, Nudges
from jupyter_cloudml.tracking.payload import Payload, batches, halves, payload_of, safe_name
from jupyter_cloudml.tracking.runs import capture_digests
from jupyter_cloudml.tracking.store import shown
from jupyter_cloudml.tracking.ui import TrackingUI, is_healthy, ui_argv

HOME = Path("/h")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "sqlite:////h/mlflow.db"),
        ("http://server:5000", "http://server:5000"),
        ("sqlite:////data/runs.db", "sqlite:////data/runs.db"),
        ("sqlite:///runs.db?timeout=5", "sqlite:////work/runs.db?timeout=5"),
        ("databricks", "databricks"),
    ],
)
def test_the_tracking_uri_is_the_users_or_the_home(given, expected):
    assert tracking_uri({"MLFLOW_TRACKING_URI": given}, HOME, cwd=Path("/work")) == expected


@pytest.mark.parametrize("uri", ["file:///x/mlruns", "./mlruns", "/x/mlruns"])
def test_file_stores_are_refused(uri):
    with pytest.raises(BadInput, match="file store"):
        checked_uri(uri)


def test_artifacts_lie_in_the_home_beside_a_foreign_file_or_with_the_server():
    assert artifact_root("sqlite:////h/mlflow.db", HOME) == HOME / "mlartifacts"
    assert artifact_root("sqlite:////data/runs.db", HOME) == Path("/data/mlruns")
    assert artifact_root("http://server", HOME) is None


def test_a_password_in_the_uri_is_never_shown():
    assert shown("http://ada:secret@server:5000") == "http://ada:***@server:5000"


def test_importing_the_configuration_loads_no_mlflow():
    code = "import sys, jupyter_cloudml.tracking.config; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("loss", "loss"),
        ("val/loss (top 1)", "val/loss _top 1_"),
        ("../../etc", "etc"),
        ("/", "_"),
        ("a//b/", "a/b"),
        ("größe", "größe"),
    ],
)
def test_names_become_names_that_mlflow_takes(name, safe):
    from mlflow.utils.validation import _validate_metric_name

    assert safe_name(name) == safe
    _validate_metric_name(safe)


def test_batches_keep_the_limits_of_mlflow():
    happened = [{"t": 1.0, "k": "metric", "m": {"a": 1.0}, "s": i} for i in range(2500)]
    happened.append({"t": 1.0, "k": "param", "p": {f"p{i}": "x" * 6000 for i in range(120)}})
    pieces = list(batches(payload_of(happened)))
    assert max(len(piece.metrics) for piece in pieces) == 1000
    assert max(sum(map(len, piece.params.values())) for piece in pieces) < 500_000
    assert sum(len(piece.params) for piece in pieces) == 120


def test_system_metrics_thin_out_after_a_minute():
    happened = [{"t": 100.0 + i, "k": "resource", "cpu": 1.0} for i in range(120)]
    assert len(payload_of(happened, started_at=100.0).metrics) == 60 + 6


def test_a_refused_payload_is_halved_down_to_one_item():
    payload = Payload(params={"a": "1", "b": "2", "c": "3"})
    first, second = halves(payload)
    assert {**first.params, **second.params} == payload.params
    assert halves(second) == []


def test_digests_are_found_wherever_they_stand():
    manifest = {"a": [{"digest": "x"}, {"b": {"digest": "y"}}], "c": 1}
    assert capture_digests(manifest) == {"a[0]": "x", "a[1].b": "y"}
    assert capture_digests(None) == {}


def test_nudges_come_whole_and_strangers_are_passed_over():
    reader, writer = os.pipe()
    nudges = Nudges(reader)
    os.write(writer, b"job 0123456789ab\nhello\nend ../../etc\nend 01234567")
    assert nudges.wait(1) == [Nudge("job", "0123456789ab")]
    os.write(writer, b"89ab\n")
    assert nudges.wait(1) == [Nudge("end", "0123456789ab")]
    assert nudges.wait(0) == []
    os.close(writer)
    assert nudges.wait(1) == []
    assert not nudges.is_open
    os.close(reader)


def test_the_environment_lock_is_asked_for_once_and_without_blocking():
    locks = EnvironmentLocks()
    assert locks.lock(sys.executable) is None
    text = locks.wait(sys.executable)
    assert "\nmlflow==" in text
    assert text.startswith("# Python 3.")
    assert locks.lock(sys.executable) == text
    assert locks.lock("/no/such/python") == ""
    locks.close()


def test_a_store_that_is_down_is_asked_less_and_less_often(tmp_path):
    now = [0.0]
    link = Link("http://127.0.0.1:9", tmp_path, clock=lambda: now[0])
    waits = []
    for _ in range(7):
        link.failed(Unavailable("down"))
        waits.append(link.wait_s())
        with pytest.raises(Unavailable, match="down"):
            link.store()
        now[0] += link.wait_s()
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
    link.worked()
    assert link.wait_s() == 0


def test_the_ui_of_a_server_is_the_server(tmp_path):
    with TrackingUI("http://server:5000", tmp_path) as ui:
        assert ui.url == "http://server:5000"


def test_the_ui_listens_on_loopback_only():
    argv = ui_argv("sqlite:////h/mlflow.db", HOME, 5001)
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert argv[argv.index("--default-artifact-root") + 1] == "/h/mlartifacts"


@pytest.mark.slow
def test_the_ui_serves_and_leaves_no_process_behind(home):
    with TrackingUI(home.uri, home.root) as ui:
        group = ui._process.pid
        with urllib.request.urlopen(ui.url, timeout=10) as page:
            assert b"MLflow" in page.read()
    assert not is_healthy(ui.url)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
