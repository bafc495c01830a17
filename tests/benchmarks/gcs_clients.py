"""One client of Google Cloud Storage doing one thing, in a process of its own: ``gcs_clients.py CLIENT TASK BUCKET FOLDER``.

Prints seconds of wall and of CPU (with child processes) as JSON. Imports are not counted, connections are. Runs in the
peers' environment, too, so it imports nothing of this project but for our own client.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

PREFIX = {"list": "keys/", "large-down": "large", "large-up": "large"}


def ours(task: str, bucket: str, folder: Path) -> Callable[[], object]:
    import google_crc32c  # noqa: F401 - what the store imports at its first use
    import obstore.store  # noqa: F401
    import requests  # noqa: F401

    from jupyter_cloudml.stores.open import open_store

    store, _ = open_store(f"gs://{bucket}/x")
    names = sorted(path.name for path in (folder / "up").iterdir())
    return {
        "up": lambda: store.put_many({f"many/{name}": folder / "up" / name for name in names}),
        "down": lambda: store.get_many(
            [f"many/{name}" for name in names], folder / "down", strip="many/"
        ),
        "list": lambda: sum(1 for _ in store.walk("keys/")),
        "large-up": lambda: store.put("large", folder / "large"),
        "large-down": lambda: store.get("large", folder / "back"),
    }[task]


def transfer_manager(workers: str, task: str, name: str, folder: Path) -> Callable[[], object]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage
    from google.cloud.storage import transfer_manager as tm

    client = storage.Client(project="cloudml", credentials=AnonymousCredentials())
    bucket = client.bucket(name)
    names = sorted(path.name for path in (folder / "up").iterdir())
    many = {"worker_type": workers, "max_workers": 8, "raise_exception": True}
    return {
        "up": lambda: tm.upload_many_from_filenames(
            bucket, names, str(folder / "up"), blob_name_prefix="many/", **many
        ),
        "down": lambda: tm.download_many_to_path(
            bucket, names, str(folder / "down"), blob_name_prefix="many/", **many
        ),
        "list": lambda: sum(1 for _ in client.list_blobs(name, prefix="keys/")),
        "large-up": lambda: bucket.blob("large").upload_from_filename(str(folder / "large")),
        "large-down": lambda: tm.download_chunks_concurrently(
            bucket.blob("large"), str(folder / "back"), worker_type=workers, max_workers=8
        ),
    }[task]


def gcsfs(task: str, bucket: str, folder: Path) -> Callable[[], object]:
    import gcsfs as package

    fs = package.GCSFileSystem(
        project="cloudml", token="anon", endpoint_url=os.environ["STORAGE_EMULATOR_HOST"]
    )
    names = sorted(path.name for path in (folder / "up").iterdir())
    here = [str(folder / "up" / name) for name in names]
    there = [f"{bucket}/many/{name}" for name in names]
    return {
        "up": lambda: fs.put(here, there),
        "down": lambda: fs.get(there, [str(folder / "down" / name) for name in names]),
        "list": lambda: len(fs.find(f"{bucket}/keys")),
        "large-up": lambda: fs.put_file(str(folder / "large"), f"{bucket}/large"),
        "large-down": lambda: fs.get_file(f"{bucket}/large", str(folder / "back")),
    }[task]


def cpu_s() -> float:
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in every)


def main(client: str, task: str, bucket: str, folder: str) -> None:
    where = Path(folder)
    call = {
        "ours": lambda: ours(task, bucket, where),
        "threads": lambda: transfer_manager("thread", task, bucket, where),
        "processes": lambda: transfer_manager("process", task, bucket, where),
        "gcsfs": lambda: gcsfs(task, bucket, where),
    }[client]()
    begun, used = time.perf_counter(), cpu_s()
    found = call()
    print(json.dumps({"wall": time.perf_counter() - begun, "cpu": cpu_s() - used}), flush=True)
    if task == "list":
        assert found == int(os.environ["KEYS"]), found
    if task == "down":
        assert sum(1 for _ in (where / "down").iterdir()) == sum(
            1 for _ in (where / "up").iterdir()
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # gcsfs leaves threads behind
