"""What an error answer of Google Cloud Storage means to a user."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ...core.errors import (
    BadInput,
    CloudMLError,
    Conflict,
    NotFound,
    PermissionDenied,
    Unauthorised,
    Unavailable,
)
from ..errors import damaged
from ..http import RETRIED

_XML = re.compile(r"<Code>([^<]*)</Code>(?:<Message>([^<]*)</Message>)?")
LOGIN = "run: gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"


def refusal(status: int, headers: Mapping[str, str], body: bytes, uri: str) -> CloudMLError:  # noqa: ARG001 - the client's
    """The error for an answer with ``status`` about ``uri``."""
    code, said = _words(body)
    what = f"{uri}: {said}" if said else f"{uri}: HTTP {status}"
    if status == 401:
        return Unauthorised(f"{uri}: the Google credentials are missing or expired", hint=LOGIN)
    if status == 403:
        return PermissionDenied(what, hint="ask for the role Storage Object User on the bucket")
    if status == 404 and "bucket" in f"{code} {said}".lower():
        bucket = "/".join(uri.split("/")[:3])
        return NotFound(f"there is no bucket {bucket}", hint="see: gcloud storage ls")
    if status in (404, 410):
        return NotFound(f"there is no object {uri}")
    if status in (409, 412):
        return Conflict(f"{uri} is not what the condition says: somebody else wrote it")
    if code == "BadDigest" or "doesn't match" in said:
        return damaged(uri)
    if status in RETRIED:
        return Unavailable(what, hint="try again")
    return BadInput(what)


def _words(body: bytes) -> tuple[str, str]:
    """The code and message of either API's error."""
    text = body[:4096].decode(errors="replace")
    if found := _XML.search(text):
        return found[1], (found[2] or "").rstrip(".")
    try:
        error = json.loads(text)["error"]
        reasons = " ".join(str(each.get("reason", "")) for each in error.get("errors", ()))
        return reasons, str(error["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", text.strip()[:200]
