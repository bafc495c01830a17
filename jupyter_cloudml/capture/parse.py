"""From the text of a cell to its tree."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Callable, Iterator

_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def parsed(source: str, transform: Callable[[str], str] | None) -> ast.Module:
    """The tree of ``source``, which compiles; ``transform`` is asked only for what is not Python as it stands (it takes ms).

    Raises:
        SyntaxError, ValueError: it is not Python, transformed or not.
        RecursionError: it is nested too deeply.
    """
    try:
        return _tree(source)
    except (SyntaxError, ValueError):
        if transform is None:
            raise
    return _tree(transform(source))


def _tree(source: str) -> ast.Module:
    with _without_warnings():  # the far side shows them once
        tree = compile(source, "<cell>", "exec", _FLAGS, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return tree


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """As ``warnings.catch_warnings``, which would also make Python show again every warning that it has shown once."""
    silent = ("ignore", None, Warning, None, 0)
    warnings.filters.insert(0, silent)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        warnings.filters.remove(silent)  # type: ignore[attr-defined]
