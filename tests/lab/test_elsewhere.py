"""The executed quickstart where there is no JupyterLab: as nbconvert's HTML and Markdown, as a mere reader sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bleach
import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbconvert.writers import FilesWriter
from playwright.sync_api import Browser, Page, expect

from jupyter_cloudml.client.text import duration

from .conftest import stop_everything
from .page import SHOTS
from .server import environment

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
MIME = "application/vnd.cloudml.job+json"
LEFT_OVER = re.compile(r'"version"|application/vnd|"points"|<script|javascript:|undefined|&lt;div')
KEPT_BY_GITHUB = [
    "a",
    "b",
    "br",
    "code",
    "div",
    "em",
    "h1",
    "h2",
    "img",
    "p",
    "pre",
    "span",
    "strong",
]


class Executed(NamedTuple):
    """The notebook's exports, and the snapshots that its cards hold: of the preparation, and of the training."""

    html: Path
    markdown: Path
    split: dict[str, Any]
    digits: dict[str, Any]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executed]:
    """The quickstart, run by papermill from a shell, with fewer epochs."""
    root = tmp_path_factory.mktemp("elsewhere")
    home = root / "home"
    home.mkdir(mode=0o700)
    parameters = ("-p", "epochs", "3", "-p", "data_dir", str(root / "digits"))
    _run(home, "papermill", "--no-progress-bar", str(QUICKSTART), "done.ipynb", *parameters)
    for exporter in (HTMLExporter(), MarkdownExporter()):
        text, resources = exporter.from_filename(str(root / "done.ipynb"))
        FilesWriter(build_directory=str(root)).write(text, resources, notebook_name="done")
    done = nbformat.read(root / "done.ipynb", as_version=4)
    outputs = (output for cell in done.cells for output in cell.get("outputs", ()))
    cards = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    split, digits = cards
    yield Executed(root / "done.html", root / "done.md", split, digits)
    stop_everything(home)


def _run(home: Path, module: str, *words: str) -> None:
    argv = [sys.executable, "-m", module, *words]
    done = subprocess.run(
        argv, cwd=home.parent, env=environment(home), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    """A browser without the network: what an export needs from elsewhere is missing."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.route(re.compile("^https?:"), lambda route: route.abort())
    yield page
    page.close()


def test_the_html_of_the_quickstart_shows_its_job_and_nothing_raw(
    executed: Executed, reader: Page
) -> None:
    reader.goto(executed.html.as_uri())
    cards = reader.locator(".cloudml-card")
    expect(cards).to_have_count(2)
    for text in prepared(executed.split):
        expect(cards.first).to_contain_text(text)
    card = cards.last
    for text in trained(executed.digits):
        expect(card).to_contain_text(text)
    curves = card.locator("svg[role=img]")
    expect(curves).to_have_count(len(executed.digits["metrics"]))
    for curve in curves.all():
        box = curve.locator("polyline").bounding_box()
        assert box is not None
        assert box["width"] > 100
        assert box["height"] > 10
    expect(reader.get_by_text("trained 3 epochs, last loss")).to_be_visible()
    outputs = reader.locator(".jp-OutputArea").all_inner_texts()
    assert not LEFT_OVER.search("\n".join(outputs))
    expect(reader.locator(".jp-OutputArea script, .jp-OutputArea iframe")).to_have_count(0)
    assert broken_images(reader) == []
    card.scroll_into_view_if_needed()
    reader.screenshot(path=SHOTS / "nbconvert-html.png")


def test_the_markdown_of_the_quickstart_shows_its_job_and_nothing_raw(
    executed: Executed, reader: Page
) -> None:
    text = executed.markdown.read_text()
    assert not LEFT_OVER.search(re.sub(r"(?ms)^```python$.*?^```$", "", text))
    assert "    trained 3 epochs, last loss" in text
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert len(pictures) == 3
    assert [name for name in pictures if not (executed.markdown.parent / name).is_file()] == []
    shown = executed.markdown.with_name("markdown.html")
    shown.write_text(f'<meta charset="utf-8">{markdown2html_mistune(text)}')
    reader.goto(shown.as_uri())
    cards = reader.locator(".cloudml-card")
    expect(cards).to_have_count(2)
    for words in prepared(executed.split):
        expect(cards.first).to_contain_text(words)
    card = cards.last
    for words in trained(executed.digits):
        expect(card).to_contain_text(words)
    expect(card.locator("svg polyline")).to_have_count(len(executed.digits["metrics"]))
    expect(cards.locator("pre")).to_have_count(0)
    assert broken_images(reader) == []
    card.scroll_into_view_if_needed()
    reader.screenshot(path=SHOTS / "nbconvert-markdown.png")


def test_the_markdown_reads_as_text_and_where_styles_and_drawings_are_taken_away(
    executed: Executed, reader: Page
) -> None:
    text = executed.markdown.read_text()
    starts = [found.start() for found in re.finditer('<div class="cloudml-card"', text)]
    for start, snapshot in zip(starts, (executed.split, executed.digits), strict=True):
        head = text[start:].splitlines()[0]
        for words in (f"SUCCEEDED job {snapshot['name']}", snapshot["id"], "on local"):
            assert words in head, "the first line of the card is for who reads the file itself"
        assert [name for name in snapshot["metrics"] if name not in head] == []
    bare = bleach.clean(
        markdown2html_mistune(text), tags=KEPT_BY_GITHUB, attributes={"img": ["src"]}, strip=True
    )
    shown = executed.markdown.with_name("github.html")
    shown.write_text(f'<meta charset="utf-8">{bare}')
    reader.goto(shown.as_uri())
    seen = reader.locator("body").inner_text()
    for words in (*prepared(executed.split), *trained(executed.digits)):
        assert words in seen
    lines = [line.strip() for line in seen.splitlines()]
    for name, series in executed.digits["metrics"].items():
        assert any(line.startswith(f"{name} {series['last']:.4g}") for line in lines), lines
    reader.screenshot(path=SHOTS / "nbconvert-markdown-bare.png", full_page=True)


def trained(snapshot: dict[str, Any]) -> list[str]:
    """What a reader must find in the card of the training: also its progress and its metrics."""
    assert set(snapshot["metrics"]) == {"loss", "accuracy"}
    values = [f"{series['last']:.4g}" for series in snapshot["metrics"].values()]
    return ["digits", *said(snapshot), "3/3", *snapshot["metrics"], *values]


def prepared(snapshot: dict[str, Any]) -> list[str]:
    """What a reader must find in the card of the preparation."""
    return ["split", *said(snapshot)]


def said(snapshot: dict[str, Any]) -> list[str]:
    """What every card says: state, target, duration."""
    assert snapshot["state"] == "SUCCEEDED"
    return ["SUCCEEDED", "on local", duration(snapshot["elapsed_s"])]


def broken_images(page: Page) -> list[str]:
    script = (
        "images => images.filter(i => !i.complete || !i.naturalWidth).map(i => i.src.slice(0, 80))"
    )
    return list(page.locator("img").evaluate_all(script))
