"""A manifest and blobs → values in a namespace."""

from __future__ import annotations

import importlib
import io
import pickle
from typing import Any

from ..core.errors import CloudMLError, Corrupt, FarSideError, NotInstalled
from .baseline import Baseline, paused_collector
from .blobs import BlobStore
from .identity import Identity
from .inline import from_inline, is_inline
from .leaves import LeafReader
from .model import Decoded
from .rebuild import receiving
from .regions import RegionReader


def decode(
    manifest: dict[str, Any],
    *,
    namespace: dict[str, Any],
    blobs: BlobStore,
    trusted: bool = True,
    watch: bool = True,
) -> Decoded:
    """Rebuild the values of a bundle and bind their names in ``namespace``.

    With ``watch`` notes the state of every object, so that ``encode_delta`` can tell what changed. With ``trusted``
    False nothing is unpickled: scalars, arrays, tensors and modules only. Binds nothing when it raises.

    Raises:
        Corrupt: a blob is missing or damaged, or the manifest is.
        NotInstalled: a module that the values need is missing here.
        FarSideError: a value needs pickle and the bundle is not trusted, or rebuilding it failed.
    """
    reader = Reader(manifest, blobs, namespace, trusted=trusted)
    with paused_collector():
        values = reader.names()
    identity = reader.identity()
    state = Baseline.take(identity, reader.leaves, namespace) if watch else None
    namespace.update(values)
    return Decoded(manifest=manifest, names=values, objects=identity, state=state, blobs=blobs)


class Reader:
    """One pass over a manifest."""

    def __init__(
        self,
        manifest: dict[str, Any],
        blobs: BlobStore,
        namespace: dict[str, Any],
        *,
        trusted: bool,
        bundle: BlobStore | None = None,
        persistent_load: Any = None,
    ) -> None:
        self.manifest = manifest
        self.namespace = namespace
        self.trusted = trusted
        self.regions = RegionReader(manifest=manifest, blobs=blobs, bundle=bundle)
        self.leaves = LeafReader(
            manifest=manifest,
            regions=self.regions,
            part_unpickler=self._part,
            home=persistent_load,
        )
        self.roots: list[Any] | None = None
        self.memo: dict[int, Any] = {}
        self._persistent_load = persistent_load

    def names(self) -> dict[str, Any]:
        """Every name of the manifest with its value, in order."""
        try:
            entries = self.manifest["names"].items()
            with receiving(self.namespace, self.leaves.leaf):
                return {name: self.value(name, entry) for name, entry in entries}
        except (KeyError, IndexError, EOFError) as exc:
            raise Corrupt(
                f"the bundle's manifest is damaged: {exc!r}", hint="submit the job again"
            ) from exc

    def value(self, name: str, entry: dict[str, Any]) -> Any:
        """The value of one manifest entry; call inside ``receiving``."""
        if is_inline(entry):
            return from_inline(entry)
        if "module" in entry:
            return _module(name, entry["module"])
        if "leaf" in entry:
            return self.leaves.leaf(entry["leaf"])
        if "ref" in entry and self._persistent_load is not None:
            return self._persistent_load(entry["ref"])
        return self.root(name, entry["root"])

    def root(self, name: str, number: int) -> Any:
        """A value of the graph stream; reads the whole stream on first use."""
        if not self.trusted:
            raise FarSideError(
                f"{name!r} is stored as pickle, which runs code, and this source is not trusted",
                hint="only jobs of your own may use pickle; bring home arrays, tensors or numbers instead",
            )
        if self.roots is None:
            self.roots = self._load()
        return self.roots[number]

    def identity(self) -> Identity:
        """Which object each number is."""
        leaves = [None] * len(self.manifest["leaves"])
        for number, leaf in self.leaves.made.items():
            leaves[number] = leaf
        return Identity(leaves=leaves, memo=self.memo)

    def _part(self, stream: memoryview, buffers: list[memoryview]) -> Any:
        if not self.trusted:
            raise FarSideError(
                "a frame is stored as pickle, which runs code, and this source is not trusted",
                hint="only jobs of your own may use pickle",
            )
        return pickle.loads(stream, buffers=buffers)  # noqa: S301

    def _load(self) -> list[Any]:
        stream = io.BytesIO(self.regions.load_bytes(self.manifest["stream"]))
        buffers = [self.regions.region(number) for number in self.manifest["buffers"]]
        unpickler = _unpickler(stream, buffers, self._persistent_load)
        try:
            roots = [unpickler.load() for _ in range(self.manifest["roots"])]
        except ModuleNotFoundError as exc:
            raise NotInstalled(
                f"module {exc.name!r} is missing where the cell runs",
                hint=f"pip install {exc.name} there, or add it to the job's requirements",
            ) from exc
        except pickle.UnpicklingError as exc:
            raise Corrupt(f"the values cannot be read: {exc}", hint="submit the job again") from exc
        except CloudMLError:
            raise
        except Exception as exc:  # a user's __setstate__ may raise anything
            raise FarSideError(
                f"the values cannot be rebuilt here: {type(exc).__name__}: {exc}",
                hint="the packages at the two ends may differ in version",
            ) from exc
        self.memo = unpickler.memo.copy()
        return roots


def _unpickler(stream: io.BytesIO, buffers: list[memoryview], persistent_load: Any) -> Any:
    if persistent_load is None:
        return pickle.Unpickler(stream, buffers=buffers)  # noqa: S301

    class Homeward(pickle.Unpickler):
        def persistent_load(self, ref: int) -> Any:
            return persistent_load(ref)

    return Homeward(stream, buffers=buffers)


def _module(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        raise NotInstalled(
            f"module {exc.name!r} ({name}) is missing where the cell runs",
            hint=f"pip install {exc.name} there, or add it to the job's requirements",
        ) from exc
