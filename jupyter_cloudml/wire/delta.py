"""Delta."""
from __future__ import annotations
from typing import Any
from .blobs import BlobStore
from .model import Applied, Decoded, Encoded, Limits


def encode_delta(decoded: Decoded, namespace: dict[str, Any], *, bound: dict[str, Any], deleted: list[str], only: tuple[str, ...] | None = None, exception: BaseException | None = None, extra: dict[str, Any] | None = None, blobs: BlobStore, limits: Limits = Limits(), portable: bool = False) -> dict[str, Any]:  # noqa: B008
    """The manifest of what the far side changed."""
    raise RuntimeError("not there yet")


def apply_delta(manifest: dict[str, Any], home: Encoded | Decoded, namespace: dict[str, Any], blobs: BlobStore, *, trusted: bool = True) -> Applied:
    """Apply it to the home objects."""
    raise RuntimeError("not there yet")
