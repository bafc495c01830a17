"""From a job's ``print`` to the pixels of its page while 20 jobs print; and Lab after a cell that prints 100,000 lines.

Needs Playwright and Chromium, as ``tests/lab``. The clocks are one machine's: the job prints the time, the page reads it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.lab.conftest import _launch, stop_everything
from tests.lab.page import LabPage
from tests.lab.server import LabServer, environment

from .harness import machine, note, report, scratch

JOBS = 20
LISTEN_S = 15
LIMIT_MS = 300.0
LINES = 100_000
TASK_LIMIT_MS = 200.0

_START = f"""
import jupyter_cloudml as cloudml
source = '''
import pathlib, random, time
import jupyter_cloudml as cloudml
step = 0
while not pathlib.Path("end").exists():
    print(f"@{{time.time():.4f}}@", flush=True)
    cloudml.log(loss=1 / (step + 1), step=step)
    step += 1
    time.sleep(random.uniform(0.1, 0.3))
'''
print(*(cloudml.submit(source, name=f"live-{{n}}").id for n in range({JOBS})))
"""
_HEAR = """() => {
  window.heard = [];
  const seen = new Set();
  const look = () => {
    const text = document.querySelector('.jp-cloudml-Log-window')?.textContent ?? '';
    const fresh = [...text.matchAll(/@([0-9.]+)@/g)].map(found => found[1]).filter(one => !seen.has(one));
    fresh.forEach(one => seen.add(one));
    const isFirst = seen.size === fresh.length;
    if (fresh.length && !isFirst) {
      requestAnimationFrame(() => setTimeout(() => {
        fresh.forEach(one => window.heard.push(Date.now() - 1000 * Number(one)));
      }));
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""
_TASKS = """() => {
  window.tasks = [];
  new PerformanceObserver(list => list.getEntries().forEach(task => window.tasks.push(task.duration)))
    .observe({ entryTypes: ['longtask'] });
}"""
_SCROLL = """async () => {
  window.tasks.length = 0;
  const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
  const places = [...document.querySelectorAll('.jp-WindowedPanel-outer, .jp-cloudml-Log-scroller')];
  for (let i = 0; i <= 60; i++) {
    for (const place of places) {
      place.scrollTop = (i / 60) * place.scrollHeight;
    }
    await frame();
  }
  return Math.max(0, ...window.tasks);
}"""


def main() -> None:
    with scratch() as folder:
        server = LabServer(folder / "root", CLOUDML_CPUS=str(JOBS))
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = _launch(playwright)
                _live(LabPage(browser, server), server)
                _flood(LabPage(browser, server), server)
                browser.close()
        finally:
            server.stop()
            stop_everything(server.home)


def _live(lab: LabPage, server: LabServer) -> None:
    note(f"live: {JOBS} jobs")
    said = subprocess.run(
        [sys.executable, "-c", _START],
        cwd=server.work,
        env=environment(server.home, CLOUDML_CPUS=str(JOBS)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    first = said.split()[0]
    lab.command("cloudml:show-panel")
    running = lab.page.locator(".jp-cloudml-Job[data-state=RUNNING]")
    lab.command("cloudml:open-job", id=first)
    expect(lab.page.locator(".jp-cloudml-Log-window")).to_contain_text("@")
    lab.page.get_by_role("button", name=f"{JOBS} running").wait_for(timeout=120_000)
    note(f"live: {running.count()} rows of running jobs are in sight")
    lab.page.evaluate(_HEAR)
    lab.page.wait_for_timeout(1e3 * LISTEN_S)
    heard = lab.page.evaluate("() => window.heard")
    Path(server.work / "end").touch()
    expect(lab.page.locator(".jp-cloudml-Page [data-state=SUCCEEDED]").first).to_be_visible()
    lab.close()
    cuts = statistics.quantiles(heard, n=20)
    more: dict[str, Any] = {"p50": statistics.median(heard), "worst": max(heard)}
    report(
        f"live: print to pixel, p95, {JOBS} jobs",
        cuts[18],
        unit="ms",
        at_most=LIMIT_MS,
        events=len(heard),
        **more,
        **machine(),
    )


def _flood(lab: LabPage, server: LabServer) -> None:
    note(f"live: {LINES} lines")
    cell = f"%%cloudtrain flood\nfor i in range({LINES}):\n    print('line', i)"
    lab.open_notebook(server.write_notebook("flood", [cell]))
    lab.page.evaluate(_TASKS)
    lab.click_run(0)
    card = lab.page.locator(".jp-OutputArea").get_by_label("Job flood", exact=True)
    expect(card.locator("[data-state=SUCCEEDED]").first).to_be_visible(timeout=120_000)
    lab.wait_for_kernel()
    lab.page.wait_for_timeout(1000)
    during = max([0, *lab.page.evaluate("() => window.tasks")])
    report(
        f"live: longest task in the notebook while {LINES} lines are printed",
        float(during),
        unit="ms",
        at_most=TASK_LIMIT_MS,
        **machine(),
    )
    settled = lab.page.evaluate(_SCROLL)
    report(
        f"live: longest task in the notebook after {LINES} lines",
        settled,
        unit="ms",
        at_most=TASK_LIMIT_MS,
    )
    lab.page.evaluate("() => { window.tasks.length = 0; }")
    card.get_by_role("button", name="Job page").click()
    page = lab.page.locator(".jp-cloudml-Page")
    expect(page.get_by_text(f"{LINES} lines")).to_be_visible()
    opening = max([0, *lab.page.evaluate("() => window.tasks")])
    settled = lab.page.evaluate(_SCROLL)
    report(
        f"live: longest task on the page of {LINES} lines",
        settled,
        unit="ms",
        at_most=TASK_LIMIT_MS,
        opening=float(opening),
    )
    expect(page.get_by_role("log")).to_contain_text(f"line {LINES - 1}")
    page.get_by_label("Search the output").fill("line ")
    expect(page.get_by_text(f"1 of {LINES}", exact=True)).to_be_visible()
    report("live: lines of the cell that the job page lacks", 0.0, unit="lines", at_most=0.0)
    lab.close()


if __name__ == "__main__":
    main()
