"""Every cell of the corpus does the same under ``%%cloudtrain --on local`` as plainly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fidelity.cells import corpus_files, read
from tests.fidelity.compare import Agreement
from tests.fidelity.exceptions import EXCEPTIONS
from tests.fidelity.run import Bench, bench

FILES = corpus_files()


class Verdicts:
    """Runs each file once, whichever test asks first."""

    def __init__(self, made: Bench) -> None:
        self._bench = made
        self._known: dict[Path, Agreement] = {}

    def of(self, path: Path) -> Agreement:
        if path not in self._known:
            found = Agreement(cells=0, differences=())
            for notebook in read(path):
                found += self._bench.agreement(notebook, cloud=True)
            self._known[path] = found
        return self._known[path]


@pytest.fixture(scope="session")
def verdicts() -> Iterator[Verdicts]:
    with bench() as made:
        yield Verdicts(made)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_cell_differs_without_a_documented_reason(path, verdicts):
    differences = verdicts.of(path).differences
    unexplained = [d for d in differences if d.cell_id not in EXCEPTIONS]
    assert not unexplained, "\n".join(
        f"{d.cell_id}\n    " + "\n    ".join(d.what) for d in unexplained
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_at_least_ninety_nine_in_a_hundred_cells_agree(verdicts):
    total = Agreement(cells=0, differences=())
    for path in FILES:
        total += verdicts.of(path)
    assert total.share >= 0.99, f"{total.cells} cells, {len(total.differences)} differ"


def test_the_corpus_is_as_large_as_we_say():
    assert sum(len(notebook.cells) for path in FILES for notebook in read(path)) >= 420


def test_every_exception_names_a_cell_that_exists_and_a_reason():
    ids = {cell.id for path in FILES for notebook in read(path) for cell in notebook.cells}
    assert set(EXCEPTIONS) <= ids
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())
