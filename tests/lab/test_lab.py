"""Everything else in Lab: what is installed, the palette, the launcher, the file browser, the tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, expect

from tests.e2e.kernels import ANSI
from tests.server.event_files import write_event_files

from .page import LabPage
from .server import LabServer, environment


def test_both_extensions_are_installed_enabled_and_complain_of_nothing(
    lab: LabPage, server: LabServer
) -> None:
    listed = jupyter(server, "labextension", "list")
    line = next(line for line in listed.splitlines() if "jupyter-cloudml " in line)
    assert "enabled" in line
    assert "OK" in line
    listed = jupyter(server, "server", "extension", "list")
    assert "jupyter_cloudml enabled" in listed
    assert "OK" in listed.split("Validating jupyter_cloudml", 1)[1].splitlines()[1]
    lab.shot("lab")
    assert lab.errors == []


LABELS = ("CloudML Panel", "Run Notebook on…", "Open the MLflow UI", "Open TensorBoard")


def test_the_palette_offers_every_command_by_its_name(lab: LabPage) -> None:
    # the palette closes when a late tab takes the focus, so it is opened until it has stayed
    for _ in range(5):
        if missing := labels_missing_in_palette(lab):
            continue
        break
    assert missing == []
    lab.shot("palette")


def labels_missing_in_palette(lab: LabPage) -> list[str]:
    palette = lab.page.locator(".jp-ModalCommandPalette")
    if not palette.is_visible():
        lab.begin("apputils:activate-command-palette")
    found = palette.locator(".lm-CommandPalette-itemLabel")
    try:
        palette.locator("input").fill("CloudML", timeout=15_000)
        found.filter(has_text=LABELS[0]).wait_for(timeout=15_000)
    except Error:
        return list(LABELS)
    shown = found.all_text_contents()
    return [label for label in LABELS if label not in shown]


def test_the_launcher_opens_the_quickstart_and_keeps_the_users_copy(
    lab: LabPage, server: LabServer
) -> None:
    lab.page.locator(".jp-LauncherCard", has_text="CloudML quickstart").click()
    heading = lab.page.get_by_role("heading", name="Train a digit classifier without leaving")
    expect(heading).to_be_visible()
    lab.shot("launcher-quickstart")
    copy = server.read_notebook("cloudml-quickstart.ipynb")
    original = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
    assert [cell.source for cell in copy.cells] == [
        cell.source for cell in server.read_notebook(str(original)).cells
    ]


def test_a_notebook_is_run_as_a_job_from_the_file_browser(lab: LabPage, server: LabServer) -> None:
    path = server.write_notebook("whole", ["print('the whole notebook')"])
    lab.command("filebrowser:go-to-path", path="/", dontShowBrowser=False)
    item = lab.page.locator(".jp-DirListing-item", has_text=path)
    item.click(button="right")
    lab.page.get_by_role("menuitem", name="Run Notebook on…").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Run {path} on…")
    lab.shot("run-notebook-dialog")
    dialog.get_by_role("button", name="Run").click()
    lab.page.get_by_role("button", name="Open job").click()
    expect(lab.page.locator("[data-state=SUCCEEDED]").first).to_be_visible()
    page = lab.page.locator(".jp-cloudml-Page")
    expect(page.get_by_role("log")).to_contain_text("executed notebook:")
    expect(page.get_by_role("log")).not_to_contain_text("encryption")
    expect(page.get_by_role("button", name="Open notebook")).to_be_visible()
    expect(page.get_by_role("button", name="Show the cell")).to_have_count(0)
    lab.shot("run-notebook-page")


def test_the_mlflow_ui_opens_inside_lab(lab: LabPage) -> None:
    lab.begin("cloudml:open-mlflow")
    frame = lab.page.frame_locator(".jp-cloudml-Tool iframe")
    # its server takes half a minute to start on a machine that is busy
    expect(frame.get_by_text("Experiments").first).to_be_visible(timeout=150_000)
    lab.shot("mlflow")


def test_tensorboard_opens_inside_lab(lab: LabPage, server: LabServer) -> None:
    write_event_files(server.work / "logs" / "first")
    lab.begin("cloudml:open-tensorboard", logdir="logs")
    frame = lab.page.frame_locator(".jp-cloudml-Tool iframe")
    expect(frame.get_by_text("loss", exact=True).first).to_be_visible()
    expect(frame.get_by_text("first").first).to_be_visible()
    lab.shot("tensorboard")


def jupyter(server: LabServer, *words: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "jupyter"), *words],
        env=environment(server.home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ANSI.sub("", done.stdout + done.stderr)
