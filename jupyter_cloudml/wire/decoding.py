"""A manifest and blobs → values in a namespace."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Collection
from typing import Any

from ..core.collector import paused_collector
from ..core.errors import CloudMLError, Corrupt, FarSideError, NotInstalled
from .baseline import Baseline
from .blobs import BlobStore
from .identity import Identity
from .inline import from_inline, is_inline
from .leaves import LeafReader
from .model import Decoded
from .rebuild import receiving
from .regions import RegionReader
from .roots import Roots, read_roots


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
    False nothing is unpickled: scalars, arrays, tensors and modules only. Binds nothing when it raises. Names that were
    not required and cannot be rebuilt here are under ``left_out`` with the reason.

    Raises:
        Corrupt: a blob is missing or damaged, or the manifest is.
        NotInstalled: a module that the values need is missing here.
        FarSideError: a value needs pickle and the bundle is not trusted, or rebuilding it failed.
    """
    with paused_collector():
        reader = Reader(manifest, blobs, namespace, trusted=trusted)
        values = reader.names(manifest.get("optional", ()))
        identity = reader.identity()
        state = Baseline.take(identity, reader.leaves, namespace) if watch else None
    namespace.update(values)
    return Decoded(
        manifest=manifest,
        names=values,
        objects=identity,
        state=state,
        blobs=blobs,
        left_out=reader.left_out,
    )


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
        self.roots: Roots | None = None
        self.left_out: dict[str, str] = {}
        self.memo: dict[int, Any] = {}
        self._persistent_load = persistent_load

    def names(self, optional: Collection[str] = ()) -> dict[str, Any]:
        """Every name of the manifest with its value, in order. ``optional`` ones that cannot be rebuilt are left out."""
        found: dict[str, Any] = {}
        try:
            with receiving(self.namespace, self.leaves.leaf):
                for name, entry in self.manifest["names"].items():
                    try:
                        found[name] = self.value(name, entry)
                    except Corrupt:
                        raise
                    except (CloudMLError, ImportError) as exc:
                        if name not in optional:
                            raise
                        self.left_out[name] = str(exc)
            return found
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
        if number in self.roots.failed:
            raise self.roots.failed[number]
        return self.roots.values[number]

    def identity(self) -> Identity:
        """Which object each number is."""
        leaves = [None] * len(self.manifest["leaves"])
        for number, leaf in self.leaves.made.items():
            if "private" not in self.manifest["leaves"][number]:
                leaves[number] = leaf
        return Identity(leaves=leaves, memo=self.memo)

    def _part(self, stream: memoryview, buffers: list[memoryview]) -> Any:
        if not self.trusted:
            raise FarSideError(
                "a frame is stored as pickle, which runs code, and this source is not trusted",
                hint="only jobs of your own may use pickle",
            )
        return pickle.loads(stream, buffers=buffers)  # noqa: S301 - only from a trusted source, see above

    def _load(self) -> Roots:
        """Unpickles the stream: only ``root`` may call it, which asks first whether the source is trusted."""
        buffers = [self.regions.region(number) for number in self.manifest["buffers"]]
        roots = read_roots(
            self.regions.load_bytes(self.manifest["stream"]),
            self.manifest["roots"],
            buffers,
            self._persistent_load,
        )
        self.memo = roots.memo
        return roots


def _module(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        raise NotInstalled(
            f"module {exc.name!r} ({name}) is missing where the cell runs",
            hint=f"pip install {exc.name} there, or add it to the job's requirements",
        ) from exc
