"""Links with a SAS of their own, made by Azure's own client: with the account's key, else with a key that Azure lends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ...core.errors import BadInput, NotInstalled, PermissionDenied
from .identity import LOGIN, AzureIdentity
from .upload import Place

_WEEK = timedelta(days=7)
_RIGHTS = {"GET": "r", "PUT": "cw"}


def signed_url(identity: AzureIdentity, place: Place, method: str, lifetime: timedelta) -> str:
    """Raises ``BadInput`` for a method, life or identity that cannot be signed for; a secret: do not log it."""
    if method not in _RIGHTS:
        raise BadInput(f"a link for {method!r} is none", hint="GET or PUT")
    if not timedelta() < lifetime <= _WEEK:
        raise BadInput(f"a link cannot live {lifetime}", hint="at most seven days")
    try:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas
    except ImportError as exc:
        raise NotInstalled(
            "links to az:// need an extra", hint="pip install 'jupyter-cloudml[azure]'"
        ) from exc
    until = datetime.now(timezone.utc) + lifetime
    sas = generate_blob_sas(
        identity.account.name,
        place.container,
        place.key,
        permission=BlobSasPermissions.from_string(_RIGHTS[method]),
        expiry=until,
        encryption_scope=place.scope if method == "PUT" else None,
        **_signer(identity, until, place.uri),
    )
    from .wire import blob_path

    return f"{identity.account.endpoint}{blob_path(place.container, place.key)}?{sas}"


def _signer(identity: AzureIdentity, until: datetime, uri: str) -> dict[str, Any]:
    account = identity.account
    if account.key is not None:
        return {"account_key": account.key}
    if account.sas is not None:
        raise BadInput(f"{uri}: a SAS cannot sign links", hint="use the account's key or az login")
    if not account.has_token:
        raise BadInput(f"{uri}: nobody's link cannot be signed", hint=LOGIN)
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient

    client = BlobServiceClient(account.endpoint, credential=identity.chain())
    try:
        with client:
            key = client.get_user_delegation_key(datetime.now(timezone.utc), until)
    except AzureError as exc:
        raise PermissionDenied(
            f"{uri}: Azure lends no key to sign the link with",
            hint="ask for the role Storage Blob Delegator",
        ) from exc
    return {"user_delegation_key": key}
