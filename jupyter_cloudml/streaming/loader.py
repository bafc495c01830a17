"""A DataLoader that counts what it has handed over, so that its position can be saved with the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..core.errors import BadInput

if TYPE_CHECKING:
    from .dataset import Stream

_OURS = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "dataset", "collate_fn")


class Loader:
    """An epoch of batches at each iteration, made by worker processes that stay for the epochs after it.

    ``state_dict()`` at any batch, given to ``load_state_dict()`` of a loader made alike in another process, any day, with
    any number of workers, goes on with exactly the samples that would have come.
    """

    def __init__(self, stream: Stream, num_workers: int, options: dict[str, Any]) -> None:
        for name in _OURS:
            if name in options:
                raise BadInput(f"loader({name}=…): that is for cloudml.stream({name}=…) to say")
        if num_workers > 0:
            options = {"persistent_workers": True, **options}
        self.stream = stream
        self.num_workers = num_workers
        self._loader: DataLoader[Any] | None = None
        self._options = options

    def __len__(self) -> int:
        """Batches of this rank in a whole epoch."""
        return len(self.stream)

    def __iter__(self) -> Iterator[Any]:
        return self.stream.counted(self._batches, lanes=max(1, self.num_workers))

    def state_dict(self) -> dict[str, Any]:
        """The position behind the last batch that was handed over, as JSON values."""
        return self.stream.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batch at which ``state`` was saved.

        Raises:
            BadInput: the position is of other samples, options or number of ranks.
        """
        self.stream.load_state_dict(state)

    def _batches(self) -> Iterator[Any]:
        if self._loader is None:
            self.stream.index  # noqa: B018 - found here once, not by each worker
            self._loader = DataLoader(
                _Counted(self.stream),
                batch_size=None,
                num_workers=self.num_workers,
                **self._options,
            )
        return iter(self._loader)


class _Counted(IterableDataset[Any]):  # type: ignore[misc]
    """The stream as its own loader's workers see it."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        return self._stream.part(*((0, 1) if worker is None else (worker.id, worker.num_workers)))
