from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .kernels import Notebook, processes_of, stop_agent


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory for one module; at its end the agent is stopped, and nothing is left running."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    home.mkdir(mode=0o700)
    yield home
    from jupyter_cloudml.journal.home import DataHome

    stop_agent(DataHome(home))
    deadline = time.monotonic() + 20
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == {}


@pytest.fixture(scope="module")
def notebook(root: Path) -> Iterator[Notebook]:
    made = Notebook(root, root.parent / "work")
    yield made
    made.close()


@pytest.fixture
def another_kernel(root: Path) -> Iterator[Callable[..., Notebook]]:
    made: list[Notebook] = []

    def start(**environ: str) -> Notebook:
        made.append(Notebook(root, root.parent / "work", **environ))
        return made[-1]

    yield start
    for kernel in made:
        kernel.close()
