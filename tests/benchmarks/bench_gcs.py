"""Google Cloud Storage: 2,000 objects of 100 KB up and down, 20,000 names, one file of 256 MiB, against the vendor's
transfer_manager (threads and processes) and gcsfs.

The server is fake-gcs-server; it has no XML API, so our small uploads are one JSON request each, and not obstore's. Every
client in a fresh process, in turn; wall time and the client's CPU time (with child processes), imports not counted.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.gcs.store import GcsStore
from tests.engines.fake_gcs_server import FakeGcsServer

from . import peer_environment
from .harness import median, note, report, run, scratch, warm_memory

MANY = int(os.environ.get("CLOUDML_BENCH_OBJECTS", "2000"))
KEYS = 10 * MANY
ROUNDS = int(os.environ.get("CLOUDML_BENCH_ROUNDS", "5"))
LARGE = 256 << 20
CLIENTS = ("ours", "threads", "processes", "gcsfs")
TASKS = {
    "up": f"{MANY} of 100 KB up",
    "down": f"{MANY} of 100 KB down",
    "list": f"{KEYS} keys listed",
    "large-up": "256 MiB up",
    "large-down": "256 MiB down",
}
PEERS = (("google-cloud-storage==3.17.1", "gcsfs==2026.10.1"),)
CLIENT = Path(__file__).with_name("gcs_clients.py")


def main() -> None:
    python = peer_environment.python("peers-of-gcs", PEERS)
    with FakeGcsServer() as server, scratch() as folder:
        os.environ.update(server.environ)
        bucket = prepared(server, folder)
        for task, words in TASKS.items():
            figures = {client: [one(python, client, task, bucket, folder)] for client in CLIENTS}
            for _ in range(ROUNDS - 1):
                for client in CLIENTS:
                    figures[client].append(one(python, client, task, bucket, folder))
            for kind in ("wall", "cpu"):
                compare(f"gcs: {words}, {kind}", figures, kind)


def compare(bench: str, figures: dict[str, list[dict[str, float]]], kind: str) -> None:
    seconds = {client: median([each[kind] for each in got]) for client, got in figures.items()}
    peers = {client: value for client, value in seconds.items() if client != "ours"}
    best = min(peers, key=lambda client: peers[client])
    report(
        bench,
        seconds["ours"],
        peers[best],
        at_most=1.0,
        bound_on="ratio",
        runs=ROUNDS,
        fastest_peer=best,
        **peers,
    )


def prepared(server: FakeGcsServer, folder: Path) -> str:
    """The bucket, with the keys to list; and the files to send."""
    (folder / "up").mkdir()
    for number in range(MANY):
        (folder / "up" / f"{number:05}").write_bytes(os.urandom(100_000))
    with (folder / "large").open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    bucket = server.new_bucket("bench")
    store = GcsStore.from_options(f"gs://{bucket}", StoreOptions())
    note(f"{KEYS} keys")
    store.put_many({f"keys/{number % 100:02}/{number:06}": b"" for number in range(KEYS)})
    return bucket


def one(python: Path, client: str, task: str, bucket: str, folder: Path) -> dict[str, float]:
    """Wall and CPU seconds of one run, in a process that found nothing of the run before."""
    shutil.rmtree(folder / "down", ignore_errors=True)
    (folder / "down").mkdir()
    (folder / "back").unlink(missing_ok=True)
    warm_memory(1024)
    which = sys.executable if client == "ours" else str(python)
    env = {
        "CLOUDML_HOME": str(folder / "home"),
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "KEYS": str(KEYS),
        "PYTHONPATH": str(Path(__file__).parents[2]) if client == "ours" else "",
    }
    said = run([which, str(CLIENT), client, task, bucket, str(folder)], cwd=folder, env=env)
    figures: dict[str, float] = json.loads(said)
    note(f"{client} {task}: {figures['wall']:.2f} s wall, {figures['cpu']:.2f} s CPU")
    return figures


if __name__ == "__main__":
    main()
