"""Signed URLs, by Google's own client: with the private key we have, else by Google with the account we run as."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ...core.errors import BadInput, NotInstalled, Unauthorised, Unavailable
from .credentials import Tokens
from .refusals import LOGIN
from .upload import Place

_WEEK = timedelta(days=7)


def signed_url(
    tokens: Tokens,
    endpoint: str,
    place: Place,
    method: str,
    lifetime: timedelta,
    headers: Mapping[str, str],
) -> str:
    """Raises ``BadInput`` for a method, life or identity that cannot be signed for; a secret: do not log it."""
    if method not in ("GET", "PUT"):
        raise BadInput(f"a link for {method!r} is none", hint="GET or PUT")
    if not timedelta() < lifetime <= _WEEK:
        raise BadInput(f"a link cannot live {lifetime}", hint="at most seven days")
    if tokens.is_anonymous:
        raise Unauthorised(f"{place.uri}: nobody's link cannot be signed", hint=LOGIN)
    try:
        from google.auth import exceptions
        from google.cloud import storage
    except ImportError as exc:
        raise NotInstalled(
            "signed links need google-cloud-storage", hint="pip install google-cloud-storage"
        ) from exc
    credentials = tokens.credentials()
    by_google = {}
    if not hasattr(credentials, "sign_bytes"):
        token = tokens.bearer()
        email = getattr(credentials, "service_account_email", None)
        by_google = {"access_token": token, "service_account_email": email}
        if not email:
            raise BadInput(
                f"{place.uri}: a person's login cannot sign links",
                hint="set GOOGLE_APPLICATION_CREDENTIALS to a service account's key",
            )
    client = storage.Client(project="cloudml", credentials=credentials)
    try:
        url: str = (
            client.bucket(place.bucket)
            .blob(place.key)
            .generate_signed_url(
                version="v4",
                expiration=lifetime,
                method=method,
                headers=dict(headers),
                api_access_endpoint=endpoint,
                credentials=credentials,
                **by_google,
            )
        )
    except exceptions.GoogleAuthError as exc:
        raise Unavailable(f"{place.uri}: Google does not sign the link", hint=LOGIN) from exc
    finally:
        client.close()
    return url
