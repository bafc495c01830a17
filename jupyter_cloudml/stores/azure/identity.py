"""Who asks Azure: an account's key signs every request, a SAS goes into its address, or the default chain has a token.

The signature: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from ...core.errors import BadInput, NotInstalled, Unauthorised
from ..http import Ask
from .account import Account

VERSION = "2023-11-03"
LOGIN = "run: az login, or set AZURE_STORAGE_CONNECTION_STRING"
_SCOPE = "https://storage.azure.com/.default"
_SIGNED = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)


class AzureIdentity:
    """See ``http.Identity``. Talks to nobody before the first request."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._lock = threading.Lock()
        self._chain: Any = None

    def can_renew(self) -> bool:
        return False  # azure-identity renews by itself

    def signed(self, ask: Ask, address: str, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002
        now = format_datetime(datetime.now(timezone.utc), usegmt=True)
        more = {"x-ms-date": now, "x-ms-version": VERSION}
        if self.account.key is not None:
            signature = signature_of(ask, address, self.account, {**ask.headers, **more})
            return {**more, "Authorization": f"SharedKey {self.account.name}:{signature}"}
        if not self.account.has_token:
            return more
        return {**more, "Authorization": f"Bearer {self.token().token}"}

    def query(self) -> Mapping[str, str]:
        """The SAS, unquoted; empty where a key signs."""
        if self.account.key is not None or self.account.sas is None:
            return {}
        pairs = (part.partition("=") for part in self.account.sas.split("&") if part)
        return {name: unquote(value) for name, _, value in pairs}

    def token(self) -> Any:
        """A token of the default chain, with ``token`` and ``expires_on``.

        Raises:
            NotInstalled: the extra is missing.
            Unauthorised: nobody in the chain knows us.
        """
        from azure.core.exceptions import ClientAuthenticationError

        try:
            return self.chain().get_token(_SCOPE)
        except ClientAuthenticationError as exc:
            raise Unauthorised("there are no Azure credentials here", hint=LOGIN) from exc

    def chain(self) -> Any:
        """azure-identity's default chain."""
        with self._lock:
            if self._chain is None:
                try:
                    from azure.identity import DefaultAzureCredential
                except ImportError as exc:
                    raise NotInstalled(
                        "az:// without a key or SAS needs an extra",
                        hint="pip install 'jupyter-cloudml[azure]'",
                    ) from exc
                self._chain = DefaultAzureCredential()
            return self._chain


def signature_of(ask: Ask, address: str, account: Account, headers: Mapping[str, str]) -> str:
    """The signature of a request with exactly these headers.

    Raises:
        BadInput: the key is not base64.
    """
    said = {name.lower(): value for name, value in headers.items()}
    said["content-length"] = str(len(ask.body)) if ask.body else ""
    lines = [ask.method, *(said.get(name.lower(), "") for name in _SIGNED)]
    lines += [f"{name}:{said[name].strip()}" for name in sorted(said) if name.startswith("x-ms-")]
    lines.append(f"/{account.name}{urlsplit(address).path}")
    query = {name.lower(): value for name, value in ask.query.items()}
    lines += [f"{name}:{query[name]}" for name in sorted(query)]
    try:
        key = base64.b64decode(account.key or "", validate=True)
    except binascii.Error as exc:
        raise BadInput("the key of the Azure storage account is not base64") from exc
    digest = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
