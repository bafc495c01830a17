"""The job card: one snapshot as JSON for the Lab extension, as HTML for everybody else, as a line of text.

The HTML is whole in itself and reads well without its styles (GitHub strips them): words first, drawings on top. A line
holds one thing and none is blank, so that it stays one block in a Markdown file, which can be read too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from ..client.text import duration, number, one_line, size
from .svg import curve

MIME = "application/vnd.cloudml.job+json"
MAX_CURVES = 8

_GREEN, _RED, _BLUE, _AMBER = "#1f9254", "#dc3f3f", "#3b82f6", "#c27803"
_LOOKS = {
    "QUEUED": ("◷", _AMBER),
    "STARTING": ("◷", _BLUE),
    "RUNNING": ("▶", _BLUE),
    "STOPPING": ("◼", _AMBER),
    "SUCCEEDED": ("✓", _GREEN),
    "FAILED": ("✗", _RED),
    "CANCELLED": ("◼", _AMBER),
    "LOST": ("✗", _RED),
}
_BOX = (
    "border:1px solid var(--jp-border-color2, var(--vscode-widget-border, rgba(128,128,128,.35)));border-radius:6px;"
    "padding:8px 12px;margin:2px 0;max-width:760px;font-family:var(--jp-ui-font-family, system-ui, sans-serif);"
    "font-size:13px;line-height:1.45;color:var(--jp-ui-font-color1, var(--vscode-foreground, currentColor))"
)
_MONO = "font-family:var(--jp-code-font-family, ui-monospace, monospace);font-size:12px"
_DIM = "opacity:.72"
_BREAKS = re.compile(r"\s*\n\s*")
_NUMBERS = "font-variant-numeric:tabular-nums"


def bundle(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The MIME bundle of one snapshot. Pure; well under a millisecond for a job without metrics."""
    return {
        MIME: dict(snapshot),
        "text/html": as_html(snapshot),
        "text/plain": one_line(snapshot),
    }


def as_html(snapshot: Mapping[str, Any]) -> str:
    """The card as one self-contained element; every word of the user is escaped."""
    parts = [
        _head(snapshot),
        _reason(snapshot),
        _progress(snapshot),
        _metrics(snapshot),
        _foot(snapshot),
    ]
    whole = "\n".join([_opening(snapshot), *filter(None, parts), "</div>"])
    return _BREAKS.sub("\n", whole)


def _opening(snapshot: Mapping[str, Any]) -> str:
    """Says all in its first line: to screen readers, and to who reads the source."""
    label = html.escape(one_line(snapshot))
    return f'<div class="cloudml-card" aria-label="{label}"\nrole="status" aria-live="off" style="{_BOX}">'


def _head(snapshot: Mapping[str, Any]) -> str:
    state = snapshot["state"]
    sign, colour = _LOOKS.get(state, ("•", "currentColor"))
    name = html.escape(snapshot.get("name") or "job")
    target = html.escape(snapshot.get("target", ""))
    elapsed = snapshot.get("elapsed_s")
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:0 10px;align-items:baseline">'
        f'<b style="color:{colour}">{sign} {html.escape(state)}</b> <b>{name}</b> '
        f"<span>on {target}</span> "
        f'<span style="{_NUMBERS}">{duration(elapsed) if elapsed is not None else ""}</span> '
        f'<code style="{_MONO};{_DIM};margin-left:auto">{html.escape(snapshot["id"])}</code></div>'
    )


def _reason(snapshot: Mapping[str, Any]) -> str:
    error = snapshot.get("error")
    text = snapshot.get("reason") or ""
    if error:
        text = ": ".join(filter(None, (error.get("type"), error.get("message")))) or text
    if not text:
        return ""
    colour = f";color:{_RED}" if error else f";{_DIM}"
    return f'<div style="overflow-wrap:anywhere{colour}">{html.escape(text[:500])}</div>'


def _progress(snapshot: Mapping[str, Any]) -> str:
    return "".join(_bar(bar) for bar in snapshot.get("progress", ()))


def _bar(bar: Mapping[str, Any]) -> str:
    n, total = bar.get("n", 0), bar.get("total")
    words = [html.escape(str(bar.get("desc") or "progress"))]
    words.append(f"{number(n)}/{number(total)}" if total else f"{number(n)}")
    share = min(1.0, n / total) if total else None
    if share is not None:
        words.append(f"{share:.0%}")
    if bar.get("eta_s") is not None and not bar.get("done"):
        words.append(f"{duration(bar['eta_s'])} left")
    drawn = "" if share is None else _drawn_bar(share)
    return f'<div style="margin-top:4px;{_NUMBERS}">{drawn}<span>{" · ".join(words)}</span></div>'


def _drawn_bar(share: float) -> str:
    return (
        f'<div role="progressbar" aria-valuenow="{share * 100:.0f}" aria-valuemin="0" aria-valuemax="100" '
        'style="height:5px;border-radius:3px;background:rgba(128,128,128,.25);margin-bottom:2px">'
        f'<div style="height:5px;border-radius:3px;width:{share * 100:.1f}%;background:{_BLUE}"></div></div>'
    )


def _metrics(snapshot: Mapping[str, Any]) -> str:
    metrics: Mapping[str, Mapping[str, Any]] = snapshot.get("metrics", {})
    if not metrics:
        return ""
    drawn = [_metric(name, series) for name, series in list(metrics.items())[:MAX_CURVES]]
    more = [
        f"{html.escape(name)} {number(s['last'])}" for name, s in list(metrics.items())[MAX_CURVES:]
    ]
    rest = f'<div style="{_DIM}">{" · ".join(more)}</div>' if more else ""
    drawings = "\n".join(drawn)
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px 18px;margin-top:8px">\n{drawings}</div>\n{rest}'


def _metric(name: str, series: Mapping[str, Any]) -> str:
    last, points = series["last"], series.get("points", ())
    label = f"{name}: {number(last)} at step {series.get('step', 0)}"
    drawing = curve(points, label) if len(points) > 1 else ""
    return (
        f'<div><div style="{_NUMBERS};display:flex;justify-content:space-between;gap:10px">'
        f'<span style="{_DIM}">{html.escape(name)}</span> <b>{number(last)}</b></div>\n{drawing}</div>'
    )


def _foot(snapshot: Mapping[str, Any]) -> str:
    words = [*_resources(snapshot.get("resources") or {})]
    checkpoint = snapshot.get("checkpoint")
    if checkpoint:
        words.append(f"checkpoint at step {html.escape(str(checkpoint.get('step')))}")
    run = snapshot.get("run_id")
    if run:
        link = (snapshot.get("links") or {}).get("run", "")
        shown = html.escape(run[:8])
        anchor = (
            f'<a href="{html.escape(link, quote=True)}" target="_blank">{shown}</a>'
            if link
            else shown
        )
        words.append(f"run {anchor} in {html.escape(snapshot.get('experiment') or 'Default')}")
    notes = "".join(
        f'<div style="{_DIM};overflow-wrap:anywhere">{html.escape(str(note))}</div>'
        for note in list(snapshot.get("notes", ()))[-3:]
    )
    foot = (
        f'<div style="margin-top:6px;{_DIM};{_NUMBERS}">{" · ".join(words)}</div>' if words else ""
    )
    return foot + notes


def _resources(resources: Mapping[str, Any]) -> list[str]:
    words = []
    if resources.get("cpu") is not None:
        words.append(f"CPU {resources['cpu']:.0f}%")
    if resources.get("rss"):
        words.append(size(resources["rss"]))
    for gpu in resources.get("gpus") or ():
        shown = f"GPU {gpu.get('i', 0)} {gpu.get('util', 0):.0f}%"
        if gpu.get("mem_total"):
            shown += f" {size(gpu.get('mem', 0))} of {size(gpu['mem_total'])}"
        if gpu.get("watts"):
            shown += f" {gpu['watts']:.0f} W"
        words.append(shown)
    return words
