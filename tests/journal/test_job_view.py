"""A job's events folded into a snapshot, in bounded space, whatever comes."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.series import MAX_POINTS, Series
from jupyter_cloudml.journal.view import JobView, fold


def _event(t: float, k: str, **fields: Any) -> dict[str, Any]:
    return {"t": t, "k": k, **fields}


def _state(t: float, state: str, **fields: Any) -> dict[str, Any]:
    return _event(t, "state", state=state, **fields)


def test_a_whole_life_is_told() -> None:
    view = fold(
        [
            _state(1.0, "RUNNING", pid=7, host="h"),
            _event(2.0, "metric", m={"loss": 0.5, "acc": 0.1}, s=1),
            _event(3.0, "param", p={"lr": "0.1"}),
            _event(3.0, "tag", p={"team": "x"}),
            _event(3.0, "resource", cpu=50, rss=100, gpus=[]),
            _event(4.0, "resource", cpu=10, rss=50, gpus=[]),
            _event(4.0, "checkpoint", step=5, uri="file:///c"),
            _event(5.0, "note", text="x stayed there"),
            _event(5.0, "note", text="x stayed there"),
            _event(6.0, "result"),
            _state(7.0, "SUCCEEDED"),
        ]
    ).to_json()
    assert (view["state"], view["pid"], view["host"]) == ("SUCCEEDED", 7, "h")
    assert (view["started_at"], view["ended_at"], view["last_event_at"]) == (1.0, 7.0, 7.0)
    assert (view["params"], view["tags"]) == ({"lr": "0.1"}, {"team": "x"})
    assert (view["resources"]["cpu"], view["peak_rss"]) == (10, 100)
    assert view["checkpoint"] == {"step": 5, "uri": "file:///c", "t": 4.0}
    assert (view["notes"], view["has_result"], view["error"]) == (["x stayed there"], True, None)
    assert view["metrics"]["loss"] == {
        "last": 0.5, "step": 1, "count": 1, "min": 0.5, "max": 0.5, "points": [(1, 0.5)],
    }  # fmt: skip


def test_late_and_illegal_reports_are_dropped() -> None:
    view = fold([_state(1, "RUNNING"), _state(5, "FAILED", error={"type": "E", "message": "m"})])
    for event in (
        _state(4, "RUNNING"),
        _state(6, "SUCCEEDED"),
        _state(6, "STOPPING"),
        _state(6, "MELTED"),
    ):
        view.apply(event)
    assert (view.state, view.ended_at, view.attempt) == (JobState.FAILED, 5, 1)
    assert view.error == {"type": "E", "message": "m"}


def test_a_live_report_after_the_end_is_a_new_attempt() -> None:
    view = fold(
        [
            _state(1, "RUNNING"),
            _event(2, "metric", m={"a": 1.0}, s=1),
            _event(2, "progress", id="p", n=1, total=2),
            _event(2, "result"),
            _state(3, "FAILED", error={"type": "E"}),
            _state(4, "RUNNING"),
        ]
    )
    assert (view.state, view.attempt, view.started_at) == (JobState.RUNNING, 2, 4)
    assert (view.error, view.ended_at, view.has_result, view.progress) == (None, None, False, {})
    assert view.metrics["a"].last == 1.0


def test_progress_tells_rate_and_time_to_go() -> None:
    bar = fold(
        [
            _event(10.0, "progress", id="a", n=0, total=100, desc="epochs"),
            _event(12.0, "progress", id="a", n=20, total=100),
        ]
    ).progress["a"]
    assert (bar.desc, bar.rate, bar.eta_s, bar.done) == ("epochs", 10.0, 8.0, False)
    bar.update(_event(20.0, "progress", n=100))
    assert (bar.done, bar.eta_s) == (True, 0.0)
    unknown = fold([_event(1.0, "progress", id="b", n=3, total=None)]).progress["b"]
    assert (unknown.eta_s, unknown.total) == (None, None)


def test_not_a_number_is_seen_and_the_snapshot_stays_strict_json() -> None:
    view = fold([_event(1, "metric", m={"loss": value}, s=1) for value in (1.0, math.nan)])
    view.apply(_event(1, "metric", m={"never": math.inf}, s=1))
    text = json.dumps(view.to_json(), allow_nan=False)
    assert json.loads(text)["metrics"]["loss"]["last"] == "nan"
    assert json.loads(text)["metrics"]["never"]["last"] == "inf"


def test_a_short_curve_is_exact_and_a_long_one_keeps_its_spikes() -> None:
    short, long = Series(), Series()
    for step in range(99):
        short.add(step, step * 0.5)
    assert short.points() == [(step, step * 0.5) for step in range(99)]
    for step in range(100_000):
        long.add(step, -50.0 if step == 70_001 else 50.0 if step == 12_345 else 0.0)
    assert len(long.points()) <= MAX_POINTS
    assert {(70_001, -50.0), (12_345, 50.0)} <= set(long.points())
    assert (long.count, long.last_step, long.minimum, long.maximum) == (100_000, 99_999, -50, 50)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 3000), st.integers())
def test_a_curve_is_ordered_true_and_bounded(count: int, seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.gauss(0, 1) for _ in range(count)]
    series = Series()
    for step, value in enumerate(values):
        series.add(step, value)
    points = series.points()
    assert len(points) <= MAX_POINTS
    assert [step for step, _ in points] == sorted({step for step, _ in points})
    assert all(values[int(step)] == value for step, value in points)
    if values:
        assert {min(values), max(values)} <= {value for _, value in points}


def test_unknown_kinds_and_malformed_fields_are_passed_over() -> None:
    view = JobView()
    for kind in (
        "metric",
        "param",
        "progress",
        "resource",
        "checkpoint",
        "note",
        "state",
        "result",
    ):
        for junk in ("text", [1], {"a": "b"}, {"a": None}):
            view.apply(_event(1.0, kind, m=junk, p=junk, n=junk, total=junk, rss=junk, state=junk))
    view.apply(_event(1.5, "from-the-future", x=1))
    assert (view.state, view.last_event_at) == (JobState.QUEUED, 1.5)
