"""Encode."""
from __future__ import annotations
from typing import Any
from .blobs import BlobStore
from .model import Encoded, Limits


def encode(values: dict[str, Any], *, namespace: dict[str, Any], blobs: BlobStore, portable: bool = False, required: set[str] | None = None, limits: Limits = Limits()) -> Encoded:  # noqa: B008
    """Encode ``values``."""
    raise RuntimeError("not there yet")
