"""The controls of a cell and of the whole Lab: "Run on…", the palette, the launcher, the file browser."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .page import LabPage
from .server import LabServer


def choice(lab: LabPage, text: str) -> Locator:
    """A line of the menu of targets, chosen (a checked box) or not."""
    menu = lab.page.get_by_role("menu", name="Run this cell on")
    return menu.locator("[role^=menuitem]", has_text=text)


def test_run_on_adds_changes_and_removes_the_line_and_each_can_be_undone(
    lab: LabPage, server: LabServer
) -> None:
    lab.open_notebook(server.write_notebook("run-on", ["x = 1\nprint(x)"]))
    cell = lab.select(0)
    button = cell.get_by_role("button", name="Run on…")
    button.click()
    expect(choice(lab, "local")).to_be_visible()
    lab.shot("run-on-menu")
    choice(lab, "local").click()
    expect(cell.get_by_role("button", name="local")).to_be_visible()
    assert lab.source(0) == "%%cloudtrain --on local\nx = 1\nprint(x)"
    lab.shot("run-on-local")

    cell.get_by_role("button", name="local").click()
    here = choice(lab, "Here (this kernel)")
    here.click()
    expect(cell.get_by_role("button", name="Run on…")).to_be_visible()
    assert lab.source(0) == "x = 1\nprint(x)"

    cell.locator(".cm-content").click()
    lab.page.keyboard.press("Control+z")
    assert lab.source(0) == "%%cloudtrain --on local\nx = 1\nprint(x)"
    lab.page.keyboard.press("Control+z")
    assert lab.source(0) == "x = 1\nprint(x)"


def test_a_cell_that_was_sent_away_by_clicks_runs_without_load_ext(
    lab: LabPage, server: LabServer
) -> None:
    lab.open_notebook(
        server.write_notebook("clicked", ["import os\nprint('pid', os.getpid())", "1"])
    )
    cell = lab.select(0)
    cell.get_by_role("button", name="Run on…").click()
    choice(lab, "local").click()
    lab.click_run(0)
    expect(cell.locator(".jp-OutputArea")).to_contain_text("pid ")
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[1]:")
    lab.shot("clicked-and-run")


def test_run_on_is_reached_and_used_by_keys_alone(lab: LabPage, server: LabServer) -> None:
    lab.open_notebook(server.write_notebook("keys", ["x = 1"]))
    lab.select(0)
    lab.page.keyboard.press("Alt+r")
    expect(choice(lab, "local")).to_be_visible()
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Enter")
    expect(choice(lab, "local")).to_be_hidden()
    assert lab.source(0) == "%%cloudtrain --on local\nx = 1"
    lab.page.keyboard.press("Shift+Enter")
    expect(lab.cell(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
