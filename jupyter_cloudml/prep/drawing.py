"""A profile and the first rows as HTML and as plain text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from .meter import megabytes
from .profile import Column, Profile

_BLOCKS = " ▁▂▃▄▅▆▇█"
_HEADS = ("column", "type", "missing", "distinct", "range", "mean", "distribution")
MAX_COLUMNS = 60
MAX_TEXT = 30


def bundle(title: str, profile: Profile, head: Any, notes: Sequence[str] = ()) -> dict[str, str]:
    """The MIME bundle of one result: a line of facts, a row for each column, and ``head`` (a Polars frame)."""
    facts = _facts(title, profile, notes)
    return {"text/plain": _plain(facts, profile, head), "text/html": _html(facts, profile, head)}


def _facts(title: str, profile: Profile, notes: Sequence[str]) -> str:
    parts = [f"{title}: {profile.rows:,} rows", f"{len(profile.columns)} columns"]
    if profile.bytes:
        parts.append(megabytes(profile.bytes))
    if profile.sampled < profile.rows:
        parts.append(f"ranges and distributions from {profile.sampled:,} rows")
    return ", ".join([*parts, *notes])


def bars(heights: Sequence[float]) -> str:
    """``▂▅█▁``: one block a bar; what is not empty is seen."""
    return "".join(_BLOCKS[max(1, round(height * 8)) if height > 0 else 0] for height in heights)


def _cells(column: Column, sampled: int) -> tuple[str, ...]:
    span = f"{column.low} … {column.high}" if column.low else ", ".join(v for v, _ in column.top)
    return (
        column.name,
        column.type,
        f"{column.nulls:,}" if column.nulls else "0",
        ("all" if column.distinct == sampled > 1 else f"{column.distinct:,}")
        if column.distinct
        else "",
        _short(span, 60),
        f"{column.mean:.4g}" if column.mean is not None else "",
        bars(column.bars),
    )


def _plain(facts: str, profile: Profile, head: Any) -> str:
    rows = [_HEADS, *(_cells(column, profile.sampled) for column in profile.columns[:MAX_COLUMNS])]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADS))]
    lines = [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    more = [_more(profile)] if len(profile.columns) > MAX_COLUMNS else []
    return "\n".join([facts, *lines, *more, *_plain_head(head)])


def _plain_head(head: Any) -> list[str]:
    if head is None or not head.height:
        return []
    rows = [
        tuple(head.columns),
        *(tuple(_short(_text(v)) for v in row) for row in head.iter_rows()),
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(head.width)]
    return [
        "",
        *("  ".join(f"{c:<{w}}" for c, w in zip(r, widths, strict=True)).rstrip() for r in rows),
    ]


def _html(facts: str, profile: Profile, head: Any) -> str:
    rows = [_cells(column, profile.sampled) for column in profile.columns[:MAX_COLUMNS]]
    tables = [_table(_HEADS, rows, "Columns")]
    if len(profile.columns) > MAX_COLUMNS:
        tables.append(f"<p>{html.escape(_more(profile))}</p>")
    if head is not None and head.height:
        shown = [[_short(_text(value)) for value in row] for row in head.iter_rows()]
        tables.append(_table(head.columns, shown, "First rows"))
    return f"<div><p>{html.escape(facts)}</p>{''.join(tables)}</div>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _more(profile: Profile) -> str:
    return f"… and {len(profile.columns) - MAX_COLUMNS} columns more"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _short(text: str, most: int = MAX_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
