"""``--checkpoint URI`` and ``--data name=URI``: looked at before a job is sent that would fail hours later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import BadInput
from ..core.uris import local_path, scheme_of


def checkpoint_uri(text: str) -> str:
    """The URI of the directory that ``--checkpoint`` names, the same from everywhere; empty without one.

    Raises:
        BadInput: it is in an object store, is a file, or cannot be written here.
    """
    if not text:
        return ""
    if scheme_of(text) != "file":
        raise BadInput(
            f"--checkpoint {text}: this version keeps checkpoints in directories, not in {scheme_of(text)}://",
            hint="name a directory, e.g. one that all machines share; without the option they lie in the job's folder",
        )
    path = local_path(text)
    above = next(folder for folder in (path, *path.parents) if folder.exists())
    if not above.is_dir():
        raise BadInput(f"--checkpoint {text}: {str(above)!r} is not a directory")
    if not os.access(above, os.W_OK | os.X_OK):
        raise BadInput(f"--checkpoint {text}: {str(above)!r} may not be written")
    return path.as_uri()


def data_uris(data: Mapping[str, str]) -> dict[str, str]:
    """The ``file:`` URIs of what ``--data`` names, by name.

    Raises:
        BadInput: one is in an object store, or is not there.
    """
    return {name: _existing(name, uri).as_uri() for name, uri in data.items()}


def _existing(name: str, uri: str) -> Path:
    if scheme_of(uri) != "file":
        raise BadInput(
            f"--data {name}={uri}: this version fetches nothing from {scheme_of(uri)}://",
            hint="read the URI in the cell",
        )
    path = local_path(uri)
    if not path.exists():
        raise BadInput(f"--data {name}={uri}: there is no {str(path)!r}")
    return path
