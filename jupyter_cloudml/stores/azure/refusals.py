"""What an error answer of Azure Blob Storage means to a user."""

from __future__ import annotations

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
from .identity import LOGIN

_UNKNOWN_TO_US = {
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
}
_WORDS = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<\n]*)")


def refusal(status: int, headers: Mapping[str, str], body: bytes, uri: str) -> CloudMLError:
    """The error for an answer with ``status`` about ``uri``."""
    found = _WORDS.search(body[:4096].decode(errors="replace"))
    code = headers.get("x-ms-error-code") or (found[1] if found else "")
    said = found[2].strip().rstrip(".") if found else code or f"HTTP {status}"
    if status == 401 or code in _UNKNOWN_TO_US or "failed to authenticate" in said:
        return Unauthorised(f"{uri}: the Azure credentials are wrong or expired", hint=LOGIN)
    if status == 403:
        hint = "ask for the role Storage Blob Data Contributor on the container"
        return PermissionDenied(f"{uri}: {said}", hint=hint)
    if code in ("ContainerNotFound", "ContainerBeingDeleted", "ResourceNotFound"):
        container = "/".join(uri.split("/")[:3])
        return NotFound(f"there is no container {container}", hint="see: az storage container list")
    if status == 404:
        return NotFound(f"there is no object {uri}")
    if code in ("Md5Mismatch", "Crc64Mismatch"):
        return damaged(uri)
    if status in (409, 412) or code in ("InvalidBlockList", "InvalidBlobOrBlock"):
        return Conflict(f"{uri} is not what the condition says: somebody else wrote it ({code})")
    if status in RETRIED:
        return Unavailable(f"{uri}: {said}", hint="try again")
    return BadInput(f"{uri}: {said}")
