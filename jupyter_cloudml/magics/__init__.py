"""The notebook surface: magics, live cards, completion."""

from __future__ import annotations
