"""``cloudml.data``: what ``--data name=URI`` names, as a path, a lazy frame or a stream of batches."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import events
from ..core.errors import BadInput, NotInstalled
from ..core.uris import local_path, scheme_of
from ..stores.aside import aside
from ..streaming import stream
from . import context

if TYPE_CHECKING:
    from ..streaming.dataset import Stream

_EVERY_S = 0.1


class Channel(os.PathLike[str]):
    """One ``--data name=URI``. Nothing moves before it is used; then only what that use needs.

    It is a path wherever one is wanted (``open``, ``pandas.read_csv``, ``numpy.load``) and has the methods of
    ``pathlib.Path``: data of a store is then copied to this machine first, once for all jobs (``stores.cache``).
    """

    def __init__(self, name: str, uri: str) -> None:
        self.name_in_job = name
        self.uri = uri

    @property
    def path(self) -> Path:
        """The file or folder on this machine, as it is in the store now; of a store a copy, for reading.

        Raises:
            NotFound, TooLarge, Unavailable and what else the store raises.
        """
        if scheme_of(self.uri) == "file":
            return local_path(self.uri)
        from ..stores.cache.use import local_copy

        with _Bar(f"fetching {self.name_in_job}, bytes") as bar:
            return local_copy(self.uri, progress=bar)

    def lazy(self) -> Any:
        """The table as a lazy narwhals frame over Polars: Parquet, CSV, JSON lines or Arrow, a file or a folder of them.

        Only what the query needs is read, straight from the store.

        Raises:
            BadInput: of another format. NotInstalled: Polars or narwhals is missing.
        """
        try:
            import narwhals

            from ..prep.engines.polars import scan
            from ..prep.tables import resolve

            table = aside(self.uri, resolve, self.name_in_job, self.uri)
            return narwhals.from_native(scan(table))
        except ImportError as exc:
            raise NotInstalled(
                f"cloudml.data[{self.name_in_job!r}].lazy() needs {exc.name}",
                hint="pip install polars narwhals",
            ) from exc

    def stream(self, **options: Any) -> Stream:
        """``cloudml.stream(uri, …)`` of it: ``.stream(batch_size=64, shuffle=True).loader(num_workers=2)``."""
        return stream(self.uri, **options)

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<data {self.name_in_job!r}: {self.uri}>"

    def __truediv__(self, other: str | os.PathLike[str]) -> Path:
        return self.path / other

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Channel):
            return self.uri == other.uri
        return isinstance(other, Path) and self.path == other

    def __hash__(self) -> int:
        return hash(self.uri)

    def __reduce__(self) -> tuple[Any, ...]:
        return Channel, (self.name_in_job, self.uri)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(Path, name):
            raise AttributeError(
                f"data {self.__dict__.get('name_in_job')!r} has no {name!r}: "
                "it has path, lazy(), stream() and what pathlib.Path has"
            )
        return getattr(self.path, name)


class Channels(Mapping[str, Channel]):
    """The channels of a job by name; calling it gives a dict of them. Empty at home."""

    def __init__(self, uris: Mapping[str, str]) -> None:
        self._channels = {name: Channel(name, uri) for name, uri in uris.items()}

    def __call__(self) -> dict[str, Channel]:
        return dict(self._channels)

    def __getitem__(self, name: str) -> Channel:
        try:
            return self._channels[name]
        except KeyError:
            known = ", ".join(self._channels) or "none"
            raise BadInput(
                f"no data {name!r} was given to this job; known: {known}",
                hint=f"--data {name}=URI names it",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._channels

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def __repr__(self) -> str:
        return f"<data of this job: {', '.join(map(repr, self._channels.values())) or 'none'}>"


class _Bar:
    """Progress of bytes in the job's journal, at most ten times a second; nothing at home."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._moved, self._told_at = 0, 0.0

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, moved: int) -> None:
        self._moved += moved
        if (now := time.monotonic()) - self._told_at > _EVERY_S:
            self._told_at = now
            self._tell()

    def __exit__(self, *exc: object) -> None:
        if self._moved:
            self._tell(done=True)

    def _tell(self, **more: Any) -> None:
        job = context.current()
        if job is not None:
            bar = f"d{id(self)}"
            job.writer.append(
                events.PROGRESS, id=bar, n=self._moved, total=None, desc=self._text, **more
            )
