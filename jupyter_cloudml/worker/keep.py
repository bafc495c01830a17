"""The last expression of a cell under a name, where it is not to be shown."""

from __future__ import annotations

import ast


class KeepLast(ast.NodeTransformer):
    """Binds the value of a last expression to ``name``; a cell that ends otherwise is left as it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Module(self, node: ast.Module) -> ast.Module:
        if node.body and isinstance(node.body[-1], ast.Expr):
            last = node.body[-1]
            target = ast.copy_location(ast.Name(self._name, ast.Store()), last)
            bound = ast.Assign(targets=[target], value=last.value)
            node.body[-1] = ast.copy_location(bound, last)
        return node
