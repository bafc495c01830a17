"""Typed leaves: NumPy arrays, torch tensors, and frames, each with an exact description in the manifest."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Corrupt
from .regions import Extent, RegionReader, RegionWriter, bytes_extent, memory
from .views import KnownMemory, array_on, tensor_on

Description = dict[str, Any]
_SPARSE = 2


@dataclass(kw_only=True)
class LeafWriter:
    """Numbers the leaves of one manifest. The same object gets the same number however often it is met."""

    regions: RegionWriter
    part_pickler: Callable[[Any], tuple[bytes, list[memoryview]]]
    objects: list[Any] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    _unplaced: list[tuple[Description, Extent]] = field(default_factory=list)
    descriptions: list[Description] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    home_memory: KnownMemory | None = None
    detaches: bool = False
    detached: int = 0
    _may_share: bool = True
    _describe: dict[type, Callable[[LeafWriter, Any], Description | None]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self._describe = describers()

    def covers(self, kind: type) -> bool:
        """Whether values of exactly this type may be leaves."""
        return kind in self._describe

    def add(self, value: Any, *, private: bool = False) -> int | None:
        """The number of a leaf, or None when this very value must travel by pickle.

        A ``private`` leaf (a part of a frame) is never matched with another mention of the same object.
        """
        found = None if private else self.numbers.get(id(value))
        if found is not None:
            return found
        outer, self._may_share = self._may_share, not private
        description = self._describe[type(value)](self, value)
        self._may_share = outer
        if description is None:
            return None
        if private:
            description["private"] = 1
        number = len(self.descriptions)
        self.descriptions.append(description)
        self.objects.append(None if private else value)
        self.kept.append(value)
        if not private:
            self.numbers[id(value)] = number
        return number

    def place(self, description: Description, extent: Extent | None) -> Description:
        """Note that ``description`` gets the place of ``extent`` at the end, or at once where home has that memory."""
        if extent is None:
            return description
        if self.home_memory is not None and self._may_share:
            found = self.home_memory.find(extent)
            if found is not None:
                description["of"], description["o"] = found
                return description
        self.regions.add(extent)
        self._unplaced.append((description, extent))
        return description

    def finish(self) -> Description:
        """Store everything; the manifest's ``leaves``, ``regions`` and ``pack``."""
        manifest = self.regions.finish()
        for description, extent in self._unplaced:
            description["r"], description["o"] = extent.place
            if extent.is_compacted:
                description.pop("st", None)
                description["compact"] = 1
        return {"leaves": self.descriptions, **manifest}


def describers() -> dict[type, Callable[[LeafWriter, Any], Description | None]]:
    """How to describe each leaf type of the packages that are imported here; imports nothing."""
    table: dict[type, Callable[[LeafWriter, Any], Description | None]] = {}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and hasattr(numpy, "ndarray"):
        table[numpy.ndarray] = table[numpy.memmap] = describe_array
    if torch is not None and hasattr(torch, "nn"):
        table[torch.Tensor] = table[torch.nn.Parameter] = describe_tensor
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and hasattr(pandas, "DataFrame"):
        table[pandas.DataFrame] = table[pandas.Series] = describe_part
    if polars is not None and hasattr(polars, "DataFrame"):
        table[polars.DataFrame] = table[polars.Series] = describe_part
    return table


def describe_part(leaves: LeafWriter, value: Any) -> Description:
    """A frame: its own small pickle stream, with its columns as private leaves."""
    stream, buffers = leaves.part_pickler(value)
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    parts = [leaves.place({}, bytes_extent(part)) for part in (memoryview(stream), *buffers)]
    return {"k": "part", "t": kind, "parts": parts}


def describe_array(leaves: LeafWriter, array: Any) -> Description | None:
    """dtype, shape, strides, write flag and place of an array; None for Python objects inside."""
    dtype = _dtype_text(array.dtype)
    if dtype is None:
        return None
    description: Description = {"k": "nd", "d": dtype, "s": list(array.shape)}
    if not array.flags.c_contiguous:
        description["st"] = list(array.strides)
    if not array.flags.writeable:
        description["ro"] = 1
    return leaves.place(description, _array_extent(array))


def extent_of(leaf: Any) -> Extent | None:
    """The memory of an array or tensor; None where it has none, or is no such thing."""
    if type(leaf).__module__.partition(".")[0] == "numpy":
        return _array_extent(leaf)
    return _tensor_extent(leaf) if type(leaf).__module__.startswith("torch") else None


def _array_extent(array: Any) -> Extent | None:
    if array.nbytes == 0:
        return None
    first = array.__array_interface__["data"][0]
    start, end = bounds(first, array.shape, array.strides, array.itemsize)
    extent = Extent(
        device="cpu", start=start, size=end - start, owner=array, first=first, wanted=array.nbytes
    )
    if end - start > _SPARSE * array.nbytes:
        extent.compact = lambda: _compact_array(array)
    return extent


def _compact_array(array: Any) -> tuple[Any, memoryview]:
    import numpy as np

    copy = np.ascontiguousarray(array).reshape(array.shape)
    return copy, memory(copy.__array_interface__["data"][0], copy.nbytes)


def bounds(
    first: int, shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int
) -> tuple[int, int]:
    """The addresses of the first byte that a strided block touches, and behind the last."""
    start, end = first, first + itemsize
    for count, stride in zip(shape, strides, strict=True):
        if stride < 0:
            start += (count - 1) * stride
        else:
            end += (count - 1) * stride
    return start, end


def _dtype_text(dtype: Any) -> Any:
    if dtype.hasobject or dtype.metadata or dtype.kind == "T":
        return None
    if dtype.names is None:
        return dtype.str if dtype.subdtype is None and dtype.isbuiltin != 2 else None
    import numpy as np

    described = _listed(np.lib.format.dtype_to_descr(dtype))
    return described if dtype_from(described) == dtype else None


def _listed(described: Any) -> Any:
    return (
        [_listed(part) for part in described] if isinstance(described, (list, tuple)) else described
    )


def dtype_from(described: Any) -> Any:
    """The dtype of a description, structured ones included."""
    import numpy as np

    if isinstance(described, str):
        return np.dtype(described)
    fields = []
    for name, kind, *shape in described:
        part = dtype_from(kind) if isinstance(kind, list) else np.dtype(kind)
        fields.append((tuple(name) if isinstance(name, list) else name, part, *map(tuple, shape)))
    return np.lib.format.descr_to_dtype([(n, _raw(p), *s) for n, p, *s in fields])


def _raw(dtype: Any) -> Any:
    import numpy as np

    return np.lib.format.dtype_to_descr(dtype)


def describe_tensor(leaves: LeafWriter, tensor: Any) -> Description | None:
    """dtype, shape, strides, device, grad and place of a strided tensor; None for other layouts."""
    torch = sys.modules["torch"]
    if (
        tensor.layout != torch.strided
        or tensor.is_quantized
        or tensor.device.type not in ("cpu", "cuda")
        or tensor.is_conj()
        or tensor.is_neg()
        or tensor._backward_hooks
    ):
        return None
    description: Description = {
        "k": "tensor",
        "d": str(tensor.dtype).removeprefix("torch."),
        "s": list(tensor.shape),
        "dev": str(tensor.device),
    }
    if not tensor.is_contiguous():
        description["st"] = list(tensor.stride())
    if has_graph(tensor):
        if not leaves.detaches:
            description["graph"] = 1
        elif leaves._may_share:
            leaves.detached += 1
    elif tensor.requires_grad:
        description["grad"] = -1
    if type(tensor) is torch.nn.Parameter:
        description["param"] = 1
    if tensor.is_leaf and tensor.grad is not None:
        number = leaves.add(tensor.grad) if leaves.covers(type(tensor.grad)) else None
        if number is not None:
            description["g"] = number
    return leaves.place(description, _tensor_extent(tensor))


def has_graph(value: Any) -> bool:
    """Whether it is a tensor that was computed from others: its gradient flows on to them."""
    return (
        type(value).__module__.startswith("torch") and getattr(value, "grad_fn", None) is not None
    )


def _tensor_extent(tensor: Any) -> Extent | None:
    if not tensor.numel():
        return None
    size = tensor.element_size()
    first = tensor.data_ptr()
    strides = tuple(stride * size for stride in tensor.stride())
    start, end = bounds(first, tuple(tensor.shape), strides, size)
    return Extent(
        device=str(tensor.device),
        start=start,
        size=end - start,
        owner=tensor,
        first=first,
        wanted=tensor.numel() * size,
    )


@dataclass(kw_only=True)
class LeafReader:
    """Makes each leaf once, when it is first asked for; imports only the packages it then needs."""

    manifest: dict[str, Any]
    regions: RegionReader
    part_unpickler: Callable[[memoryview, list[memoryview]], Any]
    home: Callable[[int], Any] | None = None
    made: dict[int, Any] = field(default_factory=dict)

    def leaf(self, number: int) -> Any:
        """The value of a leaf; always the same object for a number."""
        if number not in self.made:
            description = self.manifest["leaves"][number]
            self.made[number] = _MAKERS[description["k"]](self, description)
        return self.made[number]

    def base_of(self, description: Description) -> Any:
        """The object at home on whose memory a view lies.

        Raises:
            Corrupt: this manifest has no home, or home has no such object.
        """
        if self.home is None:
            raise Corrupt("the bundle names memory of another", hint="submit the job again")
        return self.home(description["of"])

    def is_unchanged(self, number: int) -> bool:
        """Whether the memory of an array or tensor still has the content that travelled."""
        description = self.manifest["leaves"][number]
        if "r" not in description:
            return True
        if description["k"] == "nd" and self._owns_memory(description):
            return bool(self.leaf(number).tobytes() == self._original(description).tobytes())
        return self.regions.is_unchanged(description["r"])

    def _owns_memory(self, description: Description) -> bool:
        region = description["r"]
        return self.regions.is_packed(region) and not self.regions.is_shared(region)

    def _original(self, description: Description) -> Any:
        import numpy as np

        return np.ndarray(
            tuple(description["s"]),
            dtype_from(description["d"]),
            buffer=self.regions.original(description["r"]),
            offset=description["o"],
            strides=description.get("st"),
        )


def make_array(reader: LeafReader, description: Description) -> Any:
    """The array over its region; a small one that nothing shares owns its memory."""
    import numpy as np

    dtype, shape = dtype_from(description["d"]), tuple(description["s"])
    if "of" in description:
        return array_on(reader.base_of(description), description, dtype)
    if "r" not in description:
        array = np.empty(shape, dtype)
    else:
        number = description["r"]
        array = np.ndarray(
            shape,
            dtype,
            buffer=reader.regions.region(number),
            offset=description["o"],
            strides=description.get("st"),
        )
        if reader.regions.is_packed(number) and not reader.regions.is_shared(number):
            contiguous = array.flags.c_contiguous or array.flags.f_contiguous
            array = array.copy(order="K") if contiguous else array
    if description.get("ro"):
        array.setflags(write=False)
    return array


def make_tensor(reader: LeafReader, description: Description) -> Any:
    """The tensor on its own device, or on the CPU where that device is missing."""
    import torch

    device = available_device(description["dev"])
    dtype = getattr(torch, description["d"])
    shape = description["s"]
    strides = description.get("st") or _contiguous(shape)
    if "of" in description:
        tensor = tensor_on(reader.base_of(description), description, dtype, strides)
    elif "r" not in description:
        tensor = torch.empty_strided(shape, strides, dtype=dtype, device=device)
    else:
        storage = reader.regions.storage(description["r"], device)
        offset, rest = divmod(description["o"], dtype.itemsize)
        if rest:
            flat = torch.frombuffer(reader.regions.region(description["r"]), dtype=torch.uint8)
            storage, offset = flat[description["o"] :].clone().untyped_storage(), 0
        tensor = torch.empty(0, dtype=dtype, device=device).set_(storage, offset, shape, strides)
    if description.get("param"):
        tensor = torch.nn.Parameter(tensor, requires_grad="grad" in description)
    elif "grad" in description:
        tensor.requires_grad_()
    elif "graph" in description:
        tensor = _graphless().apply(tensor.requires_grad_())
    if "g" in description:
        tensor.grad = reader.leaf(description["g"])
    return tensor


@functools.lru_cache(maxsize=1)
def _graphless() -> Any:
    """Makes a tensor whose graph stayed behind: its value is all there, its gradient has nowhere to go."""
    import torch

    class GraphStayedBehind(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(_: Any, tensor: Any) -> Any:
            return tensor.view_as(tensor)

        @staticmethod
        def backward(_: Any, *_gradients: Any) -> Any:
            raise RuntimeError(
                "the autograd graph of a captured tensor stayed in the notebook:"
                " compute it in the cell that calls backward(), or capture tensor.detach()"
            )

    return GraphStayedBehind


def available_device(name: str) -> str:
    """``name`` where torch can use that device here, else ``cpu``."""
    import torch

    if name.startswith("cuda"):
        index = int(name.partition(":")[2] or 0)
        if not torch.cuda.is_available() or index >= torch.cuda.device_count():
            return "cpu"
    return name


def _contiguous(shape: list[int]) -> list[int]:
    strides, step = [], 1
    for count in reversed(shape):
        strides.append(step)
        step *= max(count, 1)
    return strides[::-1]


def make_part(reader: LeafReader, description: Description) -> Any:
    """A frame from its own stream."""
    stream, *buffers = [reader.regions.region(part["r"]) for part in description["parts"]]
    return reader.part_unpickler(stream, buffers)


_MAKERS: dict[str, Callable[[LeafReader, Description], Any]] = {
    "nd": make_array,
    "tensor": make_tensor,
    "part": make_part,
}
