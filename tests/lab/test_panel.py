"""The panel: long lists, runs side by side, both themes."""

from __future__ import annotations

import sqlite3

import pytest
from playwright.sync_api import expect

from jupyter_cloudml.core.spec import JobSpec, Origin
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.registry import Registry

from .page import LabPage
from .server import LabServer
from .test_jobs import let_end, training

MANY = 10_000
STEPS = 50
STEP_MS = 50
"""What one of 50 steps through the list may cost in time of the processor, which other work on the machine does not add to."""

SCROLL = f"""async () => {{
  const grid = document.querySelector('[role=grid][aria-label=Jobs]');
  const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  for (let i = 1; i <= {STEPS}; i++) {{
    grid.scrollTop = (i / {STEPS}) * grid.scrollHeight;
    await frame();
  }}
}}"""


@pytest.fixture(scope="module")
def history(server: LabServer) -> int:
    """10,000 jobs that ended long ago."""
    home = DataHome(server.home)
    registry = Registry(home.registry_db)
    for number in range(MANY):
        origin = Origin(notebook=f"notebook-{number % 7}.ipynb")
        name = f"old-{number}"
        spec = JobSpec(id=f"{number + 1:012x}", source="train()", name=name, origin=origin)
        registry.insert(spec, 1_700_000_000.0 + number)
    registry.close()
    with sqlite3.connect(home.registry_db) as db:
        db.execute(
            "UPDATE jobs SET state = CASE number % 3 WHEN 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,"
            " tracking_state = 'ended', started_at = created_at, ended_at = created_at + 60"
        )
    db.close()
    return MANY


def test_ten_thousand_jobs_are_scrolled_through_with_a_few_rows_in_the_page(
    lab: LabPage, server: LabServer, history: int
) -> None:
    lab.command("cloudml:show-panel")
    grid = lab.page.get_by_role("grid", name="Jobs")
    expect(grid.get_by_role("row").first).to_be_visible()
    lab.shot("panel-10000-top")
    work_ms = script_ms(lab, SCROLL) / STEPS
    expect(grid.get_by_role("row").filter(has_text="old-0")).to_be_visible()
    assert grid.get_by_role("row").count() < 100
    assert work_ms < STEP_MS, f"a step of scrolling costs {work_ms:.0f} ms of the processor"
    lab.shot("panel-10000-end")
    lab.page.get_by_label("Search jobs").fill("old-4321")
    expect(grid.get_by_role("row").filter(has_text="old-4321")).to_be_visible()
    expect(grid.get_by_role("row")).to_have_count(1)
    assert lab.errors == []


def script_ms(lab: LabPage, script: str) -> float:
    """The processor's time that the page's main thread spends while the script runs."""
    devtools = lab.context.new_cdp_session(lab.page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return 1e3 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    before = spent()
    lab.page.evaluate(script)
    return spent() - before


def test_two_runs_are_compared_side_by_side(lab: LabPage, server: LabServer) -> None:
    cells = [training("slow-rate", 0.5), training("fast-rate", 2.0)]
    for name in ("slow-rate", "fast-rate"):
        let_end(server, name)
    lab.open_notebook(server.write_notebook("two-runs", cells))
    lab.begin("notebook:run-all-cells")
    for cell in (0, 1):
        expect(lab.cell(cell).locator(".jp-Cell-outputArea")).to_contain_text("trained to the end")
    lab.command("cloudml:show-panel")
    runs = lab.page.get_by_role("table", name="Runs")
    for name in ("slow-rate", "fast-rate"):
        runs.get_by_role("checkbox", name=f"Choose {name}").check()
    lab.shot("panel-runs-chosen")
    lab.page.get_by_role("button", name="Compare").click()
    expect(lab.page.get_by_role("tab", name="Compare 2 runs")).to_be_visible()
    page = lab.page.locator(".jp-cloudml-BesidePage")
    for text in ("slow-rate", "fast-rate", "rate"):
        expect(page.get_by_text(text).first).to_be_visible()
    expect(page.get_by_role("combobox", name="Metric")).to_have_value("loss")
    lab.shot("compare")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_both_themes_are_readable(lab: LabPage, server: LabServer, theme: str) -> None:
    name = f"themed-{theme.split()[-1].lower()}"
    let_end(server, name)
    lab.command("apputils:change-theme", theme=theme)
    is_light = str(theme.endswith("Light")).lower()
    lab.page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached")
    lab.open_notebook(server.write_notebook(name, [training(name)]))
    lab.click_run(0)
    expect(lab.cell(0).locator(".jp-Cell-outputArea")).to_contain_text("trained to the end")
    lab.command("cloudml:show-panel")
    card = lab.page.locator(".jp-OutputArea").get_by_label(f"Job {name}", exact=True)
    expect(card).to_be_visible()
    assert contrast(lab, ".jp-cloudml-Card") >= 4.5
    lab.shot(name)


def contrast(lab: LabPage, selector: str) -> float:
    """The contrast of an element's text to what lies behind it, as WCAG 2 reckons it."""
    return float(
        lab.page.evaluate(
            """selector => {
              const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
              const light = colour => numbers(colour).slice(0, 3)
                .map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
              const behind = node => {
                const colour = getComputedStyle(node).backgroundColor;
                return numbers(colour)[3] === 0 ? behind(node.parentElement) : colour;
              };
              const node = document.querySelector(selector);
              const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
              return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            }""",
            selector,
        )
    )
