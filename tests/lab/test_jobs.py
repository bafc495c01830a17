"""A job in a notebook, as its user lives it: it runs, the page is reloaded, the kernel and the server are restarted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from jupyter_cloudml.core.states import JobState
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.journal.job_filter import JobFilter
from jupyter_cloudml.journal.registry import Registry

from .page import WAIT_MS, LabPage
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


def test_a_detached_job_is_followed_in_the_open_page_and_binds_its_results(
    lab: LabPage, server: LabServer
) -> None:
    name = "left-alone"
    cell = training(name).replace("\n", " --detach\n", 1)
    lab.open_notebook(server.write_notebook(name, [cell, "weights"]))
    lab.click_run(0)
    card = card_of(lab, name)
    expect_state(card, "RUNNING")
    lab.wait_for_kernel()
    expect_curve_to_move(card)
    lab.shot("card-detached-running")
    let_end(server, name)
    expect_state(card, "SUCCEEDED")
    card.get_by_role("button", name="Bind results").click()
    expect(card).to_contain_text(re.compile(r"bound: .*\bweights\b"))
    lab.shot("card-detached-bound")
    lab.click_run(1)
    expect(lab.cell(1)).to_contain_text(f"weights of {name}")
    assert lab.errors == []


@pytest.mark.parametrize("flag", ["", " --detach"])
def test_a_job_that_ended_while_the_lab_was_closed_shows_its_end_and_binds_its_results(
    another_page: Callable[..., LabPage], server: LabServer, flag: str
) -> None:
    name = f"closed{flag.strip().replace('--', '-')}"
    cell = training(name).replace("\n", f"{flag}\n", 1)
    lab = another_page()
    lab.open_notebook(server.write_notebook(name, [cell, "print(weights)"]))
    lab.click_run(0)
    expect_state(card_of(lab, name), "RUNNING")
    lab.save()
    lab.close()
    server.stop()
    let_end(server, name)
    wait_for_end(server, name)
    server.start()

    lab = another_page()
    lab.open_notebook(f"{name}.ipynb")
    card = card_of(lab, name)
    expect_state(card, "SUCCEEDED")
    if not flag:
        expect(lab.cell(0).locator(".jp-Cell-outputArea")).to_contain_text("trained to the end")
    lab.click_run(1)
    expect(lab.cell(1)).to_contain_text("NameError")
    lab.shot(f"card-{name}")
    card.get_by_role("button", name="Bind results").click()
    expect(card).to_contain_text(re.compile(r"bound: .*\bweights\b"))
    lab.shot(f"card-{name}-bound")
    lab.click_run(1)
    expect(lab.cell(1)).to_contain_text(f"weights of {name}")
    expect(lab.cell(1)).not_to_contain_text("NameError")

    lab.save()
    lab.reload()
    expect_state(card_of(lab, name), "SUCCEEDED")
    expect(card_of(lab, name).get_by_role("button", name="Job page")).to_be_visible()
    expect(card_of(lab, name).get_by_role("button", name="Bind results")).to_have_count(0)


def wait_for_end(server: LabServer, name: str) -> None:
    registry = Registry(DataHome(server.home).registry_db)
    deadline = time.monotonic() + WAIT_MS / 1000
    while registry.list_jobs(JobFilter(name=name))[0].state is not JobState.SUCCEEDED:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    registry.close()


def test_a_cell_that_prints_much_shows_and_saves_every_line_and_draws_it_in_blocks(
    lab: LabPage, server: LabServer
) -> None:
    cell = "%%cloudtrain flood\nfor i in range(30_000):\n    print('line', i)"
    lab.open_notebook(server.write_notebook("flood", [cell]))
    lab.click_run(0)
    expect_state(card_of(lab, "flood"), "SUCCEEDED")
    lab.wait_for_kernel()
    printed = "".join(f"line {i}\n" for i in range(30_000))
    shown = lab.page.locator(".jp-OutputArea-output[data-mime-type$=stdout]")
    lab.page.wait_for_function(
        "n => document.querySelector('.jp-OutputArea-output[data-mime-type$=stdout]').textContent.length === n",
        arg=len(printed),
    )
    assert shown.text_content() == printed
    blocks = lab.page.locator(".jp-cloudml-LongText-block")
    assert blocks.count() > 10
    lab.shot("flood")
    lab.save()
    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    outputs = server.read_notebook("flood.ipynb").cells[0].outputs
    assert [output.text for output in outputs if output.output_type == "stream"] == [printed]
    lab.reload()
    expect_state(card_of(lab, "flood"), "SUCCEEDED")
    expect(blocks.first).to_be_attached()
    assert lab.errors == []


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
