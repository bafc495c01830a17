"""One walk over a cell's tree in the order in which Python runs it."""

# ruff: noqa: N802 - visitors are named after the node types of ast

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .scopes import (
    Scope,
    declared_names,
    function_scope,
    imported_name,
    target_names,
)

_DYNAMIC_CALLS = frozenset({"exec", "eval", "globals"})
_DYNAMIC_BARE_CALLS = frozenset({"locals", "vars", "dir"})
_DYNAMIC_MODULES = frozenset({"__main__", "doctest", "unittest"})
_SHELL_NAMESPACE = frozenset(
    {"user_ns", "user_global_ns", "ev", "ex", "run_cell", "push", "safe_execfile"}
)
_QUERIES = frozenset({"sql", "query", "eval", "execute", "evaluate", "ols", "glm", "logit"})
_UNPICKLERS = frozenset({"load", "loads", "read_pickle", "unpack"})

ShellCall = Callable[[str, list[str]], None]


class CellWalk:
    """Walks statements and gathers names; ``shell_call`` is told of each ``get_ipython().method("text", …)``.

    ``surely_bound`` holds the names that every path through the cell has bound so far: reading one of
    them needs nothing from the notebook. A branch that ends in ``raise``, ``return``, ``break`` or
    ``continue`` has no say in what is bound after it.
    """

    def __init__(self, shell_call: ShellCall) -> None:
        self.reads: set[str] = set()
        self.deferred: set[str] = set()
        self.mentioned: set[str] = set()
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.star_imports: list[str] = []
        self.imports: set[str] = set()
        self.is_dynamic = False
        self.unpickles = False
        self.surely_bound: set[str] = set()
        self.must_exist: set[str] = set()
        self._likely_bound: set[str] = set()
        self._ended = False
        self._scopes: list[Scope] = []
        self._shell_call = shell_call
        self._visitors: dict[type, Callable[[Any], None] | None] = {}

    # -- dispatch

    def visit(self, node: ast.AST) -> None:
        kind = type(node)
        if kind not in self._visitors:
            self._visitors[kind] = getattr(self, f"_{kind.__name__}", None)
        visitor = self._visitors[kind]
        if visitor is not None:
            visitor(node)
        else:
            self._children(node)

    def body(self, statements: Iterable[ast.AST]) -> None:
        for statement in statements:
            self.visit(statement)

    def _children(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self.visit(value)
            elif isinstance(value, list):
                self._each(value)

    def _each(self, nodes: Sequence[Any]) -> None:
        for node in nodes:
            if isinstance(node, ast.AST):
                self.visit(node)

    # -- names

    def load(self, name: str) -> None:
        """Note that ``name`` is read here."""
        is_deferred = False
        for depth, scope in enumerate(reversed(self._scopes)):
            if name in scope.global_names:
                is_deferred = is_deferred or scope.kind == "function"
                break
            if name in scope.bound and (scope.kind != "class" or depth == 0):
                return
            is_deferred = is_deferred or scope.kind == "function"
        is_deferred = is_deferred or any(scope.kind == "function" for scope in self._scopes)
        if name not in self.surely_bound:
            is_late = is_deferred or name in self._likely_bound
            (self.deferred if is_late else self.reads).add(name)

    def store(self, name: str) -> None:
        """Note that ``name`` is bound here."""
        scope = self._binding_scope()
        if scope is None:
            self.binds.add(name)
            self.surely_bound.add(name)
        elif name in scope.global_names:
            self.binds.add(name)
            if not self._in_function():
                self.surely_bound.add(name)
        elif scope.kind == "class":
            scope.bound.add(name)

    def delete(self, name: str) -> None:
        """Note that ``name`` is deleted here."""
        scope = self._binding_scope()
        if scope is None or name in scope.global_names:
            self.deletes.add(name)
            if name not in self.surely_bound:
                self.must_exist.add(name)
            elif not self._in_function():
                self.surely_bound.discard(name)
        elif scope.kind == "class":
            scope.bound.discard(name)

    def _binding_scope(self) -> Scope | None:
        """The scope in which a plain assignment binds; None is the notebook itself."""
        for scope in reversed(self._scopes):
            if scope.kind != "comprehension":
                return scope
        return None

    def _in_function(self) -> bool:
        return any(scope.kind == "function" for scope in self._scopes)

    def _Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.store(node.id)
        else:
            self.delete(node.id)

    def _Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and "__main__" in node.value and len(node.value) > 8:
            self.is_dynamic = True

    # -- assignments

    def _Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        self._each(node.targets)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self._in_function():
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def _NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.store(node.target.id)

    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import_module(alias.name)
            self.store(imported_name(alias))

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        self._import_module(module)
        for alias in node.names:
            if alias.name == "*":
                self.star_imports.append(module)
            else:
                self.store(imported_name(alias))

    def _import_module(self, module: str) -> None:
        self.imports.add(module)
        if module.partition(".")[0] in _DYNAMIC_MODULES:
            self.is_dynamic = True

    # -- control flow

    def _Raise(self, node: ast.Raise) -> None:
        self._children(node)
        self._ended = True

    def _Return(self, node: ast.Return) -> None:
        self._children(node)
        self._ended = True

    def _Break(self, node: ast.Break) -> None:  # noqa: ARG002
        self._ended = True

    def _Continue(self, node: ast.Continue) -> None:  # noqa: ARG002
        self._ended = True

    def _branches(self, branches: Iterable[Callable[[], None]]) -> None:
        """Run alternatives from one state; after them only what every living one bound is sure."""
        before = set(self.surely_bound)
        ends: list[set[str]] = []
        for branch in branches:
            self.surely_bound, self._ended = set(before), False
            branch()
            if not self._ended:
                ends.append(self.surely_bound)
        self._ended = not ends
        self.surely_bound = set.intersection(*ends) if ends else before

    def _maybe(self, run: Callable[[], None]) -> None:
        self._branches([run, lambda: None])

    def _If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches([lambda: self.body(node.body), lambda: self.body(node.orelse)])

    def _IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._branches([lambda: self.visit(node.body), lambda: self.visit(node.orelse)])

    def _BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._maybe(lambda: self._each(node.values[1:]))

    def _For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)

        def once() -> None:
            self.visit(node.target)
            self.body(node.body)

        self._maybe(once)
        self._maybe(lambda: self.body(node.orelse))
        self._ended = False

    _AsyncFor = _For

    def _While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._maybe(lambda: self.body(node.body))
        self._maybe(lambda: self.body(node.orelse))
        self._ended = False

    def _With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.visit(item.optional_vars)
        # A context manager may swallow an exception: what the body binds is likely after it, not sure.
        before = set(self.surely_bound)
        self.body(node.body)
        self._ended = False
        self._likely_bound |= self.surely_bound - before
        self.surely_bound = before

    _AsyncWith = _With

    def _Try(self, node: Any) -> None:
        before = set(self.surely_bound)
        self._branches(
            [
                lambda: self.body([*node.body, *node.orelse]),
                *(lambda handler=handler: self._handler(handler) for handler in node.handlers),
            ]
        )
        if not node.finalbody:
            return
        ended, after = self._ended, self.surely_bound
        self.surely_bound, self._ended = before, False
        self.body(node.finalbody)
        self.surely_bound |= after
        self._ended = self._ended or ended

    _TryStar = _Try

    def _handler(self, handler: ast.ExceptHandler) -> None:
        if handler.type is not None:
            self.visit(handler.type)
        if handler.name:
            self.store(handler.name)
        self.body(handler.body)
        if handler.name:
            self.delete(handler.name)

    def _Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        cases = [lambda case=case: self._case(case) for case in node.cases]
        self._branches(cases if _is_irrefutable(node.cases[-1]) else [*cases, lambda: None])

    def _case(self, case: ast.match_case) -> None:
        self.visit(case.pattern)
        if case.guard is not None:
            self.visit(case.guard)
        self.body(case.body)

    def _MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self._children(node)
        if node.name:
            self.store(node.name)

    _MatchStar = _MatchAs

    def _MatchMapping(self, node: ast.MatchMapping) -> None:
        self._children(node)
        if node.rest:
            self.store(node.rest)

    # -- scopes

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._each(node.decorator_list)
        self._defaults(node.args)

        def signature() -> None:
            self._annotations(node.args)
            if node.returns is not None:
                self.visit(node.returns)

        self._with_type_params(node, signature)
        scope = function_scope(node.args, node.body)
        scope.bound |= _type_param_names(node)
        self._deferred(scope, lambda: self.body(node.body))
        self.store(node.name)

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self._deferred(function_scope(node.args, [node.body]), lambda: self.visit(node.body))

    def _ClassDef(self, node: ast.ClassDef) -> None:
        self._each(node.decorator_list)
        self._with_type_params(node, lambda: self._each([*node.bases, *node.keywords]))
        global_names, nonlocal_names = declared_names(node.body)
        if params := _type_param_names(node):
            self._scopes.append(Scope("comprehension", params))
        self._scopes.append(Scope("class", set(), global_names, nonlocal_names))
        ended = self._ended
        self.body(node.body)
        self._ended = ended
        self._scopes.pop()
        if params:
            self._scopes.pop()
        self.store(node.name)

    def _TypeAlias(self, node: Any) -> None:
        scope = Scope("function", _type_param_names(node))
        self._deferred(scope, lambda: self._each([*node.type_params, node.value]))
        self.visit(node.name)

    def _with_type_params(self, node: Any, run: Callable[[], None]) -> None:
        params = _type_param_names(node)
        if not params:
            run()
            return
        self._scopes.append(Scope("comprehension", params))
        self._each(node.type_params)
        run()
        self._scopes.pop()

    def _defaults(self, arguments: ast.arguments) -> None:
        self._each(arguments.defaults)
        self._each(arguments.kw_defaults)

    def _annotations(self, arguments: ast.arguments) -> None:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in (*every, arguments.vararg, arguments.kwarg):
            if argument is not None and argument.annotation is not None:
                self.visit(argument.annotation)

    def _deferred(self, scope: Scope, run: Callable[[], None]) -> None:
        """Walk a function body: it runs later, and ends nothing here."""
        bound, ended = set(self.surely_bound), self._ended
        self._scopes.append(scope)
        run()
        self._scopes.pop()
        self.surely_bound, self._ended = bound, ended

    def _comprehension_of(self, node: Any) -> None:
        generators: list[ast.comprehension] = node.generators
        self.visit(generators[0].iter)
        targets = set().union(*(target_names(g.target) for g in generators))
        self._scopes.append(Scope("comprehension", targets))
        before = set(self.surely_bound)
        for index, generator in enumerate(generators):
            if index:
                self.visit(generator.iter)
            self._loads_of_target(generator.target)
            self._each(generator.ifs)
        self._each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._scopes.pop()
        self.surely_bound = before

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension_of

    def _loads_of_target(self, target: ast.AST) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.load(node.id)

    # -- calls that reach further than their text

    def _Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            self._named_call(function.id, node)
        elif isinstance(function, ast.Attribute):
            self._method_call(function, node)
        self._children(node)

    def _named_call(self, name: str, node: ast.Call) -> None:
        bare = not node.args and not node.keywords
        reads_notebook = name in _DYNAMIC_BARE_CALLS and bare and not self._in_function()
        if name in _DYNAMIC_CALLS or reads_notebook:
            self.is_dynamic = True
        elif name in _UNPICKLERS:
            self.unpickles = True
        elif name in _QUERIES:
            self._mention(node)

    def _method_call(self, function: ast.Attribute, node: ast.Call) -> None:
        if is_shell(function.value):
            texts = [_text(argument) for argument in node.args]
            self._shell_call(function.attr, texts)
        elif function.attr in _QUERIES:
            self._mention(node)
        elif function.attr in _UNPICKLERS:
            self.unpickles = True

    def _mention(self, node: ast.Call) -> None:
        """Query strings name variables of the notebook: pandas ``@x``, DuckDB and Polars tables, formulas."""
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            for part in ast.walk(argument):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    self.mentioned |= identifiers(part.value)

    def _Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _SHELL_NAMESPACE and is_shell(node.value):
            self.is_dynamic = True
        self.visit(node.value)


def identifiers(text: str) -> set[str]:
    """Every word in ``text`` that could be a Python name."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return {word for word in words if word.isidentifier()}


def is_shell(node: ast.AST) -> bool:
    """Whether ``node`` is the call ``get_ipython()``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_irrefutable(case: ast.match_case) -> bool:
    pattern = case.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _type_param_names(node: Any) -> set[str]:
    return {param.name for param in getattr(node, "type_params", ())}
