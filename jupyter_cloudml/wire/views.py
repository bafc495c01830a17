"""Views that the far side made on memory which home already has: they come home as views on the home object.

At the far end: which known array or tensor does this memory belong to? At home: the view on that very object.
Frames keep their memory to themselves: a Series taken from a captured frame, and ``df.to_numpy()``, come home as copies,
which copy-on-write makes them for a writer anyway. So do views on arrays of Python objects.
"""

from __future__ import annotations

import bisect
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .regions import Extent

Description = dict[str, Any]
Ref = int


@dataclass(kw_only=True)
class KnownMemory:
    """The memory of known arrays and tensors; answers which of them a new view lies in."""

    _devices: dict[str, list[tuple[int, int, int, Ref]]] = field(default_factory=dict)
    _starts: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Iterable[tuple[Extent, Ref]]) -> KnownMemory:
        """From the extents of known objects with their references."""
        memory = cls()
        for extent, ref in known:
            spans = memory._devices.setdefault(extent.device, [])
            spans.append((extent.start, extent.start + extent.size, extent.first, ref))
        for device, spans in memory._devices.items():
            spans.sort()
            memory._devices[device] = _maximal(spans)
            memory._starts[device] = [span[0] for span in memory._devices[device]]
        return memory

    def find(self, extent: Extent) -> tuple[Ref, int] | None:
        """(reference, offset in bytes from its first element) of a known object that covers ``extent``."""
        at = bisect.bisect_right(self._starts.get(extent.device, []), extent.start) - 1
        if at < 0:
            return None
        _, end, first, ref = self._devices[extent.device][at]
        return (ref, extent.first - first) if extent.start + extent.size <= end else None


def _maximal(spans: list[tuple[int, int, int, Ref]]) -> list[tuple[int, int, int, Ref]]:
    """Spans in the order of their starts, without those that lie inside another."""
    kept: list[tuple[int, int, int, Ref]] = []
    for span in spans:
        if kept and span[0] == kept[-1][0] and span[1] > kept[-1][1]:
            kept[-1] = span
        elif not kept or span[1] > kept[-1][1]:
            kept.append(span)
    return kept


def array_on(base: Any, description: Description, dtype: Any) -> Any:
    """The array that ``description`` tells, on the memory of ``base`` (an array or a tensor)."""
    import numpy as np

    shape, strides, offset = description["s"], description.get("st"), description["o"]
    owner, first = _owner(base)
    view = np.ndarray(tuple(shape), dtype, buffer=owner, offset=first + offset, strides=strides)
    if description.get("ro"):
        view.setflags(write=False)
    return view


def tensor_on(base: Any, description: Description, dtype: Any, strides: list[int]) -> Any:
    """The tensor that ``description`` tells, on the memory of ``base``; a copy where torch cannot express it."""
    import torch

    if isinstance(base, torch.Tensor):
        storage = base.untyped_storage()
        first = base.storage_offset() * base.element_size()
        device = base.device
    else:
        owner, first = _owner(base)
        flat = torch.frombuffer(memoryview(owner).cast("B"), dtype=torch.uint8)
        storage, device = flat.untyped_storage(), flat.device
    offset, rest = divmod(first + description["o"], dtype.itemsize)
    if rest:
        storage = torch.tensor([], dtype=torch.uint8, device=device).set_(storage)
        storage, offset = storage[first + description["o"] :].clone().untyped_storage(), 0
    return torch.empty(0, dtype=dtype, device=device).set_(
        storage, offset, description["s"], strides
    )


def _owner(base: Any) -> tuple[Any, int]:
    """Contiguous memory that holds ``base``, and the offset of its first element there."""
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(base, torch.Tensor):
        flat = torch.empty(0, dtype=torch.uint8).set_(base.detach().untyped_storage())
        return flat.numpy(), base.storage_offset() * base.element_size()
    owner, place = base, base.__array_interface__["data"][0]
    while not owner.flags.forc and isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.forc:
        owner = np.asarray(_Span(base))
    return owner, place - owner.__array_interface__["data"][0]


class _Span:
    """All the bytes that a strided array spans, as the array interface tells them. Keeps the array alive."""

    def __init__(self, array: Any) -> None:
        from .leaves import bounds

        first, is_read_only = array.__array_interface__["data"]
        start, end = bounds(first, array.shape, array.strides, array.itemsize)
        self.array = array
        self.__array_interface__ = {
            "data": (start, is_read_only),
            "shape": (end - start,),
            "typestr": "|u1",
            "version": 3,
        }
