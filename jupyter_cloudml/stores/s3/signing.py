"""Signature Version 4 of requests without a body, as Amazon documents it ("Authenticating Requests: Using the Authorization
Header"). botocore's own takes five times as long, which counts where an object takes less than that."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

_ALGORITHM = "AWS4-HMAC-SHA256"
_NOTHING = hashlib.sha256(b"").hexdigest()


def signed(
    method: str, path: str, headers: Mapping[str, str], *, keys: Any, region: str, when: datetime
) -> dict[str, str]:
    """``headers``, with all that says who asks.

    Args:
        path: percent-encoded, without a query.
        headers: in lower case, ``host`` among them. All are signed.
        keys: botocore's frozen credentials.
        when: now, in UTC.
    """
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    said = {**headers, "x-amz-content-sha256": _NOTHING, "x-amz-date": stamp}
    if keys.token:
        said["x-amz-security-token"] = keys.token
    names = sorted(said)
    lines = "".join(f"{name}:{said[name]}\n" for name in names)
    request = f"{method}\n{path}\n\n{lines}\n{';'.join(names)}\n{_NOTHING}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    told = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _digest(_key(keys.secret_key, stamp[:8], region), told).hex()
    said["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return said


@lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = _digest(key, word)
    return key


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
