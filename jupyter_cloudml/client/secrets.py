"""Secrets: taken from this process's environment, handed to the agent's memory, written nowhere."""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..agent.environment import sensitive
from ..core.errors import BadInput
from ..wire import BlobStore
from .session import blob_digests, inline_bytes

MIN_LENGTH = 4
"""A shorter value stands in half of all texts by chance: it can be neither found nor redacted."""
_given: dict[str, str] = {}

_SECRET_NAME = re.compile(
    r"KEY|TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|(^|_)(PASS|AUTH|PAT|DSN|JWT)($|_)|_PWD$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\w://[^/\s@?#]+@|-----BEGIN|\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|hf_|eyJ|AKIA|ASIA)\w{8}"
)
_LONG = 8
"""A shorter value may stand in another variable by chance."""


def known_secrets() -> dict[str, str]:
    """Every secret that this process has ever given to a job: later jobs, too, keep them off the disk."""
    return dict(_given)


def secret_values(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The values of ``names``; they may go over the agent's private socket and nowhere else. They are known from now on.

    Raises:
        BadInput: a name is not set here, or too short to be found again; the message never holds a value.
    """
    found = {}
    for name in names:
        if not environ.get(name):
            raise BadInput(
                f"--secret {name} is not set in this kernel's environment",
                hint=f"set it before Jupyter starts, or run: import os, getpass; os.environ[{name!r}] = getpass.getpass()",
            )
        if len(environ[name]) < MIN_LENGTH:
            raise BadInput(
                f"--secret {name} is shorter than {MIN_LENGTH} characters and could not be kept out of outputs",
                hint="use a longer secret, or pass it by --env if it is none",
            )
        found[name] = environ[name]
    _given.update(found)
    return found


def without_secrets(
    environ: Mapping[str, str], names: Iterable[str], values: Iterable[str]
) -> dict[str, str]:
    """``environ`` without the secrets, and without any other variable that holds a secret's value."""
    hidden = set(names)
    known = [value for value in values if len(value) >= MIN_LENGTH]
    return {
        key: text
        for key, text in environ.items()
        if key not in hidden and not any(value in text for value in known)
    }


def split_environ(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What may lie on disk, and what looks like a secret: by its name, by its value, or as it holds one of those.

    The name of an existing file is none, nor is what the interpreter itself needs (``agent.environment.sensitive``).
    """
    known = sensitive(environ)
    hidden = {
        name: value
        for name, value in environ.items()
        if name not in known and _looks_secret(name, value)
    }
    values = [value for value in hidden.values() if len(value) >= _LONG]
    if values:
        holds_one = re.compile("|".join(map(re.escape, values)))
        hidden |= {
            name: value
            for name, value in environ.items()
            if name not in known and holds_one.search(value)
        }
    return {name: value for name, value in environ.items() if name not in hidden}, hidden


def _looks_secret(name: str, value: str) -> bool:
    if _SECRET_VALUE.search(value):
        return True
    if not _SECRET_NAME.search(name) or len(value) < MIN_LENGTH or value.lower() == "false":
        return False
    return not (value.startswith("/") and os.path.exists(value))  # noqa: PTH110 - on the launch path


def refuse_written_secrets(
    secrets: Mapping[str, str], source: str, manifest: Mapping[str, Any], blobs: BlobStore
) -> None:
    """See that nothing of a bundle holds a secret's value; blobs that do are deleted again.

    Raises:
        BadInput: the cell's text or a captured value holds one; it names the secret, never its value.
    """
    text = json.dumps(manifest) if secrets else ""
    for name, value in secrets.items():
        if value in source:
            raise BadInput(
                f"the cell's own text holds the secret {name}",
                hint=f"write os.environ[{name!r}] instead",
            )
        holders = [d for d in blob_digests(manifest) if _holds(blobs, d, value.encode())]
        for digest in holders:
            blobs.path(digest).unlink(missing_ok=True)
        inline = any(value.encode() in piece for piece in inline_bytes(manifest))
        if holders or inline or json.dumps(value)[1:-1] in text:
            raise BadInput(
                f"a captured value holds the secret {name}, and would be written to disk",
                hint=f"read os.environ[{name!r}] inside the cell, and del the name that holds it here",
            )


def _holds(blobs: BlobStore, digest: str, value: bytes) -> bool:
    path = blobs.path(digest)
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(value) >= 0
