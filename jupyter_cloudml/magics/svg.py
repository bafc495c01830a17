"""Metric curves as inline SVG: no script, no external font, colours that work on any background."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

WIDTH = 168
HEIGHT = 44
_PAD = 3
ACCENT = "var(--jp-brand-color1, var(--vscode-charts-blue, #3b82f6))"

Point = Sequence[float]


def curve(points: Sequence[Point], label: str) -> str:
    """One curve over its steps, scaled to its own range; values that are not finite leave a gap.

    ``label`` is what a screen reader says. An empty string when there is nothing to draw.
    """
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        return ""
    xs, ys = [x for x, _ in finite], [y for _, y in finite]
    body = "".join(_stroke(run, xs, ys) for run in _runs(points))
    end_x, end_y = _place(*finite[-1], xs, ys)
    return (
        f'<svg role="img" aria-label="{html.escape(label, quote=True)}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg" style="display:block;overflow:visible">'
        f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT - 0.5}" y2="{HEIGHT - 0.5}" stroke="currentColor" stroke-opacity=".2"/>'
        f'{body}<circle cx="{end_x:.1f}" cy="{end_y:.1f}" r="2.2" style="fill:{ACCENT}"/></svg>'
    )


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Stretches of finite values."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _stroke(run: Sequence[Point], xs: Sequence[float], ys: Sequence[float]) -> str:
    places = " ".join("{:.1f},{:.1f}".format(*_place(x, y, xs, ys)) for x, y in run)
    return (
        f'<polyline points="{places}" fill="none" stroke-width="1.5" stroke-linejoin="round" '
        f'stroke-linecap="round" style="stroke:{ACCENT}"/>'
    )


def _place(x: float, y: float, xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    across = _share(x, min(xs), max(xs))
    up = _share(y, min(ys), max(ys))
    return _PAD + across * (WIDTH - 2 * _PAD), HEIGHT - _PAD - up * (HEIGHT - 2 * _PAD)


def _share(value: float, low: float, high: float) -> float:
    return 0.5 if high <= low else (value - low) / (high - low)
