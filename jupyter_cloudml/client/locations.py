"""``--checkpoint URI`` and ``--data name=URI``: looked at before a job is sent that would fail hours later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import BadInput
from ..core.uris import local_path, refuse_credentials, scheme_of, split_uri
from ..stores.open import schemes


def checkpoint_uri(text: str) -> str:
    """The URI that ``--checkpoint`` names, the same from everywhere; empty without one. A store is not asked.

    Raises:
        BadInput: it is a file, a directory that cannot be written here, or in no store that we know.
    """
    if not text:
        return ""
    refuse_credentials(text)
    if scheme_of(text) != "file":
        return _of_store(text, f"--checkpoint {text}").rstrip("/")
    path = local_path(text)
    above = next(folder for folder in (path, *path.parents) if folder.exists())
    if not above.is_dir():
        raise BadInput(f"--checkpoint {text}: {str(above)!r} is not a directory")
    if not os.access(above, os.W_OK | os.X_OK):
        raise BadInput(f"--checkpoint {text}: {str(above)!r} may not be written")
    return path.as_uri()


def data_uris(data: Mapping[str, str]) -> dict[str, str]:
    """The URIs of what ``--data`` names, by name. Stores are not asked: the job has credentials of its own.

    Raises:
        BadInput: one is a file that is not there, in no store that we know, or a URI with a password in it.
    """
    for uri in data.values():
        refuse_credentials(uri)
    return {
        name: _existing(name, uri).as_uri()
        if scheme_of(uri) == "file"
        else _of_store(uri, f"--data {name}={uri}")
        for name, uri in data.items()
    }


def _existing(name: str, uri: str) -> Path:
    path = local_path(uri)
    if not path.exists():
        raise BadInput(f"--data {name}={uri}: there is no {str(path)!r}")
    return path


def _of_store(uri: str, what: str) -> str:
    known = schemes()
    if scheme_of(uri) not in known:
        raise BadInput(
            f"{what}: there is no store {scheme_of(uri)}://",
            hint="known: " + ", ".join(f"{scheme}://" for scheme in sorted(known)),
        )
    try:
        split_uri(uri)
    except BadInput as exc:
        raise BadInput(f"{what}: {exc.message}", hint=exc.hint) from exc
    return uri
