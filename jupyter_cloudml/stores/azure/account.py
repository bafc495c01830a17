"""Which storage account an ``az://`` URI means, and who we are to it. Nothing is asked of anybody here."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...core.errors import BadInput
from ..config import StoreOptions

SUFFIX = "core.windows.net"
_CLOUDS = (".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net", ".azure.net")
_HINT = (
    "set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT, or endpoint = "
    '"https://ACCOUNT.blob.core.windows.net" in [stores.NAME]'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """``endpoint`` without a trailing slash. With neither ``key`` nor ``sas``, Azure's own chain says who we are."""

    name: str
    endpoint: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    nobody: bool = False

    @property
    def has_token(self) -> bool:
        """Whether the default chain says who we are; an endpoint that is not Microsoft's gets no token of it."""
        return self.key is None and self.sas is None and self.is_azures and not self.nobody

    @property
    def is_azures(self) -> bool:
        """Whether the endpoint is Microsoft's."""
        return (urlsplit(self.endpoint).hostname or "").endswith(_CLOUDS)


def account_of(options: StoreOptions, environ: Mapping[str, str]) -> Account:
    """By the profile, else by the environment, as the Azure CLI names things; ``endpoint`` wins over both.

    Raises:
        BadInput: no account is named, or the profile or connection string makes no sense.
    """
    said = _of_profile(options.profile, environ) if options.profile else _of_environment(environ)
    if "connection_string" in said:
        said = {**said, **_of_connection_string(said["connection_string"])}
    endpoint = (options.endpoint or said.get("endpoint", "")).rstrip("/")
    name = _name_in(endpoint) if options.endpoint else said.get("account") or _name_in(endpoint)
    if not name:
        raise BadInput("az:// needs to know the storage account", hint=_HINT)
    if options.anonymous:
        return Account(name=name, endpoint=endpoint or f"https://{name}.blob.{SUFFIX}", nobody=True)
    is_same = said.get("account") in (None, name)
    return Account(
        name=name,
        endpoint=endpoint or f"https://{name}.blob.{SUFFIX}",
        key=said.get("key") if is_same else None,
        sas=said.get("sas_token", "").lstrip("?") or None if is_same else None,
    )


def _of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {
        "connection_string": ("AZURE_STORAGE_CONNECTION_STRING",),
        "account": ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"),
        "key": ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"),
        "sas_token": ("AZURE_STORAGE_SAS_TOKEN",),
        "endpoint": ("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_BLOB_ENDPOINT"),
    }
    found = {word: next(filter(None, map(environ.get, each)), "") for word, each in names.items()}
    return {word: value for word, value in found.items() if value}


def _of_profile(profile: str, environ: Mapping[str, str]) -> dict[str, str]:
    """A section of ``~/.azure/config`` with the words of the Azure CLI's own ``[storage]``: connection_string,
    account, key, sas_token."""
    folder = Path(environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "config")
    if not parser.has_section(profile):
        known = ", ".join(parser.sections())
        raise BadInput(
            f"profile {profile!r} is no section of {folder / 'config'}",
            hint=f"there are: {known}" if known else "write it: [NAME] account = … key = …",
        )
    return dict(parser.items(profile))


def _of_connection_string(text: str) -> dict[str, str]:
    words = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    words = {name.lower(): value for name, value in words.items()}
    account = words.get("accountname", "")
    suffix = words.get("endpointsuffix", SUFFIX)
    protocol = words.get("defaultendpointsprotocol", "https")
    endpoint = words.get("blobendpoint") or f"{protocol}://{account}.blob.{suffix}"
    if not account and "blobendpoint" not in words:
        raise BadInput("the connection string of Azure Storage names no account", hint=_HINT)
    found = {
        "account": account or _name_in(endpoint),
        "endpoint": endpoint,
        "key": words.get("accountkey", ""),
        "sas_token": words.get("sharedaccesssignature", ""),
    }
    return {word: value for word, value in found.items() if value}


def _name_in(endpoint: str) -> str:
    """``ACCOUNT`` of ``https://ACCOUNT.blob.…`` and of ``http://127.0.0.1:10000/ACCOUNT``."""
    parts = urlsplit(endpoint)
    path = parts.path.strip("/")
    return path.split("/")[0] if path else (parts.hostname or "").split(".")[0]


def environment() -> Mapping[str, str]:
    return os.environ
