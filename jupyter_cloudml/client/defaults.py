"""What a job of this process is like unless it says otherwise: ``cloudml.toml``, and what ``%cloudconfig`` set over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .session import configuration

_of_notebook: dict[str, Any] = {}


def defaults() -> dict[str, Any]:
    """The words of every submission from this process, whatever surface it comes from.

    Raises:
        BadInput: ``cloudml.toml`` is wrong.
    """
    return {**configuration().defaults.given(), **_of_notebook}


def notebook_defaults() -> dict[str, Any]:
    """What ``%cloudconfig`` set here; a copy."""
    return dict(_of_notebook)


def set_notebook_defaults(words: Mapping[str, Any]) -> None:
    """Replace what ``%cloudconfig`` set here."""
    _of_notebook.clear()
    _of_notebook.update(words)
