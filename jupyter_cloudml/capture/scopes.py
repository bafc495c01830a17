"""Which names a block of statements makes local: what Python's own compiler decides before it runs a function."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Scope:
    """One scope inside the cell. ``bound`` of a function is complete; that of a class grows as its body runs."""

    kind: str
    bound: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)


def function_scope(arguments: ast.arguments, body: Iterable[ast.AST]) -> Scope:
    """The scope of a function or lambda: its parameters and every name that its body binds."""
    scope = Scope("function", parameter_names(arguments))
    _collect(scope, body)
    scope.bound -= scope.global_names | scope.nonlocal_names
    return scope


def parameter_names(arguments: ast.arguments) -> set[str]:
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return names | {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}


def declared_names(body: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    """The names that a class body declares ``global`` and ``nonlocal``."""
    scope = Scope("class")
    _collect(scope, body)
    return scope.global_names, scope.nonlocal_names


def target_names(target: ast.AST) -> set[str]:
    """The plain names that an assignment target binds (none for ``a.b`` and ``a[0]``)."""
    return {
        node.id
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _collect(scope: Scope, body: Iterable[ast.AST]) -> None:
    """Gather what ``body`` binds, without going into the scopes nested in it."""
    stack = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            scope.bound.add(node.name)
            stack += node.decorator_list
            continue
        if isinstance(node, _COMPREHENSIONS):
            _collect_walrus(scope, node)
            continue
        if isinstance(node, ast.Lambda):
            continue
        _collect_node(scope, node)
        stack += ast.iter_child_nodes(node)


def _collect_node(scope: Scope, node: ast.AST) -> None:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            scope.bound.add(node.id)
    elif isinstance(node, ast.Global):
        scope.global_names.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.nonlocal_names.update(node.names)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        scope.bound.update(imported_name(alias) for alias in node.names if alias.name != "*")
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        if node.name:
            scope.bound.add(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        scope.bound.add(node.rest)


def _collect_walrus(scope: Scope, comprehension: ast.AST) -> None:
    """A walrus inside a comprehension binds in the scope around it."""
    for node in ast.walk(comprehension):
        if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            scope.bound.add(node.target.id)


def imported_name(alias: ast.alias) -> str:
    """The name that ``import a.b`` (``a``) or ``import a.b as c`` (``c``) binds."""
    return alias.asname or alias.name.partition(".")[0]
