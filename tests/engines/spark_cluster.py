"""Runs the processes of a Spark cluster until one of them ends: ``spark_cluster.py HOME MASTER PAGE CONNECT WORKER PAGE …``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request

CONNECT_MEMORY = "700m"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""Java that starts soon; nothing here runs for long."""
_OPENED = """java.base/java.lang java.base/java.lang.invoke java.base/java.lang.reflect java.base/java.io java.base/java.net
    java.base/java.nio java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic
    java.base/jdk.internal.ref java.base/sun.nio.ch java.base/sun.nio.cs java.base/sun.security.action
    java.base/sun.util.calendar""".split()  # noqa: SIM905
JAVA = ["java", *QUICK.split(), "-XX:+IgnoreUnrecognizedVMOptions"]
JAVA += [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED]
"""As ``spark-class`` calls it, without the second Java that it asks how."""


def main() -> int:
    home, *ports = sys.argv[1:]
    master, page, connect, *workers = ports
    url = f"spark://127.0.0.1:{master}"
    java = [*JAVA, "-cp", f"{home}/jars/*"]
    here = ["--host", "127.0.0.1"]
    package = "org.apache.spark.deploy"
    running = [
        subprocess.Popen(
            [
                *java,
                "-Xmx256m",
                f"{package}.master.Master",
                *here,
                "--port",
                master,
                "--webui-port",
                page,
            ]
        )
    ]
    wait_for(f"http://127.0.0.1:{page}/json/", running)
    for port, its_page in zip(workers[::2], workers[1::2], strict=True):
        argv = [*java, "-Xmx256m", f"{package}.worker.Worker", *here]
        argv += ["--port", port, "--webui-port", its_page]
        running.append(subprocess.Popen([*argv, "-c", "1", "-m", "1G", url]))
    said = {
        "spark.executor.memory": "512m",
        "spark.executor.extraJavaOptions": QUICK,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": connect,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    argv = [f"{home}/bin/spark-submit", "--class"]
    argv += ["org.apache.spark.sql.connect.service.SparkConnectServer", "--name", "connect"]
    argv += ["--master", url, "--driver-java-options", QUICK]
    argv += [word for key, value in said.items() for word in ("--conf", f"{key}={value}")]
    environ = {**os.environ, "SPARK_DAEMON_MEMORY": CONNECT_MEMORY}
    running.append(subprocess.Popen(argv, env=environ))
    while all(process.poll() is None for process in running):
        time.sleep(0.2)
    for process in running:  # one is gone: the others are of no use
        process.kill()
    return 1


def wait_for(url: str, running: list[subprocess.Popen[bytes]]) -> None:
    while running[0].poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
