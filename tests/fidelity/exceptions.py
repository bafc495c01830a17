"""Cells that may differ, each with its reason. Everything else that differs is a bug."""

from __future__ import annotations

_GENERATOR = "a running generator has no state that Python can copy; it stays, and the cell says so"

EXCEPTIONS: dict[str, str] = {
    "functions/generators/4": _GENERATOR,
}
