"""One reader of the streaming benchmark, one epoch, in a process of its own (ours or the peers' Python).

``python stream_readers.py NAME`` with the order as JSON on stdin; prints samples, the sum of the labels, and the seconds from
making the loader to its last batch: listing, counting, workers and all. What a reader imports is imported before, for all.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

WORKERS = 2
BATCH = 64


def ours(order: dict[str, Any], folder: str) -> Iterable[Any]:
    import jupyter_cloudml as cloudml

    columns = ["npy", "cls"] if folder == "tar" else None
    uri = f"s3://{order['bucket']}/{folder}/"
    loader = cloudml.stream(uri, batch_size=BATCH, columns=columns).loader(WORKERS)
    names = ("npy", "cls") if folder == "tar" else ("image", "label")
    return ([batch[name] for name in names] for batch in loader)


def webdataset(order: dict[str, Any], batch: int | None) -> Iterable[Any]:
    import webdataset as wds

    urls = [f"pipe:curl -s -f -L '{url}'" for url in order["tar_urls"]]
    data = wds.WebDataset(urls, shardshuffle=False).decode().to_tuple("npy", "cls")
    if batch is None:
        data = data.map_tuple(torch.from_numpy, lambda label: label)
        return wds.WebLoader(data, batch_size=None, num_workers=WORKERS)
    return wds.WebLoader(
        data.batched(batch, collation_fn=collated), batch_size=None, num_workers=WORKERS
    )


def collated(samples: list[Any]) -> Any:
    """A batch as torch's own collate packs it, in shared memory."""
    return torch.utils.data.default_collate(samples)


def litdata(order: dict[str, Any], batch: int | None) -> Iterable[Any]:
    from litdata import StreamingDataLoader, StreamingDataset
    from litdata.streaming import downloader

    options = {
        "endpoint_url": order["endpoint"],
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "region_name": "us-east-1",
    }
    allow_http(downloader)
    data = StreamingDataset(
        f"s3://{order['bucket']}/litdata", cache_dir=tempfile.mkdtemp(), storage_options=options
    )
    loader = StreamingDataLoader if batch else DataLoader
    return ((d["image"], d["label"]) for d in loader(data, batch_size=batch, num_workers=WORKERS))


def allow_http(downloader: Any) -> None:
    """litdata's client for chunks refuses http endpoints unless it is told so, which no option of litdata does."""
    downloader._OBSTORE_CLIENT_OPTIONS = {**downloader._OBSTORE_CLIENT_OPTIONS, "allow_http": True}


def s3torchconnector(order: dict[str, Any], batch: int | None) -> Iterable[Any]:
    from s3torchconnector import S3ClientConfig, S3MapDataset

    data = S3MapDataset.from_prefix(
        f"s3://{order['bucket']}/objects/",
        region="us-east-1",
        endpoint=order["endpoint"],
        transform=read_object,
        s3client_config=S3ClientConfig(force_path_style=True),
    )
    return DataLoader(data, batch_size=batch, num_workers=WORKERS)


def read_object(reader: Any) -> Any:
    label = int(reader.key.rsplit("/", 1)[-1].split(".")[0])
    return torch.from_numpy(np.load(io.BytesIO(reader.read()))), label


def ceiling(order: dict[str, Any], batch: int | None) -> Iterable[Any]:
    """No store at all: what handing over costs."""
    return DataLoader(Ready(order["samples"], batch), batch_size=None, num_workers=WORKERS)


class Ready(torch.utils.data.IterableDataset):
    def __init__(self, samples: int, batch: int | None) -> None:
        self._samples, self._batch = samples, batch

    def __iter__(self) -> Iterable[Any]:
        worker = torch.utils.data.get_worker_info().id
        image = np.zeros((3, 136, 136), np.uint8)
        if self._batch is None:
            for label in range(worker, self._samples, WORKERS):
                yield torch.from_numpy(image.copy()), label
            return
        labels = range(worker, self._samples, WORKERS)
        for at in range(0, len(labels), self._batch):
            part = labels[at : at + self._batch]
            packed = torch.empty(0, dtype=torch.uint8)
            size = len(part) * image.nbytes
            packed.set_(torch.UntypedStorage._new_shared(size, device="cpu"))
            packed = packed.view(len(part), *image.shape)
            packed[:] = torch.from_numpy(image)
            yield packed, torch.tensor(list(part))


READERS: dict[str, Callable[[dict[str, Any]], Iterable[Any]]] = {
    "ours: parquet": lambda order: ours(order, "parquet"),
    "ours: tar": lambda order: ours(order, "tar"),
    "webdataset, sample": lambda order: webdataset(order, None),
    "webdataset, batch": lambda order: webdataset(order, BATCH),
    "litdata, sample": lambda order: litdata(order, None),
    "litdata, batch": lambda order: litdata(order, BATCH),
    "s3torchconnector, sample": lambda order: s3torchconnector(order, None),
    "s3torchconnector, batch": lambda order: s3torchconnector(order, BATCH),
    "ceiling, sample": lambda order: ceiling(order, None),
    "ceiling, batch": lambda order: ceiling(order, BATCH),
}


IMPORTS = {
    "ours": ("jupyter_cloudml.streaming.dataset", "boto3", "pyarrow.parquet"),
    "webdataset": ("webdataset",),
    "litdata": ("litdata.streaming.downloader", "boto3", "obstore"),
    "s3torchconnector": ("s3torchconnector",),
    "ceiling": (),
}


def main() -> None:
    order = json.load(sys.stdin)
    for name in IMPORTS[re.split("[:,]", sys.argv[1])[0]]:
        importlib.import_module(name)
    begun = time.perf_counter()
    samples, labels = 0, 0
    for image, label in READERS[sys.argv[1]](order):
        samples += 1 if image.ndim == 3 else len(image)
        labels += int(torch.as_tensor(label).sum())
    seconds = time.perf_counter() - begun
    print(json.dumps({"samples": samples, "labels": labels, "seconds": seconds}))


if __name__ == "__main__":
    main()
