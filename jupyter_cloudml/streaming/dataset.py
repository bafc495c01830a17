"""The torch dataset. torch is imported with this module; ``cloudml.stream`` imports it at use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..core.errors import BadInput
from ..stores.aside import aside, is_direct
from ..stores.open import open_store
from ..stores.port import Store
from . import formats
from .lane import Lane
from .loader import Loader
from .options import Options
from .order import Order
from .packing import in_shared_memory, packed
from .place import ranks
from .position import Position, position_of
from .scan import Index, scan
from .shards import Reading
from .source import Source

Batch = dict[str, Any]
_IS_FOREIGN = 3
"""The place in the memory that workers share with the stream, behind epoch, batch and lanes."""


class Stream(IterableDataset[Batch]):  # type: ignore[misc]
    """An epoch of batches at each iteration; the next iteration is the next epoch.

    In a DataLoader worker it makes that worker's part. Every epoch but the first after ``load_state_dict`` begins at
    its first batch, also when the one before was left early. Nothing is read before the first use; the list of shards
    is taken then, once.
    """

    def __init__(
        self, uri: str, options: Options, *, rank: int | None, world_size: int | None
    ) -> None:
        super().__init__()
        self.uri = uri
        self.options = options
        self.rank, self.world_size = ranks(rank, world_size)
        self._index: Index | None = None
        self._store: Store | None = None
        self._position = Position()
        self._is_fresh = True
        self._shared = torch.zeros(4, dtype=torch.int64).share_memory_()

    @property
    def index(self) -> Index:
        """The shards and units; found at first use, by a process of its own (``stores.aside`` says why)."""
        if self._index is None:
            what = (self.uri, self.options.columns, self.options.format)
            if is_direct(self.uri, reads_only=True):
                self._store = open_store(self.uri)[0]
                self._index = scan(*what, self._store)
            else:
                self._index = aside(self.uri, scan, *what)
            formats.named(self._index.format)  # imported here, not by each worker
        return self._index

    @property
    def epoch(self) -> int:
        """The epoch that is under way, or comes next."""
        return self._position.epoch

    @property
    def samples(self) -> int:
        """In an epoch, over all ranks."""
        return sum(self.index.rows)

    def __len__(self) -> int:
        """Batches of this rank in a whole epoch."""
        return self._order(0, 1).batches

    def loader(self, num_workers: int = 2, **options: Any) -> Loader:
        """A DataLoader of this stream that knows its position; ``options`` are torch's own (``pin_memory=True`` …)."""
        return Loader(self, num_workers, options)

    def set_epoch(self, epoch: int) -> None:
        """Begin that epoch at the next iteration: needed with a DataLoader of your own, as for DistributedSampler."""
        self._position = Position(epoch=epoch, lanes=0)
        self._is_fresh = True
        self._tell()

    def state_dict(self) -> dict[str, Any]:
        """The position behind the batch that was handed over last, as JSON values: save it with the model.

        Raises:
            BadInput: a DataLoader of your own reads this stream: only ``.loader()`` knows what it has handed over.
        """
        if self._shared[_IS_FOREIGN]:
            raise BadInput(
                "a DataLoader of your own reads this stream, and its position is not known here",
                hint="use stream.loader(num_workers=…), which has state_dict() and load_state_dict()",
            )
        return self._position.state(self.options.order(), self.index.fingerprint, self.world_size)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batch at which ``state`` was saved, with any number of workers.

        Raises:
            BadInput: the position is of other samples, options or number of ranks.
        """
        self._position = position_of(
            state, self.options.order(), self.index.fingerprint, self.world_size
        )
        self._is_fresh = True

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        if worker is None:
            return self.counted(lambda: self.part(0, 1), lanes=1)
        self._shared[_IS_FOREIGN] = 1
        return self.part(worker.id, worker.num_workers)

    def counted(self, batches: Callable[[], Iterator[Batch]], lanes: int) -> Iterator[Batch]:
        """An epoch of what ``batches`` begins, while the position follows it; for ``Loader``."""
        if not self._is_fresh:
            self._position = Position(epoch=self._position.epoch + 1)
        self._is_fresh = False
        self._position.lanes = self._position.lanes or lanes
        self._tell()
        for batch in batches():
            self._position.batch += 1
            yield batch
        self._position = Position(epoch=self._position.epoch + 1)
        self._is_fresh = True

    def part(self, worker: int, workers: int) -> Iterator[Batch]:
        """The batches that this worker of so many has to hand over, in turn with the others; for ``Loader``."""
        epoch, begin, told_lanes = self._shared[:_IS_FOREIGN].tolist()
        order = self._order(epoch, told_lanes or workers)
        is_worker = get_worker_info() is not None
        reading = Reading(columns=self.options.columns, decode=self.options.decode)
        source = Source(
            index=self.index, reading=reading, is_aside=not is_worker, parents=self._store
        )
        lanes: dict[int, Lane] = {}
        new = in_shared_memory if is_worker else np.empty
        try:
            for batch in range(begin + worker, order.batches, workers):
                lane, place = order.lane_of(batch)
                if lane not in lanes:
                    lanes[lane] = Lane(order, lane, source.load, self.options.ahead)
                made = packed(lanes[lane].batch(place, new))
                transform = self.options.transform
                yield made if transform is None else transform(made)
        finally:
            for one in lanes.values():
                one.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_store": None}

    def _tell(self) -> None:
        """Workers, also those of an epoch before, learn here where to begin and in how many lanes."""
        told = self._position
        self._shared[:_IS_FOREIGN] = torch.tensor([told.epoch, told.batch, told.lanes])

    def _order(self, epoch: int, lanes: int) -> Order:
        return Order(
            rows=self.index.rows,
            batch_size=self.options.batch_size,
            epoch=epoch,
            shuffle=self.options.shuffle,
            seed=self.options.seed,
            window=self.options.window,
            drop_last=self.options.drop_last,
            rank=self.rank,
            world_size=self.world_size,
            lanes=lanes,
        )
