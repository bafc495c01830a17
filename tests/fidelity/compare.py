"""Two runs of the same cells, side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .kernel import CellRun

_SEEDS = {
    "<random>": r"(?<![.\w])random\.seed\(",
    "<numpy.random>": r"\bn(um)?py?\.random\.seed\(",
    "<torch.random>": r"manual_seed\(",
}
"""How a notebook seeds each generator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One cell that did not do the same; ``what`` has a line for each thing that differed."""

    cell_id: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The verdict on a list of cells."""

    cells: int
    differences: tuple[Difference, ...]

    @property
    def share(self) -> float:
        return 1.0 if not self.cells else 1 - len(self.differences) / self.cells

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            cells=self.cells + other.cells, differences=self.differences + other.differences
        )


def compare(
    plain: list[CellRun], cloud: list[CellRun], again: list[CellRun] | None = None
) -> Agreement:
    """Cells that differ between ``plain`` and ``cloud``; ``again``, a second plain run, masks chance.

    A name's difference is counted in the cell that made it: a name whose two values already differed
    after the cell before, and which neither run changed since, is not counted again.
    """
    found = []
    before: dict[str, tuple[str, str]] = {}
    text = ""
    for index, (left, right) in enumerate(zip(plain, cloud, strict=True)):
        text += left.cell.source
        _forget_unseeded(left, right, text)
        what = _what(left, right, before)
        if again is not None and what:
            chance = _kinds(_what(left, again[index], {})) - {"trouble"}
            what = [line for line in what if line.partition(":")[0] not in chance]
        if what:
            found.append(Difference(cell_id=left.cell.id, what=tuple(what)))
        before = {
            name: (
                left.names.get(name, ("absent", ""))[0],
                right.names.get(name, ("absent", ""))[0],
            )
            for name in left.names.keys() | right.names.keys()
        }
    return Agreement(cells=len(plain), differences=tuple(found))


def _forget_unseeded(left: CellRun, right: CellRun, text: str) -> None:
    """Generators that the notebook has not seeded begin differently in every process."""
    for name, seed in _SEEDS.items():
        if not re.search(seed, text):
            left.names.pop(name, None)
            right.names.pop(name, None)


def _kinds(what: list[str]) -> set[str]:
    return {line.partition(":")[0] for line in what}


def _what(left: CellRun, right: CellRun, before: dict[str, tuple[str, str]]) -> list[str]:
    if left.trouble or right.trouble:
        return [f"trouble: {left.trouble!r} ≠ {right.trouble!r}"]
    what = []
    if left.error != right.error:
        what.append(f"error: {left.error} ≠ {right.error}")
    if left.outputs != right.outputs:
        what.append(f"outputs: {_first_unequal(left.outputs, right.outputs)}")
    absent = ("absent", "absent")
    for name in sorted(left.names.keys() | right.names.keys()):
        one, two = left.names.get(name, absent), right.names.get(name, absent)
        if one[0] == two[0] or before.get(name) == (one[0], two[0]):
            continue
        if name.startswith("<") and "absent" in (one[0], two[0]):
            continue
        what.append(f"{name}: {_around(one[1], two[1])}")
    return what


def _first_unequal(left: list[object], right: list[object]) -> str:
    for index, (one, two) in enumerate(zip(left, right, strict=False)):
        if one != two:
            return f"#{index} {_around(str(one), str(two))}"
    return f"{len(left)} ≠ {len(right)} outputs: {_cut(str(left[len(right) :]))} ≠ {_cut(str(right[len(left) :]))}"


def _around(one: str, two: str) -> str:
    """Both texts from a little before the place where they part."""
    same = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), 0)
    begin = max(0, same - 30)
    return f"{_cut(one[begin:])} ≠ {_cut(two[begin:])}"


def _cut(text: str) -> str:
    return repr(text if len(text) <= 160 else text[:160] + "…")
