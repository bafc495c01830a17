"""``python -m tests.fidelity.run [files] [--notebook some.ipynb]``: does a cell run there as it runs here?"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .cells import Notebook, corpus_files, read
from .compare import Agreement, compare
from .exceptions import EXCEPTIONS
from .kernel import CellRun, Place, run_notebook


class Bench:
    """Runs notebooks in folders of its own; all cloud runs share one CLOUDML_HOME, hence one agent."""

    def __init__(self, root: Path, *, timeout_s: float = 120.0) -> None:
        self.root = root
        self.timeout_s = timeout_s
        self._count = 0

    def run(self, notebook: Notebook, *, cloud: bool) -> list[CellRun]:
        self._count += 1
        place = Place(
            folder=self.root / f"run-{self._count}" / "work",
            home=self.home if cloud else self.root / f"run-{self._count}" / "home",
            cloud=cloud,
            timeout_s=self.timeout_s,
        )
        return run_notebook(notebook, place)

    def agreement(self, notebook: Notebook, *, cloud: bool, mask_chance: bool = False) -> Agreement:
        """Plain against cloud; or plain against plain, which must always agree."""
        wanted = [False, cloud] + ([False] if mask_chance else [])
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda c: self.run(notebook, cloud=c), wanted))
        return compare(runs[0], runs[1], runs[2] if mask_chance else None)

    @property
    def home(self) -> Path:
        return self.root / "cloudml-home"

    def close(self) -> None:
        """End the agent that the cloud runs started."""
        if not (self.home / "agent.sock").exists():
            return
        from jupyter_cloudml.agent.nudge import nudge
        from jupyter_cloudml.core.errors import CloudMLError
        from jupyter_cloudml.journal.home import DataHome

        try:
            nudge(DataHome(self.home), "stop")
        except CloudMLError as exc:
            print(f"the agent of {self.home} could not be stopped: {exc}", file=sys.stderr)


@contextmanager
def bench(timeout_s: float = 120.0) -> Iterator[Bench]:
    """A bench in a temporary folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="fid-", ignore_cleanup_errors=True) as folder:
        made = Bench(Path(folder).resolve(), timeout_s=timeout_s)
        try:
            yield made
        finally:
            made.close()


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    files = [*options.files, *options.notebook]
    total = Agreement(cells=0, differences=())
    with bench(options.timeout) as made:
        for path in files or corpus_files():
            for notebook in read(path):
                if options.only and options.only not in notebook.name:
                    continue
                began = time.monotonic()
                found = made.agreement(
                    notebook,
                    cloud=not options.self_check,
                    mask_chance=path.suffix == ".ipynb" and not options.self_check,
                )
                _print(notebook, found, time.monotonic() - began)
                total += found
    unexplained = [d for d in total.differences if d.cell_id not in EXCEPTIONS]
    print(
        f"\n{total.cells} cells, {len(total.differences)} differ"
        f" ({len(unexplained)} undocumented): {total.share:.2%} agree"
    )
    return 1 if unexplained else 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.run", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="corpus files (default: all)")
    parser.add_argument("--notebook", action="append", type=Path, default=[], metavar="IPYNB")
    parser.add_argument("--self-check", action="store_true", help="plain against plain")
    parser.add_argument("--only", default="", help="notebooks whose name holds this text")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one cell")
    return parser.parse_args(argv)


def _print(notebook: Notebook, found: Agreement, seconds: float) -> None:
    same = found.cells - len(found.differences)
    print(f"{notebook.name:<40} {same:>3}/{found.cells:<3} {seconds:6.1f} s", flush=True)
    for difference in found.differences:
        reason = EXCEPTIONS.get(difference.cell_id)
        print(f"  {difference.cell_id}" + (f"  (documented: {reason})" if reason else ""))
        for line in difference.what:
            print(f"      {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
