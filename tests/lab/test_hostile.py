"""Outputs and names that would like to run something in the browser: on the job page, in the panel, in a stored card."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect

from .page import LabPage
from .server import LabServer, environment

TRAP = "window.pwn = which => { (window.pwned ??= []).push(which); };"
NAME = "<img src=x onerror=pwn('name')>"

SOURCE = r"""
import jupyter_cloudml as cloudml
from IPython.display import HTML, SVG, Javascript, Markdown, display

def bad(what):
    return (
        f"<script>pwn('{what} script')</script><img src=x onerror=\"pwn('{what} onerror')\">"
        f"<iframe srcdoc=\"<script>parent.pwn('{what} iframe')</script>\"></iframe>"
        f"<a href=\"javascript:pwn('{what} link')\">click me</a>"
        f"<details open ontoggle=\"pwn('{what} toggle')\"><summary>open</summary></details>"
        f"<svg onload=\"pwn('{what} svg')\"><script>pwn('{what} svg script')</script></svg>"
        f"<form action=\"javascript:pwn('{what} form')\"><button>press me</button></form>"
        f"<p onclick=\"pwn('{what} click')\">words of {what}</p>"
    )

display(HTML(bad("html")))
display(Markdown("[click me](javascript:pwn('markdown link'))\n\n" + bad("markdown")))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload=\"pwn('svg onload')\"><script>pwn('svg script')</script></svg>"))
display(Javascript("pwn('javascript')"))
display({"application/vnd.cloudml.job+json": {"id": "../../x", "name": bad("card")}, "text/plain": "no card"}, raw=True)
print(bad("stdout"))
print("\x1b[31m" + bad("ansi"))
odd = "<img src=x onerror=pwn('metric')>"
for step in range(3):
    cloudml.log(**{odd: step, "__proto__": step, "constructor": 2 * step}, step=step)
for _ in cloudml.progress(range(2), desc="<img src=x onerror=pwn('progress')>"):
    pass
print("all is shown")
raise ValueError("<img src=x onerror=pwn('error')>")
"""

SUBMIT = """
import sys
import jupyter_cloudml as cloudml
source, name = sys.argv[1:]
job = cloudml.submit(source, name=name, experiment=name, tags={"t": name})
print(job.id, job.wait(120))
"""


@pytest.fixture
def trapped(browser: Browser, server: LabServer) -> Iterator[LabPage]:
    page = LabPage(browser, server)
    page.page.add_init_script(TRAP)
    page.page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto()
    yield page
    page.close()


@pytest.fixture(scope="module")
def job_id(server: LabServer) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT, SOURCE, NAME],
        cwd=server.work,
        env=environment(server.home),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found, state = done.stdout.split()
    assert state == "FAILED"
    return found


def test_nothing_that_a_job_says_runs_in_the_browser(
    trapped: LabPage, server: LabServer, job_id: str
) -> None:
    trapped.command("cloudml:open-job", id=job_id)
    page = trapped.page.locator(".jp-cloudml-Page")
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    log = page.get_by_role("log")
    expect(log).to_contain_text("words of html")
    press_everything(log)
    trapped.shot("hostile-output")
    page.get_by_role("button", name="Follow").click()
    expect(log).to_contain_text("all is shown")
    press_everything(log)
    for tab in page.get_by_role("tab").all()[1:]:
        tab.click()
        trapped.page.wait_for_load_state("networkidle")
    page.get_by_role("tab", name="Metrics").click()
    for metric in ("constructor", "__proto__", "<img src=x onerror=pwn('metric')>"):
        expect(page.get_by_role("application", name=f"Chart of {metric}")).to_be_visible()
    trapped.shot("hostile-metrics")

    trapped.command("cloudml:show-panel")
    grid = trapped.page.get_by_role("grid", name="Jobs")
    expect(grid.get_by_role("row").filter(has_text="onerror")).to_be_visible()
    runs = trapped.page.get_by_role("table", name="Runs")
    expect(runs.get_by_role("checkbox").first).to_be_visible()
    trapped.shot("hostile-panel")
    assert pwned(trapped) is None


def test_a_strangers_notebook_with_a_card_runs_nothing_either(
    trapped: LabPage, server: LabServer, job_id: str
) -> None:
    mime = "application/vnd.cloudml.job+json"
    card = {
        "id": job_id,
        "name": NAME,
        "kind": "cell",
        "target": NAME,
        "state": "RUNNING",
        "reason": NAME,
        "attempt": 1,
        "created_at": 0,
        "updated_at": 0,
        "elapsed_s": 1,
        "progress": [],
        "notes": [NAME],
        "metrics": {NAME: {"last": NAME, "step": 0, "points": [[0, 1], [1, 2]]}},
        "resources": {},
        "links": {"run": "javascript:pwn('run link')"},
        "error": None,
        "run_id": "",
        "experiment": NAME,
    }
    output = nbformat.v4.new_output(
        "display_data",
        data={mime: card, "text/html": "<script>pwn('stored html')</script>", "text/plain": "x"},
        metadata={mime: {"output": "live", "attempt": 1}},
    )
    path = server.write_notebook("stranger", ["1"])
    notebook = server.read_notebook(path)
    notebook.cells[0].outputs = [output]
    (server.work / path).write_text(json.dumps(notebook))
    trapped.open_notebook(path)
    shown = trapped.page.locator(".jp-cloudml-JobCard").first
    expect(shown).to_contain_text("FAILED", ignore_case=True)
    area = trapped.cell(0).locator(".jp-Cell-outputArea")
    expect(area).to_contain_text("words of html")
    press_everything(area)
    trapped.shot("hostile-card")
    for button in shown.get_by_role("button", name="Open run").all():
        button.click()
    assert pwned(trapped) is None


def test_the_trap_of_these_tests_would_tell(trapped: LabPage) -> None:
    trapped.page.evaluate(
        "html => { const host = document.createElement('div'); host.innerHTML = html; document.body.append(host); }",
        NAME,
    )
    trapped.page.wait_for_function("() => window.pwned?.includes('name')")


def press_everything(place: Locator) -> None:
    """What is left of the links and buttons of the outputs."""
    for words in ("click me", "press me", "words of"):
        place.get_by_text(words).evaluate_all("all => all.forEach(one => one.click())")


def pwned(lab: LabPage) -> list[str] | None:
    # what would run does so in tasks of its own: let those go first
    lab.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))"
    )
    found: list[str] | None = lab.page.evaluate("() => window.pwned")
    return found
