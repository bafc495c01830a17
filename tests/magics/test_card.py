from __future__ import annotations

import json
import re

import pytest

from jupyter_cloudml.client.snapshot import snapshot
from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.journal.registry import Registry
from jupyter_cloudml.journal.view import fold
from jupyter_cloudml.magics.card import MIME, bundle
from jupyter_cloudml.magics.svg import curve


@pytest.fixture
def made(tmp_path):
    registry = Registry(tmp_path / "registry.db")

    def make(events, now=20.0, **spec):
        row = registry.insert(
            JobSpec(id="0123456789ab", source="x = 1", created_at=1.0, **spec), 1.0
        )
        return snapshot(row, fold(events), now=now)

    yield make
    registry.close()


RUNNING = {"t": 10.0, "k": "state", "state": "RUNNING"}
METRICS = [{"t": 11.0 + i, "k": "metric", "m": {"loss": 1 / (i + 1)}, "s": i} for i in range(5)]
FAILED = {
    "t": 18.0,
    "k": "state",
    "state": "FAILED",
    "error": {"type": "ValueError", "message": "<b>no</b>"},
}


def test_a_snapshot_is_strict_versioned_json(made):
    shown = made(
        [RUNNING, *METRICS, {"t": 16.0, "k": "metric", "m": {"bad": float("nan")}, "s": 0}]
    )
    assert json.loads(json.dumps(shown, allow_nan=False)) == json.loads(json.dumps(shown))
    assert shown["version"] == 1
    assert shown["state"] == "RUNNING"
    assert shown["elapsed_s"] == 10.0
    assert shown["metrics"]["loss"]["points"][0] == (0, 1.0)


def test_elapsed_stops_with_the_job(made):
    assert made([RUNNING, FAILED], now=100.0)["elapsed_s"] == 8.0


def test_the_card_has_three_forms_and_no_script(made):
    forms = bundle(made([RUNNING, *METRICS], name="fit"))
    assert set(forms) == {MIME, "text/html", "text/plain"}
    assert forms["text/plain"].startswith("RUNNING job fit 0123456789ab on local")
    assert "<script" not in forms["text/html"]
    assert 'role="status"' in forms["text/html"]


def test_the_card_reads_without_its_styles(made):
    html = bundle(made([RUNNING, *METRICS, FAILED], name="fit"))["text/html"]
    words = re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", html))
    for word in ("FAILED", "fit", "local", "8.0 s", "0123456789ab", "ValueError", "loss", "0.2"):
        assert word in words


def test_words_of_the_user_cannot_become_markup(made):
    html = bundle(made([RUNNING, FAILED], name="<i>x</i>"))["text/html"]
    assert "<b>no</b>" not in html
    assert "<i>x</i>" not in html


def test_progress_shows_share_and_time_left(made):
    bars = [
        {"t": 11.0 + i, "k": "progress", "id": "p", "n": i, "total": 10, "desc": "epoch"}
        for i in range(4)
    ]
    html = bundle(made([RUNNING, *bars]))["text/html"]
    assert 'aria-valuenow="30"' in html
    assert "7.0 s left" in html


@pytest.mark.parametrize("points", [[], [[0, float("nan")]]])
def test_nothing_to_draw_draws_nothing(points):
    assert curve(points, "x") == ""


def test_a_flat_curve_lies_in_the_middle_and_a_gap_splits_it():
    drawing = curve([[0, 1.0], [1, 1.0], [2, float("inf")], [3, 1.0]], "x")
    assert drawing.count("<polyline") == 2
    assert "22.0" in drawing


def test_a_card_is_one_block_of_a_markdown_file(made):
    """A blank line would end it: what follows would be Markdown, four blanks in front of it code."""
    error = {"type": "ValueError", "message": "no\n\n    <b>good</b>\n\n# at all"}
    html = bundle(made([RUNNING, *METRICS, {**FAILED, "error": error}], name="two\n\nlines"))[
        "text/html"
    ]
    assert "\n\n" not in html
    assert not re.search(r"\n\s", html)
    assert "# at all" in html


def test_the_first_line_of_a_card_says_it_to_who_reads_the_file_itself(made):
    html = bundle(made([RUNNING, *METRICS, FAILED], name='fit "it"'))["text/html"]
    head = html.splitlines()[0]
    assert head.startswith(
        '<div class="cloudml-card" aria-label="FAILED job fit &quot;it&quot; 0123456789ab on local, 8.0 s'
    )
