"""A real kernel, a real agent, real workers, in a data directory of their own; nothing is forwarded to MLflow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.kernels import Notebook, stop_agent


def started(home) -> Notebook:
    return Notebook(home, home.parent / "work", CLOUDML_FORWARDER="0")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    home = tmp_path_factory.mktemp("magics") / "home"
    home.mkdir(mode=0o700)
    made = started(home)
    yield made
    made.close()
    stop_agent(made.home)


@pytest.fixture
def second_kernel(notebook: Notebook) -> Iterator[Notebook]:
    """Another kernel of the same user."""
    made = started(notebook.home.root)
    yield made
    made.close()
