"""Azurite: Microsoft's emulator of Azure Blob Storage; checks signatures, SAS tokens, conditions and checksums."""

from __future__ import annotations

import base64
import secrets
import urllib.error
import urllib.request
from typing import Any

from .install import node_and_npm, npm
from .process import Engine

PACKAGE = "azurite@3.35.0"
MAIN = "node_modules/azurite/dist/src/blob/main.js"


class Azurite(Engine):
    name = "azurite"
    account = "cloudml"

    def __init__(self) -> None:
        super().__init__()
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/{self.account}"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.endpoint};"
        )

    @property
    def environ(self) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    def client(self) -> Any:
        """The vendor's client, retrying nothing."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(self.connection_string, retry_total=0)

    def new_bucket(self, prefix: str = "test") -> str:
        """A new container."""
        name = f"{prefix}-{secrets.token_hex(5)}"
        with self.client() as client:
            client.create_container(name)
        return name

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}?comp=list", timeout=2):
                return True
        except urllib.error.HTTPError as exc:
            exc.close()
            return exc.code in (400, 403)

    def command(self) -> tuple[list[str], dict[str, str]]:
        node, _ = node_and_npm()
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        argv = [node, str(npm(PACKAGE) / MAIN), "--blobHost", "127.0.0.1"]
        argv += ["--blobPort", str(self.ports[0]), "-l", str(data)]
        argv += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        return argv, {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}
