"""Spark: a standalone master with two workers and a Spark Connect server, from the pyspark wheel and Debian's Java 17."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import sys
import urllib.request
from pathlib import Path

from .install import EngineMissing
from .process import Engine

WORKERS = 2


class SparkCluster(Engine):
    """Ports: master, its page, Connect, then two for each worker."""

    name = "spark"
    ports_needed = 3 + 2 * WORKERS
    start_s = 400

    @property
    def remote(self) -> str:
        return f"sc://127.0.0.1:{self.ports[2]}"

    @property
    def environ(self) -> dict[str, str]:
        return {"SPARK_REMOTE": self.remote}

    def workers(self) -> int:
        """How many workers the master knows to be alive."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[1]}/json/", timeout=2) as answer:
            return int(json.load(answer)["aliveworkers"])

    def is_ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.ports[2]), timeout=1):
            return self.workers() == WORKERS

    def command(self) -> tuple[list[str], dict[str, str]]:
        spec = importlib.util.find_spec("pyspark")
        if spec is None or spec.origin is None:
            raise EngineMissing("there is no pyspark: pip install 'jupyter-cloudml[test]'")
        if shutil.which("java") is None:
            raise EngineMissing(
                "there is no Java: run tests/engines/java.sh as root, or install a JRE 17"
            )
        home = Path(spec.origin).parent
        script = Path(__file__).with_name("spark_cluster.py")
        return [sys.executable, str(script), str(home), *map(str, self.ports)], {
            "SPARK_HOME": str(home),
            "SPARK_SCALA_VERSION": "2.13",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
            "SPARK_WORKER_DIR": str(self.folder / "work"),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOG_DIR": str(self.folder),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_NO_DAEMONIZE": "1",
            "TZ": os.environ.get("TZ", "UTC"),
        }
