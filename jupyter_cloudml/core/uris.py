"""Where data and checkpoints lie, as people write it: a path, or a URI with a scheme."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .errors import BadInput

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def scheme_of(text: str) -> str:
    """``s3`` of ``s3://bucket/key``; ``file`` of a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else "file"


def local_path(text: str) -> Path:
    """The absolute path that a path or ``file:`` URI means; ``~`` is the user's own directory.

    Backend authors: object stores come in here: whoever calls this says first what he does with other schemes.

    Raises:
        BadInput: it is another scheme, or a file of another host.
    """
    if scheme_of(text) != "file":
        raise BadInput(f"{text!r} is no path of a file system")
    if not _SCHEME.match(text):
        return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - '..' goes, links stay
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise BadInput(f"{text!r} names the host {parts.netloc!r}", hint="write file:///the/path")
    return Path(unquote(parts.path))
