"""bqemulator: BigQuery's REST and Storage API over DuckDB. It needs the DuckDB that its spatial extension was built for."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from pathlib import Path

from .install import packages
from .process import Engine

REQUIREMENTS = ("bqemulator", "duckdb==1.5.5", "duckdb-extension-spatial==1.5.5", "numpy")
EXTENSIONS = Path(".duckdb/extensions/v1.5.5/linux_amd64")


class BigQueryEmulator(Engine):
    name = "bigquery"
    ports_needed = 2
    project = "cloudml"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def environ(self) -> dict[str, str]:
        return {"BIGQUERY_EMULATOR_HOST": self.endpoint, "GOOGLE_CLOUD_PROJECT": self.project}

    def is_ready(self) -> bool:
        url = f"{self.endpoint}/bigquery/v2/projects/{self.project}/datasets"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)

    def command(self) -> tuple[list[str], dict[str, str]]:
        installed = packages("bqemulator-duckdb-1.5.5", *REQUIREMENTS)
        home = self.folder / "home"
        extensions = home / EXTENSIONS
        extensions.mkdir(parents=True, exist_ok=True)
        spatial = next(installed.rglob("spatial.duckdb_extension"))
        shutil.copy(spatial, extensions)
        argv = [sys.executable, str(installed / "bin" / "bqemulator"), "start"]
        argv += ["--rest-port", str(self.ports[0]), "--grpc-port", str(self.ports[1])]
        argv += ["--ephemeral", "--project", self.project]
        path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        )
        return argv, {"HOME": str(home), "PYTHONPATH": path}
