"""Big values to another process: against writing the raw bytes once and mapping them there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from jupyter_cloudml.wire import BlobStore, encode

from .harness import median, note, report, scratch

REPEAT = 5
GB = 1_000_000_000


def main() -> None:
    array = np.random.default_rng(0).random(GB // 8)
    ship("shipping: 1 GB array", array, [array], is_torch=False)
    del array
    layers = {f"layer{i}.weight": torch.rand(2500, 2500) for i in range(20)}
    ship("shipping: 500 MB state_dict", layers, list(layers.values()), is_torch=True)
    del layers
    changed_column()


def ship(bench: str, value: Any, parts: list[Any], *, is_torch: bool) -> None:
    """Both ways in turn, each into a fresh store and a fresh process; then the same value once more."""
    note(bench)
    ours, floor, again = [], [], []
    for _ in range(REPEAT):
        with scratch("/dev/shm") as folder:
            floor.append(by_raw_write(folder, parts, is_torch=is_torch))
        with scratch("/dev/shm") as folder:
            total, repeat = by_wire(folder, value)
            ours.append(total)
            again.append(repeat)
    report(bench, median(ours), median(floor), at_most=1.3, bound_on="ratio", runs=REPEAT)
    report(f"{bench}, captured again unchanged", median(again) * 1e3, unit="ms", at_most=150.0)


def by_wire(folder: Path, value: Any) -> tuple[float, float]:
    receiver = start_receiver()
    store = BlobStore(folder / "blobs")
    begun = time.perf_counter()
    send(folder, value, store)
    order = {"how": "wire", "manifest": str(folder / "m.json"), "blobs": str(store.root)}
    total = time.perf_counter() - begun + receive(receiver, order)
    begun = time.perf_counter()
    send(folder, value, store)
    return total, time.perf_counter() - begun


def send(folder: Path, value: Any, store: BlobStore) -> None:
    names = {"value": value}
    encoded = encode(names, namespace=names, blobs=store)
    (folder / "m.json").write_text(json.dumps(encoded.manifest))


def by_raw_write(folder: Path, parts: list[Any], *, is_torch: bool) -> float:
    receiver = start_receiver()
    begun = time.perf_counter()
    files = []
    for number, part in enumerate(parts):
        path = folder / str(number)
        with path.open("wb", buffering=0) as file:
            rest = memoryview(part.numpy() if is_torch else part).cast("B")
            while rest:
                rest = rest[file.write(rest) :]
        files.append(str(path))
    order = {"how": "raw", "files": files, "torch": is_torch}
    return time.perf_counter() - begun + receive(receiver, order)


def start_receiver() -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.benchmarks.receiver"]
    receiver = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    return receiver


def receive(receiver: subprocess.Popen[str], order: dict[str, Any]) -> float:
    answer, _ = receiver.communicate(json.dumps(order) + "\n")
    return float(json.loads(answer)["s"])


def changed_column() -> None:
    """A frame of 20 columns, captured again after one of them changed: what is sent the second time."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.random(500_000) for i in range(20)})
    names = {"frame": frame}
    with scratch("/dev/shm") as folder:
        store = BlobStore(folder)
        whole = sum(r.bytes for r in encode(names, namespace=names, blobs=store).report)
        frame["c3"] = frame["c3"] * 2
        sent = sum(r.sent_bytes for r in encode(names, namespace=names, blobs=store).report)
    report(
        "shipping: frame of 20 columns, one changed",
        sent,
        whole,
        unit="bytes",
        at_most=0.06,
        bound_on="ratio",
    )


if __name__ == "__main__":
    main()
