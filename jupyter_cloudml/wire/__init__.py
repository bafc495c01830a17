"""How values travel: typed codecs, content-addressed blobs, and a result that is a delta.

Importing this needs the standard library only; packages load when a value of theirs travels.
"""

from __future__ import annotations

from .blobs import BlobRef, BlobStore
from .decoding import decode
from .delta import apply_delta, encode_delta
from .encoding import encode
from .meanwhile import Departure
from .model import Applied, Decoded, Encoded, Limits, ValueReport

__all__ = [
    "Applied",
    "BlobRef",
    "BlobStore",
    "Decoded",
    "Departure",
    "Encoded",
    "Limits",
    "ValueReport",
    "apply_delta",
    "decode",
    "encode",
    "encode_delta",
]
