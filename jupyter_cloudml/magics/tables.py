"""A list of jobs as a notebook shows it."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Sequence

from ..client.lookup import HEADER, row_line
from ..client.text import table
from ..journal.rows import JobRow


class JobTable(Sequence[JobRow]):
    """Rows that print as a table, in text and in HTML."""

    def __init__(self, rows: Sequence[JobRow]) -> None:
        self._rows = list(rows)
        self._now = time.time()

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[JobRow]:
        return iter(self._rows)

    def _lines(self) -> list[list[str]]:
        return [row_line(row, now=self._now) for row in self._rows]

    def __repr__(self) -> str:
        return table(HEADER, self._lines()) if self._rows else "no jobs"

    def _repr_html_(self) -> str:
        if not self._rows:
            return "<p>no jobs</p>"
        head = "".join(f"<th>{name}</th>" for name in HEADER)
        body = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in line)
            + "</tr>"
            for line in self._lines()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
