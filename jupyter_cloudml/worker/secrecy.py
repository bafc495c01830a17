"""Values that hold a secret do not go home: what is on the disk of a job must never contain one."""

from __future__ import annotations

import contextlib
import io
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.errors import FarSideError
from .redact import Redactor


def split(bound: dict[str, Any], secrets: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The names whose values hold no secret, and the reasons for the others. Costs nothing without secrets."""
    if not secrets:
        return bound, {}
    reasons = {}
    for name, value in bound.items():
        held = _held(_flattened(value), secrets)
        if held:
            reasons[name] = f"it holds the secret {held}"
    return {name: value for name, value in bound.items() if name not in reasons}, reasons


def cleared(error: BaseException | None, redactor: Redactor) -> BaseException | None:
    """The exception with the secrets in its texts replaced, in place: its traceback here is over."""
    seen: set[int] = set()
    item = error
    while redactor and item is not None and id(item) not in seen:
        seen.add(id(item))
        item.args = tuple(
            redactor.text(part) if isinstance(part, str) else part for part in item.args
        )
        for name, value in list(vars(item).items()):
            if isinstance(value, str | list | dict):
                setattr(item, name, redactor.tree(value))
        item = item.__cause__ or item.__context__
    return error


def guard(manifest: dict[str, Any], blobs: Path, secrets: dict[str, str]) -> None:
    """The last look before a result is published.

    Raises:
        FarSideError: an object that changed in place holds a secret; the blobs that hold it are gone.
    """
    if not secrets:
        return
    found = _held(b"\n".join(_texts(manifest)), secrets)
    for path in blobs.iterdir() if blobs.is_dir() else ():
        if held := _held(path.read_bytes(), secrets):
            found = held
            path.unlink()
    if found:
        raise FarSideError(
            f"the result holds the secret {found} and was not brought home",
            hint="do not store the secret in an object that came from the notebook",
        )


def _texts(value: Any) -> Iterator[bytes]:
    """Every text in a JSON value, and what it says in base64 where it does (small streams travel inline)."""
    if isinstance(value, str):
        yield value.encode(errors="replace")
        with contextlib.suppress(ValueError):
            yield b64decode(value, validate=True)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key.encode(errors="replace")
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _held(data: bytes, secrets: dict[str, str]) -> str:
    """The name of the first secret in ``data``; empty when there is none."""
    for name, value in secrets.items():
        forms = {value, repr(value)[1:-1], json.dumps(value)[1:-1]}
        if len(value) >= Redactor.SHORTEST and any(form.encode() in data for form in forms):
            return name
    return ""


def _flattened(value: Any) -> bytes:
    """Everything that pickling the value would write, numeric buffers aside; empty where it cannot be pickled."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    if isinstance(value, bytes):
        return value
    file = io.BytesIO()
    with contextlib.suppress(
        Exception
    ):  # a user's __reduce__ may raise anything; then it cannot go home anyway
        import cloudpickle

        cloudpickle.CloudPickler(file, protocol=5, buffer_callback=lambda _: None).dump(value)
    return file.getvalue()
