"""Our own fake of Google Cloud Storage (``jupyter_cloudml.testing.gcs``) as an engine."""

from __future__ import annotations

import sys
from typing import Any

from jupyter_cloudml.testing.gcs import GcsControl

from .process import Engine


class OwnGcs(Engine):
    """``authenticated`` ones refuse who has no token; ``environ`` lets the default chain get one."""

    name = "gcs"

    def __init__(self, *, authenticated: bool = False) -> None:
        super().__init__()
        self._authenticated = authenticated

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def control(self) -> GcsControl:
        """Orders faults and reads the remembered requests."""
        return GcsControl(self.folder / "data", self.endpoint)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "STORAGE_EMULATOR_HOST": self.endpoint,
            "GOOGLE_CLOUD_PROJECT": "cloudml",
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.control.account_file),
        }

    def new_bucket(self, prefix: str = "test") -> str:
        return self.control.new_bucket(prefix)

    def requests(self) -> list[dict[str, Any]]:
        return self.control.requests()

    def command(self) -> tuple[list[str], dict[str, str]]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        argv = [sys.executable, "-m", "jupyter_cloudml.testing.gcs", str(data), str(self.ports[0])]
        return [*argv, *(["--authenticated"] if self._authenticated else [])], {}
