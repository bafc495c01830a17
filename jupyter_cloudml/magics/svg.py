"""Metric curves as inline SVG: no script, no external font, colours that work on any background."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    scale = _Scale.of(finite)
    body = "".join(_stroke(run, scale) for run in _runs(points))
    end_x, end_y = scale.place(*finite[-1])
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


@dataclass(frozen=True, slots=True)
class _Scale:
    """From data to places in the drawing."""

    low: tuple[float, float]
    span: tuple[float, float]

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Scale:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return cls((min(xs), min(ys)), (max(xs) - min(xs), max(ys) - min(ys)))

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.low[0]) / self.span[0] if self.span[0] else 0.5
        up = (y - self.low[1]) / self.span[1] if self.span[1] else 0.5
        return _PAD + across * (WIDTH - 2 * _PAD), HEIGHT - _PAD - up * (HEIGHT - 2 * _PAD)


def _stroke(run: Sequence[Point], scale: _Scale) -> str:
    places = " ".join("{:.1f},{:.1f}".format(*scale.place(x, y)) for x, y in run)
    return (
        f'<polyline points="{places}" fill="none" stroke-width="1.5" stroke-linejoin="round" '
        f'stroke-linecap="round" style="stroke:{ACCENT}"/>'
    )
