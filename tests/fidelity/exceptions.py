"""Cells that may differ, each with its reason. Everything else that differs is a bug."""

from __future__ import annotations

EXCEPTIONS: dict[str, str] = {}
