"""Cells that group files of this machine and join nothing. DuckDB runs them, in a fifth less time and a third of the memory
(docs/performance.md), and spills where the groups are many; joins, whole tables and object stores are Polars' (`choose`).

A dataframe cell is recognised by its source alone, and only where it says nothing but words that tests compare on both
engines, row by row; a cell that says more is Polars', whatever it does.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Any

_SPOKEN = frozenset({"col", "len"})
_METHODS = frozenset(
    """filter with_columns select group_by agg sort rename drop
    sum mean count len alias is_null is_in is_between""".split()  # noqa: SIM905
)
_OF_COLUMNS = frozenset({"col", "group_by", "select", "sort", "drop"})
_MAKING = frozenset({"with_columns", "select", "agg"})
_NODES = (
    ast.Module, ast.Assign, ast.Expr, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Load, ast.Store,
    ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.Invert, ast.USub,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_CONSTANTS = (str, int, float, bool, type(None))


def is_grouping_query(tree: Any) -> bool:
    """Whether a query counts, adds up or tells apart, in one table."""
    from sqlglot import exp

    return (
        tree is not None
        and tree.find(exp.Join) is None
        and tree.find(exp.Group, exp.Distinct, exp.AggFunc) is not None
    )


def is_grouping_cell(code: str, sources: Collection[str]) -> bool:
    """Whether a dataframe cell groups a source, in words that both engines understand alike."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    tree.body = [part for part in tree.body if not _is_import_of_narwhals(part)]
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    if not all(any(word is function for function in called) for word in words):
        return False  # nw.Int64, .str, .dt
    known = {"nw", *sources}
    for part in tree.body:
        if not all(_is_plain(node, known) for node in ast.walk(part)):
            return False
        if isinstance(part, ast.Assign):
            known |= {target.id for target in part.targets if isinstance(target, ast.Name)}
    return any(word.attr == "group_by" for word in words)


def columns_of(code: str) -> tuple[set[str], set[str]]:
    """The columns that such a cell reads, and those that it makes; one may be both."""
    read: set[str] = set()
    made: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            texts = {part.value for word in node.args for part in _texts(word)}
            if node.func.attr in _MAKING:
                made |= {str(keyword.arg) for keyword in node.keywords}
            if node.func.attr in ("alias", "rename"):
                made |= texts
            elif node.func.attr in _OF_COLUMNS:
                read |= texts
    return read, made


def _texts(word: ast.expr) -> Iterator[Any]:
    """The texts of an argument: itself, or those of a list or a mapping."""
    parts: list[Any] = [word, *getattr(word, "elts", ()), *getattr(word, "values", ())]
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part


def _is_plain(node: ast.AST, known: Collection[str]) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="nw"), attr=word)):
            return word in _SPOKEN
        case ast.Call(func=ast.Attribute(attr=word)):
            return word in _METHODS
        case ast.Call():
            return False
        case ast.Name(id=name, ctx=ast.Load()):
            return name in known
        case ast.Name(id=name):
            return name != "nw"
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Name) for target in targets)
        case ast.Constant(value=value):
            return isinstance(value, _CONSTANTS)
        case ast.keyword(arg=name):
            return name is not None
    return isinstance(node, _NODES)


def _is_import_of_narwhals(part: ast.stmt) -> bool:
    return isinstance(part, ast.Import) and [(a.name, a.asname) for a in part.names] == [
        ("narwhals", "nw")
    ]
