"""The tests' end of the fake: orders to a running one, and what it remembers. Standard library only."""

from __future__ import annotations

import json
import secrets
import urllib.request
from pathlib import Path
from typing import Any


class GcsControl:
    """``folder`` and ``endpoint`` are those that the server was started with."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self.endpoint = endpoint

    @property
    def account_file(self) -> Path:
        """The key of the one service account, for ``GOOGLE_APPLICATION_CREDENTIALS``."""
        return self._folder / "service-account.json"

    def new_bucket(self, prefix: str = "test") -> str:
        """Made on disk through the API; with an authenticated server, by its service account."""
        name = f"{prefix}-{secrets.token_hex(5)}"
        self._post("/storage/v1/b?project=cloudml", {"name": name}, self._token())
        return name

    def requests(self) -> list[dict[str, Any]]:
        """Every request since the start, in the order of the answers: method, target, headers, status, bytes sent."""
        try:
            lines = (self._folder / "requests.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def fault(self, **fault: Any) -> None:
        """Order a ``faults.Fault``."""
        self._post("/_control/fault", fault)

    def clear(self) -> None:
        """Forget the faults that nobody met."""
        self._post("/_control/clear", {})

    def expire_tokens(self) -> None:
        """Every token that was given out is refused with 401 from now on."""
        self._post("/_control/expire", {})

    def deny(self, bucket: str) -> None:
        """Every use of the bucket is refused with 403 from now on."""
        self._post("/_control/deny", {"bucket": bucket})

    def _token(self) -> str:
        from google.auth.transport.requests import Request
        from google.oauth2 import service_account

        credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(self.account_file),
            scopes=["https://www.googleapis.com/auth/devstorage.full_control"],
        )
        credentials.refresh(Request())
        return str(credentials.token)

    def _post(self, path: str, said: dict[str, Any], token: str = "") -> None:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - our own endpoint
            self.endpoint + path, data=json.dumps(said).encode(), headers=headers
        )
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310
            pass
