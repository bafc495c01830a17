"""Cells that may differ, each with its reason. Everything else that differs is a bug."""

from __future__ import annotations

_GENERATOR = "a running generator has no state that Python can copy; it stays, and the cell says so"
_LRU_CACHE = (
    "functools.lru_cache copies the function and not its cache: entries made there stay there"
)
_GRAPH = (
    "the autograd graph stays with the job: the tensor comes home detached (requires_grad False), so that"
    " backward() through it fails instead of giving a wrong gradient"
)

EXCEPTIONS: dict[str, str] = {
    "functions/generators/4": _GENERATOR,
    "functions/decorators/18": _LRU_CACHE,
    "functions/decorators/19": _LRU_CACHE,
    "torch_training/tensors/4": _GRAPH,
    "torch_training/tensors/15": _GRAPH,
    "torch_training/tensors/16": _GRAPH,
}
