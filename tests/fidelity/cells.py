"""The corpus: cells grouped in notebooks, read from percent files or from ``.ipynb``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_NOTEBOOK_MARK = re.compile(r"^# %%% (\S.*)$")
_CELL_MARK = re.compile(r"^# %%(?: (\S.*))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One code cell. ``id`` is ``file/notebook/label`` and stays when other cells come and go."""

    id: str
    source: str

    @property
    def in_cloud(self) -> str:
        """The same cell, to be run on the local target."""
        return f"%%cloudtrain --on local\n{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """Cells that share one kernel; ``folder`` holds the files that they open, if any."""

    name: str
    cells: tuple[Cell, ...]
    folder: Path | None = None


def corpus_files() -> list[Path]:
    return sorted(CORPUS.glob("*.py"))


def read(path: Path) -> list[Notebook]:
    """The notebooks of a percent file (``# %%% name`` starts one, ``# %% label`` a cell) or of an ``.ipynb``."""
    return [_read_ipynb(path)] if path.suffix == ".ipynb" else _read_percent(path)


def _read_ipynb(path: Path) -> Notebook:
    document = json.loads(path.read_text(encoding="utf-8"))
    cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
    sources = [
        "".join(cell.get("source", cell.get("input", "")))
        for cell in cells
        if cell["cell_type"] == "code"
    ]
    return Notebook(
        name=path.stem,
        cells=tuple(
            Cell(id=f"{path.stem}/{index}", source=source)
            for index, source in enumerate(sources, 1)
            if source.strip()
        ),
        folder=path.resolve().parent,
    )


def _read_percent(path: Path) -> list[Notebook]:
    notebooks: list[tuple[str, list[tuple[str, list[str]]]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _NOTEBOOK_MARK.match(line):
            notebooks.append((match[1], []))
        elif notebooks and (match := _CELL_MARK.match(line)):
            cells = notebooks[-1][1]
            cells.append((match[1] or str(len(cells) + 1), []))
        elif notebooks and notebooks[-1][1]:
            notebooks[-1][1][-1][1].append(line)
    return [_notebook(f"{path.stem}/{name}", cells) for name, cells in notebooks]


def _notebook(name: str, cells: list[tuple[str, list[str]]]) -> Notebook:
    labels = [label for label, _ in cells]
    doubled = {label for label in labels if labels.count(label) > 1}
    if doubled:
        raise ValueError(f"{name}: two cells are called {sorted(doubled)}")
    return Notebook(
        name=name,
        cells=tuple(
            Cell(id=f"{name}/{label}", source="\n".join(lines).strip("\n"))
            for label, lines in cells
        ),
    )
