"""Training data from any store, a batch at a time: ``cloudml.stream(uri, batch_size=64, shuffle=True)``.

::

    scan.py     which shards lie under a URI, and how many samples each piece (*unit*) of them has
    formats/    Parquet, tar (WebDataset), npy and npz, JSON lines: units, and the bytes of one as columns
    order.py    pure: which samples make up batch k of a rank in an epoch
    lane.py     reads units whole, a few ahead, and packs a batch as one array a column
    dataset.py  the torch ``IterableDataset``; loader.py counts what it has handed over

Everything that touches NumPy, PyArrow or torch is imported when a stream is made, never with this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import NotInstalled

if TYPE_CHECKING:
    from .dataset import Stream

__all__ = ["stream", "write"]


def stream(
    uri: str,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    columns: Sequence[str] | None = None,
    window: int = 1024,
    drop_last: bool = False,
    ahead: int = 2,
    format: str | None = None,  # noqa: A002 - the word that pandas and Polars use
    decode: Mapping[str, Callable[[bytes], Any]] | None = None,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    rank: int | None = None,
    world_size: int | None = None,
) -> Stream:
    """The samples under ``uri`` (an object, a folder, a prefix in a store) as a torch dataset of whole batches.

    A batch is a dict: one tensor a column, packed in the DataLoader's worker; a list where no tensor can hold the
    values (strings, bytes, arrays of different shapes). Give it to ``.loader(num_workers=2)``, which can be resumed, or
    to a ``torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2)``.

    In an epoch every sample comes exactly once over all ranks, however uneven the shards are; ranks never overlap and
    have the same number of batches (but with ``batch_size=1``), the last ones smaller. ``drop_last=True`` leaves out
    what does not fill a batch on each rank.

    Args:
        shuffle: mix by (``seed``, epoch): units in random order, samples within a unit, and then among the ``window``
            samples that follow each other. The same seed, epoch, ranks and workers give the same order.
        columns: only these (Parquet reads no others).
        window: samples mixed with each other; a worker holds the units that they lie in.
        ahead: units (up to 32 MiB) that a worker reads ahead of need.
        format: ``parquet``, ``tar``, ``npy``, ``npz`` or ``jsonl``; None goes by the names.
        decode: for tar, by extension, e.g. ``{"jpg": read_image}``.
        transform: called in the worker with each packed batch; what it returns is handed over.
        rank, world_size: None takes those of ``torch.distributed``, else ``RANK`` and ``WORLD_SIZE``.

    Raises:
        BadInput: an option is out of range, or nothing under ``uri`` is of a known format.
        NotFound, Unavailable and their like: the store says so.
        NotInstalled: torch, NumPy or, for Parquet, PyArrow is missing.
    """
    try:
        from .dataset import Stream
        from .options import Options
    except ImportError as exc:
        raise NotInstalled(
            f"cloudml.stream needs {exc.name}", hint=f"pip install {exc.name}"
        ) from exc
    options = Options(
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        columns=None if columns is None else tuple(columns),
        window=window,
        drop_last=drop_last,
        ahead=ahead,
        format=format,
        decode=dict(decode or {}),
        transform=transform,
    ).checked()
    return Stream(str(uri), options, rank=rank, world_size=world_size)


def write(*args: Any, **options: Any) -> list[str]:
    """Shards that stream fast: see ``streaming.writing.write``."""
    from .writing import write as write_shards

    return write_shards(*args, **options)
