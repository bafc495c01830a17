"""How figures and jobs read in one line of text: durations, sizes, numbers, tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def duration(seconds: float) -> str:
    """``0.21 s``, ``4.2 s``, ``3 m 20 s``, ``2 h 5 m``, ``3 d 4 h``."""
    if seconds < 1:
        return f"{max(0.0, seconds):.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, below, unit_s, below_s in (
        ("d", "h", 86400, 3600),
        ("h", "m", 3600, 60),
        ("m", "s", 60, 1),
    ):
        if whole >= unit_s:
            rest = whole % unit_s // below_s
            return f"{whole // unit_s} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def size(count: float) -> str:
    """``512 B``, ``3.4 MiB``; powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def number(value: Any) -> str:
    """Four significant digits; whole numbers as they are; ``nan`` and ``inf`` in words."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def one_line(snapshot: Mapping[str, Any]) -> str:
    """A job in one line: ``✓ SUCCEEDED train (3f2a…) on local, 4.2 s, loss 0.12``."""
    name = f"{snapshot['name']} " if snapshot.get("name") else ""
    words = [f"{snapshot['state']} job {name}{snapshot['id']} on {snapshot.get('target', '')}"]
    if snapshot.get("elapsed_s") is not None:
        words.append(duration(snapshot["elapsed_s"]))
    bars = [bar for bar in snapshot.get("progress", ()) if bar.get("total")]
    if bars and not bars[-1].get("done"):
        words.append(f"{bars[-1].get('desc') or 'progress'} {bars[-1]['n']}/{bars[-1]['total']}")
    metrics = snapshot.get("metrics", {})
    words += [f"{key} {number(series['last'])}" for key, series in list(metrics.items())[:4]]
    error = snapshot.get("error")
    if error:
        said = f"{error.get('type', '')}: {error.get('message', '')}".partition("\n")[0]
        words.append(said[:200])
    elif snapshot.get("reason"):
        words.append(str(snapshot["reason"]))
    notes = snapshot.get("notes")
    if notes:
        more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
        last = str(notes[-1]).partition("\n")[0]
        words.append(f"note: {last[:200]}{more}")
    return ", ".join(words)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces between them, no line ends in blanks."""
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)
