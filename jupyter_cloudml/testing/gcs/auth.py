"""Who may ask: bearer tokens that this server gave out, V4 signatures of its one service account, or nobody at all."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from .exchange import Answer, Request
from .refusal import Refused

ALGORITHM = "GOOG4-RSA-SHA256"
_KEY_BITS = 2048


class Auth:
    """``account_file`` is the service account's key in Google's format, made anew in ``folder`` where there is none.

    Requests without credentials pass unless ``required``, as emulators do; wrong ones never pass.
    """

    def __init__(
        self, folder: Path, endpoint: str, *, required: bool, now: Callable[[], datetime]
    ) -> None:
        self._required = required
        self._now = now
        self._lock = threading.Lock()
        self._tokens: set[str] = set()
        self._denied: set[str] = set()
        self.account_file = folder / "service-account.json"
        if not self.account_file.exists():
            self.account_file.write_text(json.dumps(_account(endpoint)))
        self._account: dict[str, str] = json.loads(self.account_file.read_text())
        self._public = _public(self._account["private_key"])

    def give(self, request: Request) -> Answer:
        """A token for a signed assertion (RFC 7523), as Google's token endpoint gives it."""
        from google.auth import exceptions, jwt

        assertion = parse_qs(request.all().decode()).get("assertion", [""])[0]
        try:
            jwt.decode(assertion, certs=self._public, clock_skew_in_seconds=10)  # type: ignore[no-untyped-call]
        except (ValueError, exceptions.GoogleAuthError) as exc:
            raise Refused(400, f"Invalid JWT Signature: {exc}", reason="invalid_grant") from exc
        token = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self._tokens.add(token)
        said = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(said).encode()
        return Answer(headers={"Content-Type": "application/json"}, body=body)

    def expire(self) -> None:
        """No token that was given out is good any more."""
        with self._lock:
            self._tokens.clear()

    def deny(self, bucket: str) -> None:
        """Nobody may use this bucket."""
        with self._lock:
            self._denied.add(bucket)

    def check(self, request: Request) -> None:
        said = request.headers.get("authorization", "").removeprefix("Bearer").strip()
        if "X-Goog-Signature" in request.query:
            self._check_signature(request)
        elif said and said not in self._tokens and not self._is_signed(said):
            raise Refused(401, "Invalid Credentials", reason="authError")
        elif not said and self._required:
            raise Refused(401, "Anonymous caller does not have access.", reason="required")
        if any(word in self._denied for word in request.segments()):
            who = self._account["client_email"] if said else "Anonymous caller"
            raise Refused(403, f"{who} does not have access to the bucket.", reason="forbidden")

    def _is_signed(self, token: str) -> bool:
        """A JWT that the account signed by itself; Google takes those, too."""
        from google.auth import exceptions, jwt

        try:
            jwt.decode(token, certs=self._public, clock_skew_in_seconds=10)  # type: ignore[no-untyped-call]
        except (ValueError, exceptions.GoogleAuthError):
            return False
        return True

    def _check_signature(self, request: Request) -> None:
        """https://cloud.google.com/storage/docs/authentication/canonical-requests"""
        from google.auth import crypt

        asked = request.query
        begun = datetime.strptime(asked["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(
            tzinfo=timezone.utc
        )
        if self._now() > begun + timedelta(seconds=int(asked["X-Goog-Expires"])):
            raise Refused(400, "The provided token has expired.", code="ExpiredToken")
        scope = asked["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(_canonical(request).encode()).hexdigest()
        signed = "\n".join([ALGORITHM, asked["X-Goog-Date"], scope, digest])
        signature = bytes.fromhex(asked["X-Goog-Signature"])
        if not crypt.verify_signature(signed, signature, self._public):  # type: ignore[no-untyped-call]
            raise Refused(
                403, "The request signature does not match.", code="SignatureDoesNotMatch"
            )


def _canonical(request: Request) -> str:
    asked = {k: v for k, v in request.query.items() if k != "X-Goog-Signature"}
    query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(asked.items()))
    names = asked["X-Goog-SignedHeaders"].split(";")
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    payload = request.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    return "\n".join(
        [request.method, request.path, query, headers, asked["X-Goog-SignedHeaders"], payload]
    )


def _account(endpoint: str) -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "cloudml",
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode(),
        "client_email": "tests@cloudml.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{endpoint}/token",
    }


def _public(private: str) -> Any:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
