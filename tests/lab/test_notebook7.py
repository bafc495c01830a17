"""The same extension in Notebook 7: one document on a page, no side bar that is open, no main area with tabs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .page import LabPage, NotebookPage
from .server import LabServer
from .test_jobs import (
    card_of,
    expect_curve_to_move,
    expect_progress,
    expect_state,
    let_end,
    training,
)
from .test_run_on import choice

OF_NOTEBOOK = "uncaught: Cannot read properties of undefined (reading 'schema')"
"""Notebook 7.6.5 says so when it loads its settings, with our extension and without."""


@pytest.fixture
def notebook(browser: Browser, server: LabServer) -> Iterator[LabPage]:
    path = server.write_notebook("seven", [training("seven"), "x = 1"])
    page = NotebookPage(browser, server, path=path)
    yield page
    page.close()


def test_notebook_7_has_live_cards_run_on_job_pages_and_the_panel_and_complains_of_nothing(
    notebook: LabPage, server: LabServer
) -> None:
    notebook.click_run(0)
    card = card_of(notebook, "seven")
    expect_state(card, "RUNNING")
    expect_progress(notebook)
    expect_curve_to_move(card)
    notebook.shot("notebook7-running")

    cell = notebook.select(1)
    cell.get_by_role("button", name="Run on…").click()
    choice(notebook, "local").click()
    assert notebook.source(1) == "%%cloudtrain --on local\nx = 1"

    let_end(server, "seven")
    expect_state(card, "SUCCEEDED")
    card.get_by_role("button", name="Job page").click()
    page = notebook.page.locator(".jp-cloudml-Page")
    page.get_by_role("button", name="Follow").click()
    expect(page.get_by_role("log")).to_contain_text("trained to the end")
    box = page.bounding_box()
    assert box is not None
    assert box["height"] > 200
    notebook.shot("notebook7-jobpage")
    page.get_by_role("tab", name="Metrics").click()
    expect(page.get_by_role("application", name="Chart of loss")).to_be_visible()

    notebook.command("cloudml:show-panel")
    row = notebook.page.get_by_role("grid", name="Jobs").get_by_role("row").filter(has_text="seven")
    expect(row).to_be_visible()
    notebook.shot("notebook7-panel")
    assert [error for error in notebook.errors if error != OF_NOTEBOOK] == []
