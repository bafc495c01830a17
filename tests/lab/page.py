"""One JupyterLab page in Chromium, in the words of a user. Everything waits for states, nothing for times."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from .server import TOKEN, LabServer

SHOTS = Path(__file__).parent / "shots"
WAIT_MS = 45_000
expect.set_options(timeout=WAIT_MS)


class LabPage:
    """A page on a server. ``errors`` gathers what the browser's console complains of."""

    frame = "#jp-main-dock-panel"
    """What is there once the application has drawn itself."""

    def __init__(self, browser: Browser, server: LabServer, *, path: str = "lab") -> None:
        self.server = server
        self.errors: list[str] = []
        self.context = browser.new_context(
            viewport={"width": 1400, "height": 900}, reduced_motion="reduce"
        )
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.goto(path)

    def goto(self, path: str = "lab") -> None:
        """Open Lab in a workspace of its own and wait until it is there."""
        sign = "&" if "?" in path else "?"
        self.page.goto(f"{self.server.url}/{path}{sign}token={TOKEN}&reset")
        self.settle()
        if path == "lab":  # the launcher takes the keyboard when it comes, and that is late
            self.page.wait_for_function(
                "() => document.activeElement?.classList.contains('jp-Launcher')"
            )

    def reload(self) -> None:
        """As F5 does: the workspace comes back."""
        self.page.reload()
        self.settle()

    def settle(self) -> None:
        page = self.page
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate("() => window.jupyterapp.restored.then(() => 1)")
        page.wait_for_selector("#jupyterlab-splash", state="detached")
        page.wait_for_selector(self.frame, state="visible")

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of Lab and wait for it."""
        script = "([id, args]) => window.jupyterapp.commands.execute(id, args).then(() => 1)"
        self.page.evaluate(script, [name, arguments])

    def begin(self, name: str, **arguments: Any) -> None:
        """Run a command without waiting: one that asks something."""
        script = "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }"
        self.page.evaluate(script, [name, arguments])

    def open_notebook(self, path: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.command("docmanager:open", path=path)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
        self.wait_for_kernel()

    def wait_for_kernel(self, status: str = "idle") -> None:
        self.page.wait_for_function(
            """status => {
              const panel = window.jupyterapp.shell.currentWidget;
              const kernel = panel?.sessionContext?.session?.kernel;
              return kernel?.status === status && kernel?.connectionStatus === 'connected';
            }""",
            arg=status,
        )

    def save(self) -> None:
        self.command("docmanager:save")

    def cell(self, index: int) -> Locator:
        """The cell of the notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(
            index
        )

    def select(self, index: int) -> Locator:
        """Make a cell the active one, in command mode."""
        cell = self.cell(index)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-InputPrompt").click()
        expect(cell).to_have_class(_word("jp-mod-active"))
        return cell

    def source(self, index: int) -> str:
        script = (
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.source"
        )
        return str(self.page.evaluate(script, index))

    def click_run(self, index: int) -> Locator:
        """Select a cell and press ▶ of the notebook's toolbar."""
        cell = self.select(index)
        self.page.locator(
            ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-NotebookPanel-toolbar "
            '[data-jp-item-name="run"] jp-button'
        ).click()
        return cell

    def shot(self, name: str) -> Path:
        """A picture for people, in a folder that git ignores."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def close(self) -> None:
        self.context.close()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)


class NotebookPage(LabPage):
    """A notebook in Notebook 7, which the same server has beside Lab."""

    frame = ".jp-NotebookPanel .jp-Notebook .jp-Cell"

    def __init__(self, browser: Browser, server: LabServer, *, path: str) -> None:
        super().__init__(browser, server, path=f"notebooks/{path}")
        self.wait_for_kernel()


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(^|\s){re.escape(name)}(\s|$)")
