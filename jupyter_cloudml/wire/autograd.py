"""Tensors with the graph that they were computed by: ``loss`` of one cell, ``loss.backward()`` in the next.

A graph travels as records, one for each of its nodes: the node's name, what it saved for its gradient, and where that
flows to. The other end builds nodes of the same names, which compute gradients with the very kernels that torch's own
use (``gradients.py``). A node whose saved tensors were freed travels without them, and refuses a second ``backward()``
as torch does. A graph with a node that is not known there stays, and the tensor travels without it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from .gradients import GRADIENTS

MAX_NODES = 20_000
MAX_SAVED_BYTES = 256 << 20
_SIGN = 1 << 63
_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been"
    " freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify"
    " retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors"
    " after calling backward."
)
Edge = Any
"""``(record, number of its output)``, a leaf tensor that gathers the gradient, or the shape of one that needs none."""


class GraphStays(Exception):
    """The graph has a node that cannot be built again, or is too large."""


class Saved:
    """What a node has to know for its gradient, by torch's own names (``self``, ``result``, ``dim``)."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


class Record:
    """One node of a graph: ``shapes`` are those of its outputs as ``(shape, dtype, device)``."""

    def __init__(self, name: str, shapes: list[Any], edges: list[Edge], function: Any) -> None:
        self.name = name
        self.shapes = shapes
        self.edges = edges
        self.function = function
        self.node: Any = None
        self.ports: dict[int, Any] = {}

    def __reduce__(self) -> Any:
        saved, attributes = _saved(self)
        parts = (self.name, self.shapes, self.edges, self.function, saved, attributes)
        return built, parts

    def port(self, number: int) -> Any:
        """The tensor that comes out of this node: the notebook's own, where it has it."""
        if number not in self.ports:
            saved, attributes = _saved(self)
            made = built(self.name, self.shapes, self.edges, self.function, saved, attributes)
            self.ports = {**made.ports, **self.ports}
        return self.ports[number]

    def inputs(self) -> list[Any]:
        import torch

        found: list[Any] = []
        for edge in self.edges:
            if isinstance(edge, torch.Tensor):
                found.append(edge)
            elif isinstance(edge[0], Record):
                found.append(edge[0].port(edge[1]))
            else:
                found.append(torch.empty(0))
        return found

    def shape_of_input(self, number: int) -> tuple[int, ...]:
        edge = self.edges[number]
        if isinstance(edge, tuple):
            return tuple(edge[0].shapes[edge[1]][0]) if isinstance(edge[0], Record) else ()
        return tuple(edge.shape)


def built(
    name: str,
    shapes: list[Any],
    edges: list[Edge],
    function: Any,
    saved: dict[str, Any] | tuple[Any, ...] | None,
    attributes: dict[str, Any],
) -> Record:
    """A record with a node of this process. ``saved`` is None for a node whose memory was freed."""
    import torch

    record = Record(name, shapes, edges, function)
    with torch.enable_grad():
        outputs = _node_class(name).apply(record, saved, attributes, *record.inputs())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    record.ports = dict(enumerate(outputs))
    record.node = outputs[0].grad_fn
    return record


def tensor_of(_new: list[Record], record: Record, number: int, value: Any, retained: Any) -> Any:
    """The tensor with ``value`` that came out of a record's node."""
    tensor = record.port(number)
    tensor.data = value
    if retained is not None:
        set_retained(tensor, retained)
    return tensor


def retained_of(tensor: Any) -> tuple[Any] | None:
    """``(grad,)`` of a tensor that keeps its gradient though it is no leaf."""
    return (tensor.grad,) if tensor.retains_grad else None


def set_retained(tensor: Any, retained: tuple[Any]) -> None:
    tensor.retain_grad()
    tensor.grad = retained[0]


def is_freed(tensor: Any) -> bool:
    """Whether ``backward()`` has freed what a graph that travelled had saved."""
    return any(_saved(node.cloudml_record)[0] is None for node in _travelled(tensor))


def free(tensor: Any) -> None:
    """Let a graph that travelled be as after ``backward()``."""
    for node in _travelled(tensor):
        if any(True for _ in _tensors(_saved(node.cloudml_record)[0])):
            node.cloudml_saved = _nothing


def _nothing(_: Any) -> None:
    return None


def _travelled(tensor: Any) -> Iterator[Any]:
    """The nodes of a tensor's graph that were built from records."""
    todo, seen = [tensor.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            todo += [below for below, _ in node.next_functions]
            if hasattr(node, "cloudml_record"):
                yield node


class Graphs:
    """The records of the graphs that one manifest holds."""

    def __init__(self) -> None:
        self._records: dict[int, Record] = {}
        self._fresh: list[Record] = []
        self._bytes = 0

    def can_take(self, tensor: Any) -> bool:
        """Whether the tensor's whole graph can travel."""
        before = dict(self._records)
        try:
            self._fresh += list(self._new(tensor.grad_fn))
        except (GraphStays, RuntimeError, AttributeError):
            self._records = before
            return False
        return bool(tensor.output_nr < len(self._records[id(tensor.grad_fn)].shapes))

    def reduce(self, tensor: Any) -> Any:
        """How a tensor travels with its graph; None where the graph has to stay."""
        if not self.can_take(tensor):
            return None
        record, new, self._fresh = self._records[id(tensor.grad_fn)], self._fresh, []
        record.ports[tensor.output_nr] = tensor
        value = tensor.detach()
        return tensor_of, (new, record, tensor.output_nr, value, retained_of(tensor))

    def _new(self, top: Any) -> Iterator[Record]:
        """Records of nodes that were not met before, in the order in which they were made: the engine follows it."""
        found: dict[int, Any] = {}
        todo = [top]
        while todo:
            node = todo.pop()
            if id(node) in self._records or id(node) in found:
                continue
            found[id(node)] = node
            if len(self._records) + len(found) > MAX_NODES:
                raise GraphStays
            todo += [n for n, _ in node.next_functions if n is not None and not _is_leaf(n)]
        for node in sorted(found.values(), key=lambda node: int(node._sequence_nr())):
            self._records[id(node)] = record = self._record(node)
            yield record

    def _record(self, node: Any) -> Record:
        known: Record | None = getattr(node, "cloudml_record", None)
        if known is None:
            name = type(node).__name__
            function = getattr(type(node), "_forward_cls", None)
            edges = [self._edge(*edge) for edge in node.next_functions]
            known = Record(name, _shapes(node), edges, function)
            known.node = node
        saved, _ = _saved(known)
        if saved is not None and known.function is None and known.name not in GRADIENTS:
            raise GraphStays
        self._bytes += sum(t.nbytes for t in _tensors(saved))
        if self._bytes > MAX_SAVED_BYTES:
            raise GraphStays
        return known

    def _edge(self, node: Any, number: int) -> Edge:
        if node is None:
            return None, 0
        return node.variable if _is_leaf(node) else (self._records[id(node)], number)


def _is_leaf(node: Any) -> bool:
    return type(node).__name__ == "AccumulateGrad"


def _shapes(node: Any) -> list[Any]:
    return [(tuple(m.shape), m.dtype, m.device) for m in node._input_metadata]


def _tensors(saved: Any) -> Iterable[Any]:
    values = saved.values() if isinstance(saved, dict) else saved or ()
    return (value for value in values if hasattr(value, "nbytes"))


def _saved(record: Record) -> tuple[Any, dict[str, Any]]:
    """What a node has saved, and the attributes of a node of a user's function; None for what was freed."""
    node = record.node
    try:
        if getattr(node, "cloudml_record", None) is record:
            return node.cloudml_saved(node.saved_tensors), node.cloudml_attributes
        if record.function is not None:
            return tuple(map(_travelling, node.saved_tensors)), dict(node.__dict__)
        names = [name for name in dir(node) if name.startswith("_saved_")]
        return {name[7:]: _travelling(getattr(node, name)) for name in names}, {}
    except RuntimeError:
        return None, {}


def _travelling(value: Any) -> Any:
    """A saved value: tensors without their own graphs, negative numbers, which torch shows without their sign."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_travelling, value))
    if type(value) is int and value >= _SIGN:
        return value - 2 * _SIGN
    return value.detach() if hasattr(value, "detach") else value


@functools.cache
def _node_class(name: str) -> Any:
    """A function whose nodes look like torch's own of this name."""
    import torch

    def forward(ctx: Any, record: Record, saved: Any, attributes: Any, *_inputs: Any) -> Any:
        ctx.cloudml_record = record
        ctx.cloudml_attributes = attributes
        ctx.cloudml_saved = _packed(ctx, saved)
        ctx.__dict__.update(attributes)
        outputs = tuple(
            torch.empty_strided(shape, [0] * len(shape), dtype=dtype, device=_device(device))
            for shape, dtype, device in record.shapes
        )
        return outputs if len(outputs) != 1 else outputs[0]

    def backward(ctx: Any, *gradients: Any) -> Any:
        record = ctx.cloudml_record
        saved = ctx.cloudml_saved(ctx.saved_tensors)
        if saved is None:
            raise RuntimeError(_FREED)
        if record.function is not None:
            found = record.function.backward(_OfUser(ctx), *gradients)
        else:
            needs = ctx.needs_input_grad[3:]
            found = GRADIENTS[record.name](Saved(saved), gradients, needs, record.shape_of_input)
        found = found if isinstance(found, (tuple, list)) else (found,)
        return (None, None, None, *_of_tensors(found, record))

    cls: Any = type(
        name,
        (torch.autograd.Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )
    looks = {"__module__": "builtins", "_forward_cls": cls}
    cls._backward_cls = type(name, (torch.autograd.function.BackwardCFunction,), looks)
    return cls


class _OfUser:
    """The context of a user's function: its attributes, and which of its inputs need a gradient."""

    def __init__(self, ctx: Any) -> None:
        self.__dict__.update(ctx.cloudml_attributes)
        self.saved_tensors = ctx.saved_tensors
        self.needs_input_grad = ctx.cloudml_attributes.get(
            "cloudml_needs", ctx.needs_input_grad[3:]
        )


def _of_tensors(found: Any, record: Record) -> list[Any]:
    """A gradient for each edge; a user's function gives one for each argument, tensors or not."""
    all_found: list[Any] = list(found)
    if len(all_found) > len(record.edges):
        given = [gradient for gradient in all_found if gradient is not None]
        all_found = given if len(given) == len(record.edges) else all_found[: len(record.edges)]
    return all_found + [None] * (len(record.edges) - len(all_found))


def _packed(ctx: Any, saved: Any) -> Any:
    """Saves the tensors in the node, so that torch frees them; gives how to put them back in their places."""
    if saved is None:
        return lambda _: None
    if isinstance(saved, tuple):
        ctx.save_for_backward(*saved)
        return tuple
    import torch

    names = [name for name, value in saved.items() if isinstance(value, torch.Tensor)]
    rest = {name: value for name, value in saved.items() if name not in names}
    ctx.save_for_backward(*(saved[name] for name in names))
    return lambda tensors: {**rest, **dict(zip(names, tensors, strict=True))}


def _device(device: Any) -> Any:
    from .leaves import available_device

    return available_device(str(device))
