"""Training data from an S3 server into a DataLoader with two workers: against WebDataset, litdata and s3torchconnector.

8,000 samples of 55 KB (a uint8 image and its label), each reader in a fresh process, in turn, one epoch from making the
loader to the last batch. Each peer both ways: a sample handed over at a time, and whole batches packed in the worker.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from jupyter_cloudml import streaming
from tests.engines.seaweedfs import SeaweedFS

from . import peer_environment
from .harness import QUIET, median, note, report, scratch

SAMPLES = 8000
SHARDS = 10
SHAPE = (3, 136, 136)
ROUNDS = int(os.environ.get("CLOUDML_BENCH_ROUNDS", "5"))
OURS = ("ours: parquet", "ours: tar")
PEERS = ("webdataset", "litdata", "s3torchconnector")
READERS = Path(__file__).with_name("stream_readers.py")


def main() -> None:
    python = peer_environment.python("peers-of-streaming", peer_environment.STREAMING)
    with SeaweedFS() as server, scratch() as folder:
        os.environ.update(server.environ)
        order = uploaded(server, python, folder)
        rates = measured(order, python, folder)
    mine = median(rates["ours: parquet"])
    for peer in PEERS:
        compare(f"stream: against {peer}, a sample at a time", rates, f"{peer}, sample", 2.0)
        compare(f"stream: against {peer}, whole batches", rates, f"{peer}, batch", 1.0)
    for name in ("ours: tar", "ceiling, sample", "ceiling, batch"):
        report(f"stream: {name}", median(rates[name]), mine, unit="samples/s")


def compare(bench: str, rates: dict[str, list[float]], peer: str, at_least: float) -> None:
    report(
        bench,
        median(rates["ours: parquet"]),
        median(rates[peer]),
        unit="samples/s",
        at_least=at_least,
        bound_on="ratio",
        runs=ROUNDS,
        all_ours=[round(rate) for rate in rates["ours: parquet"]],
        all_peer=[round(rate) for rate in rates[peer]],
    )


def measured(order: dict[str, Any], python: Path, folder: Path) -> dict[str, list[float]]:
    """Samples a second of every reader, in turn."""
    names = [*OURS, *(f"{peer}, {way}" for peer in PEERS for way in ("sample", "batch"))]
    names += ["ceiling, sample", "ceiling, batch"]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(ROUNDS):
        for name in names:
            which = Path(sys.executable) if name.startswith("ours") else python
            cache = folder / f"cache-{turn}-{name[-3:]}"
            rates[name].append(one_epoch(which, name, order, cache))
            note(f"{name}: {rates[name][-1]:,.0f} samples/s")
    return rates


def one_epoch(python: Path, name: str, order: dict[str, Any], cache: Path) -> float:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, **QUIET, "CLOUDML_CACHE": str(cache), "PYTHONWARNINGS": "ignore"}
    if name.startswith("ours"):
        env["PYTHONPATH"] = root
    done = subprocess.run(
        [str(python), str(READERS), name],
        input=json.dumps(order),
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-3000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    right = (SAMPLES, SAMPLES * (SAMPLES - 1) // 2)
    if (told["samples"], told["labels"]) != right:
        raise RuntimeError(f"{name} gave {told}, not {right}")
    return SAMPLES / told["seconds"]


def images() -> Iterator[tuple[int, np.ndarray]]:
    random = np.random.default_rng(0)
    for label in range(SAMPLES):
        yield label, random.integers(0, 256, SHAPE, dtype=np.uint8)


def uploaded(server: SeaweedFS, python: Path, folder: Path) -> dict[str, Any]:
    """The same samples in each reader's own layout, in one bucket; the order that readers get."""
    note(f"uploading {SAMPLES} samples in four layouts")
    bucket, client = server.new_bucket("stream"), server.client(verify=False)
    streaming.write(
        (folder / "parquet").as_uri(),
        ({"image": image, "label": label} for label, image in images()),
        shard_bytes=SAMPLES // SHARDS * int(np.prod(SHAPE)),
    )
    for path in sorted((folder / "parquet").iterdir()):
        put(client, bucket, "parquet", path)
    (folder / "all").mkdir()
    for label, image in images():
        np.save(folder / "all" / f"{label:06d}.npy", image)
    urls = [tar_shard(client, bucket, folder, shard) for shard in range(SHARDS)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda path: put(client, bucket, "objects", path),
                sorted((folder / "all").iterdir()),
            )
        )
    litdata_chunks(python, folder)
    for path in sorted((folder / "litdata").iterdir()):
        put(client, bucket, "litdata", path)
    return {"bucket": bucket, "endpoint": server.endpoint, "tar_urls": urls, "samples": SAMPLES}


def put(client: Any, bucket: str, prefix: str, path: Path) -> None:
    client.put_object(Bucket=bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes())


def tar_shard(client: Any, bucket: str, folder: Path, shard: int) -> str:
    """Upload one WebDataset shard; a link to it."""
    file = io.BytesIO()
    each = SAMPLES // SHARDS
    with tarfile.open(fileobj=file, mode="w") as archive:
        for label in range(shard * each, (shard + 1) * each):
            data = (folder / "all" / f"{label:06d}.npy").read_bytes()
            for name, body in ((f"{label:06d}.npy", data), (f"{label:06d}.cls", b"%d" % label)):
                info = tarfile.TarInfo(name)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    key = f"tar/shard-{shard:04d}.tar"
    client.put_object(Bucket=bucket, Key=key, Body=file.getvalue())
    where = {"Bucket": bucket, "Key": key}
    return str(client.generate_presigned_url("get_object", Params=where, ExpiresIn=86400))


def litdata_chunks(python: Path, folder: Path) -> None:
    """litdata's own format, made by litdata."""
    code = f"""
import numpy as np, torch
from litdata.streaming.writer import BinaryWriter
writer = BinaryWriter({str(folder / "litdata")!r}, chunk_bytes="64MB")
for label in range({SAMPLES}):
    image = np.load({str(folder / "all")!r} + "/%06d.npy" % label)
    writer[label] = {{"image": torch.from_numpy(image), "label": label}}
writer.done()
writer.merge(1)
"""
    (folder / "litdata").mkdir()
    subprocess.run([str(python), "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=folder)


if __name__ == "__main__":
    main()
