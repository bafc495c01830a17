"""The Data section: files of the server's folder and a bucket of a real object store, by pointer and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.engines.seaweedfs import SeaweedFS

from .conftest import stop_everything
from .page import LabPage
from .server import LabServer


@pytest.fixture(scope="module")
def lake(s3_server: SeaweedFS) -> str:
    """A bucket with ``trips/part-0.parquet`` and 250 small objects below ``many/``."""
    bucket = s3_server.new_bucket("lab")
    client = s3_server.client()
    sink = pa.BufferOutputStream()
    cities = ["Oslo", "Bergen", None] * 100
    pq.write_table(pa.table({"city": cities, "price": [n / 8 for n in range(300)]}), sink)
    client.put_object(Bucket=bucket, Key="trips/part-0.parquet", Body=sink.getvalue().to_pybytes())
    for number in range(250):
        client.put_object(Bucket=bucket, Key=f"many/{number:03d}.txt", Body=b"x")
    return bucket


@pytest.fixture(scope="module")
def server(
    s3_server: SeaweedFS, lake: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    made = LabServer(tmp_path_factory.mktemp("lab") / "root", **s3_server.environ)
    fill(made.work)
    config = f'[stores.lake]\nuri = "s3://{lake}"\nendpoint = "{s3_server.endpoint}"\n'
    (made.work / "cloudml.toml").write_text(config)
    made.start()
    yield made
    made.stop()
    stop_everything(made.home)


def fill(work: Path) -> None:
    (work / "lake").mkdir()
    rows = [f"{city},{price / 4}" for city in ("Oslo", "Bergen", "Å s") for price in range(9)]
    (work / "lake" / "a b.csv").write_text("city,price\n" + "\n".join(rows) + "\n")
    (work / "lake" / "broken.parquet").write_text("no parquet")
    (work / "lake" / "notes.txt").write_text("first line\nsecond line\n")


def open_section(lab: LabPage) -> Locator:
    """Show the panel with the Data section alone unfolded; its tree."""
    lab.command("cloudml:show-panel")
    for title in ("Jobs", "Runs", "Targets"):
        head = lab.page.locator(".jp-AccordionPanel-title", has_text=title)
        if head.get_attribute("aria-expanded") == "true":
            head.click()
    tree = lab.page.get_by_role("tree", name="Data")
    expect(tree).to_be_visible()
    return tree


def node(tree: Locator, name: str) -> Locator:
    return tree.get_by_role("treeitem").filter(has_text=name).first


def folder(tree: Locator) -> Locator:
    """The folder ``lake`` of the server's own, which has the name of the store above it."""
    return tree.locator("[title^='file:'][title$='/work/lake/']")


def test_files_are_looked_at_inserted_uploaded_downloaded_and_deleted(
    lab: LabPage, server: LabServer, tmp_path: Path
) -> None:
    lab.open_notebook(server.write_notebook("data", ["x = 1"]))
    tree = open_section(lab)
    node(tree, "files").click()
    folder(tree).click()
    node(tree, "a b.csv").click()
    table = lab.page.get_by_role("table", name="First rows of a b.csv")
    expect(table.get_by_role("columnheader", name="price double")).to_be_visible()
    expect(table.get_by_role("cell", name="Oslo").first).to_be_visible()
    expect(lab.page.get_by_text("csv · 284 B · 27 rows · 2 columns")).to_be_visible()
    lab.shot("data-files")

    lab.select(0)
    lab.page.get_by_role("button", name="Insert %%cloudprep").click()
    path = server.work / "lake" / "a b.csv"
    expected = f"%%cloudprep --source a_b='{path}' -n 10\nSELECT * FROM a_b"
    lab.page.wait_for_function(f"() => {SOURCE}.length === 2")
    assert lab.source(1) == expected
    lab.cell(0).locator(".cm-content").click()
    lab.page.keyboard.press("End")
    lab.page.get_by_role("button", name="Insert path").click()
    lab.page.wait_for_function(f"() => {SOURCE}[0].model.sharedModel.source.includes('a b.csv')")
    assert lab.source(0) == f'x = 1"{path}"'

    with lab.page.expect_download() as saved:
        lab.page.get_by_role("button", name="Download").first.click()
    assert Path(saved.value.path()).read_bytes() == path.read_bytes()

    new = tmp_path / "new file.csv"
    new.write_text("n\n1\n")
    upload(lab, folder(tree), new)
    expect(node(tree, "new file.csv")).to_be_visible()
    assert (server.work / "lake" / new.name).read_text() == "n\n1\n"
    new.write_text("n\n2\n")
    upload(lab, folder(tree), new)
    with lab.page.expect_response(lambda said: "data/upload" in said.url and said.ok):
        lab.page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    shown = lab.page.get_by_role("list", name="Transfers").get_by_role("listitem")
    expect(shown.filter(has_text=f"Upload {new.name}").last).to_contain_text("done")
    assert (server.work / "lake" / new.name).read_text() == "n\n2\n"

    node(tree, "new file.csv").click(button="right")
    lab.page.get_by_role("menuitem", name="Delete…").click()
    lab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(node(tree, "new file.csv")).to_have_count(0)
    assert not (server.work / "lake" / new.name).exists()
    assert [error for error in lab.errors if "409" not in error] == []


SOURCE = "window.jupyterapp.shell.currentWidget.content.widgets"


def upload(lab: LabPage, folder: Locator, path: Path) -> None:
    folder.click(button="right")
    with lab.page.expect_file_chooser() as chooser:
        lab.page.get_by_role("menuitem", name="Upload…").click()
    chooser.value.set_files(path)


def test_a_bucket_is_walked_with_the_keyboard(lab: LabPage, lake: str) -> None:
    tree = open_section(lab)
    expect(node(tree, "lake")).to_be_visible()
    tree.focus()
    for key in ("Home", "ArrowRight"):
        lab.page.keyboard.press(key)
    expect(node(tree, "trips")).to_be_visible()
    lab.page.keyboard.press("t")
    lab.page.keyboard.press("Enter")
    expect(node(tree, "part-0.parquet")).to_be_visible()
    lab.page.keyboard.press("ArrowRight")
    expect(tree.get_by_role("treeitem", selected=True)).to_contain_text("part-0.parquet")
    table = lab.page.get_by_role("table", name="First rows of part-0.parquet")
    expect(table.get_by_role("columnheader", name="city string")).to_be_visible()
    expect(table.get_by_text("null").first).to_be_visible()
    tree.focus()
    lab.page.keyboard.press("m")
    lab.page.keyboard.press("Enter")
    expect(node(tree, "199.txt")).to_have_count(1)
    expect(node(tree, "200.txt")).to_have_count(0)
    tree.get_by_role("button", name="Show more").click()
    expect(node(tree, "249.txt")).to_have_count(1)
    assert lab.errors == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_what_is_wrong_is_said_in_place_in_both_themes(lab: LabPage, theme: str) -> None:
    lab.command("apputils:change-theme", theme=theme)
    is_light = str(theme.endswith("Light")).lower()
    lab.page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached")
    tree = open_section(lab)
    node(tree, "files").click()
    folder(tree).click()
    node(tree, "broken.parquet").click()
    alert = lab.page.get_by_role("alert").filter(has_text="cannot be read as parquet")
    expect(alert).to_be_visible()
    lab.shot(f"data-error-{is_light}")
    node(tree, "notes.txt").click()
    expect(lab.page.get_by_text("second line")).to_be_visible()
    node(tree, "lake").click()
    node(tree, "trips").click()
    node(tree, "part-0.parquet").click()
    expect(lab.page.get_by_role("table", name="First rows of part-0.parquet")).to_be_visible()
    lab.shot(f"data-{theme.split()[-1].lower()}")


def test_without_stores_it_says_what_to_write(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = LabServer(tmp_path_factory.mktemp("bare") / "root")
    made.start()
    page = LabPage(browser, made)
    try:
        open_section(page)
        expect(page.page.get_by_text("[stores.lake]")).to_be_visible()
        expect(page.page.get_by_text(str(made.work / "cloudml.toml"))).to_be_visible()
        page.shot("data-empty")
        (made.work / "cloudml.toml").write_text("[stores.lake]\n")
        title = page.page.locator(".jp-AccordionPanel-title", has_text="Data")
        title.locator("[data-jp-item-name=refresh] jp-button").click()
        expect(page.page.get_by_role("alert").filter(has_text="has no uri")).to_be_visible()
        (made.work / "cloudml.toml").write_text('[stores.lake]\nuri = "s3://b"\n')
        page.page.get_by_role("button", name="Try again").click()
        expect(page.page.get_by_role("treeitem").filter(has_text="lake")).to_be_visible()
    finally:
        page.close()
        made.stop()
        stop_everything(made.home)
