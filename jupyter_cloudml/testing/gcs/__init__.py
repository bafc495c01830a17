"""A small Google Cloud Storage for tests: JSON and XML API over one folder, with the rules that stores rely on.

It keeps generations, preconditions, CRC32C and MD5, Cloud KMS key names, resumable sessions and multipart uploads (both
survive a SIGKILL), checks bearer tokens and V4 signatures when told so, remembers every request, and breaks on demand::

    python -m jupyter_cloudml.testing.gcs FOLDER PORT [--authenticated]

``GcsControl`` is the other end: it makes buckets, reads the remembered requests and orders faults. What it does not
have: versioning, ACLs, IAM, retention, notifications, gRPC.
"""

from __future__ import annotations

from .control import GcsControl

__all__ = ["GcsControl"]
