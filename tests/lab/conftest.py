from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'"
)

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from tests.e2e.kernels import processes_of, stop_agent

from .page import LabPage
from .server import LabServer

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium: the system's, else Playwright's own download. Where there is neither, a skip; in CI, a failure."""
    with sync_playwright() as playwright:
        started = _launch(playwright)
        yield started
        started.close()


def _launch(playwright: Playwright) -> Browser:
    system = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    try:
        return playwright.chromium.launch(executable_path=system, args=ARGS)
    except Error as exc:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(
            "there is no Chromium: apt-get install chromium, or playwright install chromium "
            f"({str(exc).splitlines()[0]})"
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One Lab for a module; at its end nothing of it is left running."""
    made = LabServer(tmp_path_factory.mktemp("lab") / "root")
    made.start()
    yield made
    made.stop()
    stop_everything(made.home)


def stop_everything(home: Path) -> None:
    from jupyter_cloudml.journal.home import DataHome

    stop_agent(DataHome(home))
    deadline = time.monotonic() + 20
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:  # the job of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == {}


@pytest.fixture
def lab(browser: Browser, server: LabServer) -> Iterator[LabPage]:
    """A new page of Lab."""
    page = LabPage(browser, server)
    yield page
    page.close()


@pytest.fixture
def another_page(browser: Browser, server: LabServer) -> Iterator[Callable[..., LabPage]]:
    made: list[LabPage] = []

    def open_page(**options: str) -> LabPage:
        made.append(LabPage(browser, server, **options))
        return made[-1]

    yield open_page
    for page in made:
        page.close()
