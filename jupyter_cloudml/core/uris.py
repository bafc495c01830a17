"""Where data and checkpoints lie, as people write it: a path, or a URI with a scheme."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from .errors import BadInput

_PLAIN = ("s3", "gs", "az")
"""Their buckets have no colon; a key before an @ may hold a slash, and then the @ comes later."""
_SIGNED = re.compile(
    r"[?&](?:sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid)=",
    re.I,
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def scheme_of(text: str) -> str:
    """``s3`` of ``s3://bucket/key``; ``file`` of a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else "file"


def split_uri(text: str) -> tuple[str, str]:
    """The root and the key of an object's URI: ``s3://bucket`` and ``p/x.parquet`` of ``s3://bucket/p/x.parquet``.

    A path or ``file:`` URI has the root ``file://`` and its absolute path, without the leading slash, as the key; a
    trailing slash stays. Keys of object stores are taken literally: ``%``, ``?`` and ``#`` mean themselves (in a ``file:`` URI ``%41`` is ``A``).

    Raises:
        BadInput: a URI without ``//`` or without a bucket, with credentials in it, or a file of another host.
    """
    refuse_credentials(text)
    if scheme_of(text) == "file":
        slash = "/" if text.endswith("/") else ""
        return "file://", (local_path(text).as_posix().strip("/") + slash).lstrip("/")
    scheme, _, rest = text.partition(":")
    bucket, _, key = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not bucket:
        raise BadInput(f"{text!r} names no bucket", hint=f"write {scheme}://bucket/key")
    return f"{scheme.lower()}://{bucket}", key


def refuse_credentials(text: str) -> None:
    """Refuse a URI that holds a password or a signature: URIs are written to journals, records and messages.

    Raises:
        BadInput: it does; the message does not repeat it.
    """
    if scheme_of(text) == "file":
        return
    scheme, _, rest = text.partition(":")
    bucket = rest.removeprefix("//").partition("/")[0]
    user, at, _ = bucket.rpartition("@")
    is_key = scheme.lower() in _PLAIN and ":" in bucket and not bucket.startswith("arn:")
    if is_key or (at and ":" in user):
        what = "a password"
    elif _SIGNED.search(text):
        what = "a signature"
    else:
        return
    raise BadInput(
        f"the {scheme.lower()}:// URI holds {what}, and URIs are written down",
        hint="write scheme://bucket/key; credentials come from the environment or a profile in cloudml.toml",
    )


def join_uri(root: str, key: str) -> str:
    """What ``split_uri`` takes apart."""
    return f"{root}/{quote(key) if root == 'file://' else key}"


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
    host, path = "", text.partition(":")[2]
    if path.startswith("//"):
        host, slash, below = path[2:].partition("/")
        path = slash + below
    if host not in ("", "localhost"):
        raise BadInput(f"{text!r} names the host {host!r}", hint="write file:///the/path")
    return Path(unquote(path))
