"""Memory regions: the bytes behind arrays and tensors, each byte once however many views share it."""

from __future__ import annotations

import base64
import ctypes
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Corrupt
from .blobs import BlobStore
from .digests import digest_as, digest_of
from .pages import is_untouched

PACK_BELOW = 64 << 10
INLINE_BELOW = 48 << 10
_ALIGN = 64
_buffer_numbers = itertools.count()


@dataclass(kw_only=True)
class Extent:
    """The span of memory that one view covers. ``place`` is the view's (region, offset), known at the end."""

    device: str
    start: int
    size: int
    owner: Any
    first: int
    wanted: int
    compact: Callable[[], tuple[Any, memoryview]] | None = None
    place: tuple[int, int] = (-1, 0)
    is_compacted: bool = False


def bytes_extent(data: memoryview) -> Extent:
    """The extent of a read-only buffer that shares memory with nothing."""
    return Extent(
        device=f"buffer-{next(_buffer_numbers)}",
        start=0,
        size=len(data),
        owner=data,
        first=0,
        wanted=len(data),
    )


@dataclass(kw_only=True)
class RegionWriter:
    """Collects extents, merges those that overlap, and stores each region once.

    Regions below 64 KiB lie together in one pack; a small pack lies in the manifest itself.
    """

    blobs: BlobStore | None
    portable: bool = False
    stored_elsewhere: frozenset[str] = frozenset()
    extents: list[Extent] = field(default_factory=list)
    sent_bytes: int = 0
    total_bytes: int = 0
    pack: bytearray = field(default_factory=bytearray)
    _spans: dict[tuple[str, int, int], Extent] = field(default_factory=dict)

    def add(self, extent: Extent) -> Extent:
        """Remember an extent; it has its place after ``finish``."""
        self.extents.append(extent)
        span = (extent.device, extent.start, extent.size)
        if span not in self._spans:
            self._spans[span] = extent
            self.total_bytes += extent.wanted
        return extent

    def finish(self) -> dict[str, Any]:
        """Store every region. Returns the manifest's ``regions`` and ``pack``.

        Raises:
            Unavailable: the disk is full or read-only.
        """
        regions: list[dict[str, Any]] = []
        for group in self._groups():
            regions.append(self._store(group, len(regions)))
        manifest: dict[str, Any] = {"regions": regions}
        if self.pack:
            manifest["pack"] = self.store_bytes(self.pack)
        return manifest

    def store_bytes(self, data: bytes | bytearray) -> dict[str, Any]:
        """Bytes as a manifest entry: inline when small, else a blob."""
        if len(data) < INLINE_BELOW:
            self.sent_bytes += len(data)
            return {"inline": base64.b64encode(data).decode()}
        return self._blob(memoryview(data))

    def _groups(self) -> list[list[Extent]]:
        groups: list[list[Extent]] = []
        end, device = -1, ""
        for extent in sorted(self.extents, key=lambda e: (e.device, e.start, -e.size)):
            if groups and extent.device == device and extent.start < end:
                groups[-1].append(extent)
                end = max(end, extent.start + extent.size)
            else:
                groups.append([extent])
                end, device = extent.start + extent.size, extent.device
        return groups

    def _store(self, group: list[Extent], number: int) -> dict[str, Any]:
        head = group[0]
        if len(group) == 1 and head.compact is not None:
            owner, data = head.compact()
            head.owner, head.place, head.is_compacted = owner, (number, 0), True
        else:
            end = max(extent.start + extent.size for extent in group)
            for extent in group:
                extent.place = (number, extent.first - head.start)
            data = _read(head, end - head.start)
        device = "cpu" if head.device.startswith("buffer-") else head.device
        entry: dict[str, Any] = {"n": len(data)}
        if device != "cpu":
            entry["dev"] = device
        if len(group) > 1:
            entry["shared"] = 1
        if len(data) >= PACK_BELOW:
            return {**entry, **self._blob(data)}
        entry["at"] = len(self.pack)
        self.pack += data
        self.pack += bytes(-len(self.pack) % _ALIGN)
        return entry

    def _blob(self, data: memoryview) -> dict[str, Any]:
        if self.stored_elsewhere:
            digest = digest_of(data, portable=self.portable)
            if digest in self.stored_elsewhere:
                return {"blob": digest, "size": len(data), "from": "bundle"}
        if self.blobs is None:
            raise ValueError("no store to write to")
        ref = self.blobs.put(data, portable=self.portable)
        if ref.is_new:
            self.sent_bytes += ref.size
        return {"blob": ref.digest, "size": ref.size}


@dataclass(kw_only=True)
class RegionReader:
    """Hands out each region once, as writable private memory; large ones are mapped copy-on-write."""

    manifest: dict[str, Any]
    blobs: BlobStore
    bundle: BlobStore | None = None
    _open: dict[int, memoryview] = field(default_factory=dict)
    _storages: dict[int, Any] = field(default_factory=dict)
    _pack: memoryview | None = None
    _unchanged: dict[int, bool] = field(default_factory=dict)

    def region(self, number: int) -> memoryview:
        """The memory of a region; every view of the region gets this same memory."""
        if number not in self._open:
            self._open[number] = self._load(self.manifest["regions"][number])
        return self._open[number]

    def is_shared(self, number: int) -> bool:
        """Whether several captured views lie in this region."""
        return bool(self.manifest["regions"][number].get("shared"))

    def is_packed(self, number: int) -> bool:
        """Whether the region is a small one that was copied out of the pack."""
        return "at" in self.manifest["regions"][number]

    def is_unchanged(self, number: int) -> bool:
        """Whether the memory still has the content that travelled. Reads it only where it was written to."""
        if number not in self._unchanged:
            self._unchanged[number] = self._compare(number)
        return self._unchanged[number]

    def original(self, number: int) -> memoryview:
        """The content of a packed region as it travelled."""
        return self._packed(self.manifest["regions"][number])

    def _compare(self, number: int) -> bool:
        entry = self.manifest["regions"][number]
        if number not in self._open:
            return True
        now = self._open[number]
        storage = self._storages.get(number)
        if storage is not None and storage.device.type != "cpu":
            now = _storage_bytes(storage)
        if "at" in entry:
            return bool(now == self._packed(entry))
        if is_untouched(now):
            return True
        digest: str = entry["blob"]
        return digest_as(digest, now) == digest

    def check(self) -> None:
        """Wait for the checks of large blobs.

        Raises:
            Corrupt: one of them is damaged.
        """
        self.blobs.check()

    def storage(self, number: int, device: str) -> Any:
        """A torch storage on ``device`` over the region: one per region, so that views go on sharing it."""
        import torch

        if number not in self._storages:
            flat = torch.frombuffer(self.region(number), dtype=torch.uint8)
            if device != "cpu":
                flat = flat.to(device)
            self._storages[number] = flat.untyped_storage()
        return self._storages[number]

    def load_bytes(self, entry: dict[str, Any]) -> memoryview:
        """The bytes of an entry that ``store_bytes`` made."""
        if "inline" in entry:
            return memoryview(bytearray(base64.b64decode(entry["inline"])))
        store = self.bundle if entry.get("from") == "bundle" and self.bundle else self.blobs
        return store.open(entry["blob"], entry["size"])

    def _load(self, entry: dict[str, Any]) -> memoryview:
        if "at" in entry:
            return memoryview(bytearray(self._packed(entry)))
        return self.load_bytes(entry)

    def _packed(self, entry: dict[str, Any]) -> memoryview:
        if self._pack is None:
            self._pack = self.load_bytes(self.manifest["pack"])
        part = self._pack[entry["at"] : entry["at"] + entry["n"]]
        if len(part) != entry["n"]:
            raise Corrupt("the bundle's pack is too short", hint="submit the job again")
        return part


def memory(address: int, size: int) -> memoryview:
    """Raw memory as bytes; the caller keeps its owner alive."""
    if not size:
        return memoryview(b"")
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def _read(head: Extent, size: int) -> memoryview:
    if head.device.startswith("buffer-"):
        view: memoryview = head.owner
        return view
    if head.device == "cpu":
        return memory(head.start, size)
    return _read_device(head, size)


def _storage_bytes(storage: Any) -> memoryview:
    torch = sys.modules["torch"]
    flat = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
    return memoryview(flat.cpu().numpy())


def _read_device(head: Extent, size: int) -> memoryview:
    torch = sys.modules["torch"]
    storage = head.owner.untyped_storage()
    flat = torch.empty(0, dtype=torch.uint8, device=head.owner.device).set_(storage)
    begin = head.start - storage.data_ptr()
    return memoryview(flat[begin : begin + size].cpu().numpy())
