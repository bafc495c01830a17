"""A job in a notebook, as its user lives it: it runs, the page is reloaded, the kernel and the server are restarted."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from .page import LabPage
from .server import LabServer

TRAIN = """\
%%cloudtrain {name} --on local --experiment quickstart -p rate {rate}
import pathlib
import time

import jupyter_cloudml as cloudml

step = 0
while step < 20 or not pathlib.Path("{name}.end").exists():
    cloudml.log(loss=rate / (step + 1), step=step)
    print("step", step, flush=True)
    step += 1
    time.sleep(0.05)
print("trained to the end")
weights = "weights of {name}"
"""


def training(name: str, rate: float = 1.0) -> str:
    return TRAIN.format(name=name, rate=rate)


def begin(lab: LabPage, server: LabServer, name: str) -> Locator:
    """Open a notebook with a training cell, click ▶ on it, and wait until it is seen to run; its card."""
    lab.open_notebook(server.write_notebook(name, [training(name), "weights"]))
    lab.click_run(0)
    card = card_of(lab, name)
    expect_state(card, "RUNNING")
    return card


def card_of(lab: LabPage, name: str) -> Locator:
    return lab.page.locator(".jp-OutputArea").get_by_label(f"Job {name}", exact=True)


def expect_state(place: Locator, state: str) -> None:
    expect(place.locator(f"[data-state={state}]").first).to_be_visible()


def last_step(place: Locator) -> int:
    """The last step whose line is in sight."""
    return max((int(n) for n in re.findall(r"step (\d+)", place.inner_text())), default=-1)


def expect_progress(lab: LabPage) -> None:
    """The output of the cell gets a line that it does not have yet."""
    output = lab.cell(0).locator(".jp-Cell-outputArea")
    expect(output).to_contain_text("step ")
    seen = last_step(output)
    later = re.compile("|".join(rf"step {seen + more}\b" for more in range(1, 400)))
    expect(output).to_contain_text(later)


def expect_curve_to_move(card: Locator) -> None:
    label = re.compile(r"^loss: .* at step \d+$")
    curve = card.get_by_label(label)
    seen = curve.first.get_attribute("aria-label") or ""
    expect(curve.first).not_to_have_attribute("aria-label", seen)


def let_end(server: LabServer, name: str) -> None:
    Path(server.work / f"{name}.end").touch()


def test_a_click_on_run_trains_elsewhere_and_curve_and_output_move(
    lab: LabPage, server: LabServer
) -> None:
    card = begin(lab, server, "clicked-run")
    expect_progress(lab)
    expect_curve_to_move(card)
    expect(lab.page.get_by_role("button", name=re.compile(r"^\d+ running"))).to_be_visible()
    lab.shot("card-running")
    let_end(server, "clicked-run")
    expect_state(card, "SUCCEEDED")
    expect(lab.cell(0).locator(".jp-Cell-outputArea")).to_contain_text("trained to the end")
    lab.click_run(1)
    expect(lab.cell(1).locator(".jp-Cell-outputArea")).to_contain_text("weights of clicked-run")
    lab.shot("card-succeeded")
    assert lab.errors == []


def test_a_reload_in_the_middle_of_a_job_goes_on_showing_it(
    lab: LabPage, server: LabServer
) -> None:
    begin(lab, server, "reloaded")
    lab.save()
    lab.reload()
    card = card_of(lab, "reloaded")
    expect_state(card, "RUNNING")
    expect_progress(lab)
    lab.shot("card-after-reload")
    let_end(server, "reloaded")
    expect_state(card, "SUCCEEDED")
    expect(lab.cell(0)).to_contain_text("trained to the end")


def test_a_job_outlives_its_kernel_and_its_results_are_bound_by_a_click(
    lab: LabPage, server: LabServer
) -> None:
    card = begin(lab, server, "restarted-kernel")
    lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => 1)"
    )
    expect_state(card, "RUNNING")
    expect_progress(lab)
    lab.shot("card-after-kernel-restart")
    let_end(server, "restarted-kernel")
    expect_state(card, "SUCCEEDED")
    card.get_by_role("button", name="Bind results").click()
    lab.shot("card-bind-results")
    lab.wait_for_kernel()
    lab.click_run(1)
    expect(lab.page.locator(".jp-Notebook")).to_contain_text("weights of restarted-kernel")


def test_a_job_outlives_the_jupyter_server_and_the_open_page_goes_on(
    lab: LabPage, server: LabServer
) -> None:
    card = begin(lab, server, "restarted-server")
    lab.save()
    server.restart()
    expect_progress(lab)
    expect_state(card, "RUNNING")
    lab.shot("card-after-server-restart")
    let_end(server, "restarted-server")
    expect_state(card, "SUCCEEDED")
    expect(lab.cell(0)).to_contain_text("trained to the end")


def test_a_job_is_cancelled_from_the_panel(lab: LabPage, server: LabServer) -> None:
    card = begin(lab, server, "unwanted")
    lab.command("cloudml:show-panel")
    row = lab.page.get_by_role("grid", name="Jobs").get_by_role("row").filter(has_text="unwanted")
    expect(row).to_be_visible()
    lab.shot("panel-running")
    row.hover()
    row.get_by_role("button", name="Cancel").click()
    expect_state(row, "CANCELLED")
    expect_state(card, "CANCELLED")
    lab.shot("panel-cancelled")


def test_the_job_page_shows_output_curves_and_what_travelled(
    lab: LabPage, server: LabServer
) -> None:
    card = begin(lab, server, "looked-at")
    let_end(server, "looked-at")
    expect_state(card, "SUCCEEDED")
    card.get_by_role("button", name="Job page").click()
    page = lab.page.locator(".lm-DockPanel .jp-MainAreaWidget:not(.lm-mod-hidden)")
    expect(page.get_by_role("tab").first).to_be_visible()
    expect(page).to_contain_text("trained to the end")
    lab.shot("jobpage-output")
    for tab in page.get_by_role("tab").all()[1:]:
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        name = re.sub(r"\W+", "-", tab.inner_text().strip().lower())
        lab.page.wait_for_load_state("networkidle")
        lab.shot(f"jobpage-{name}")
    assert lab.errors == []
