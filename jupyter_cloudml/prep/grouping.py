"""Cells that group files of this machine and join nothing. DuckDB runs them, in a fifth less time and half to two thirds
of the memory (docs/performance.md), and spills where the groups are many; joins, whole tables and object stores are Polars' (`choose`).

A dataframe cell is recognised by its source, before it runs, and its types are inferred: it is one of these only where every
word and every type in it means the same on both engines, and its result is the groups. All else stays on Polars.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NUMBER, TEXT, BOOL, TIME = "number", "text", "bool", "time"
COUNT = "count"
"""To be looked at and not to be reckoned with: Polars counts in 32 bits."""
_KINDS = {
    "int64": NUMBER,
    "double": NUMBER,
    "string": TEXT,
    "large_string": TEXT,
    "string_view": TEXT,
    "bool": BOOL,
    "date32[day]": TIME,
    "timestamp[us]": TIME,
}
"""Arrow's types that both engines read, group and give back alike. Of a column of another type a cell may say nothing."""
_NARROW = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float"})
_MOST = 2**31  # what an integer in a cell may be


def is_grouping_query(tree: Any) -> bool:
    """Whether a query counts, adds up or tells apart, in one table."""
    from sqlglot import exp

    return (
        tree is not None
        and tree.find(exp.Join) is None
        and tree.find(exp.Group, exp.Distinct, exp.AggFunc) is not None
    )


def are_plain(schemas: Iterable[Any]) -> bool:
    """Whether DuckDB gives back every column of tables with these Arrow schemas as it was."""
    return all(
        str(field.type) in _KINDS or str(field.type) in _NARROW
        for schema in schemas
        for field in schema
    )


def is_grouping_cell(code: str, schemas: Mapping[str, Any], result: str) -> bool:
    """Whether what a dataframe cell makes for ``result`` are groups of one source, in words that both engines understand alike.

    ``schemas`` are Arrow's, by the names of the sources. Integers that grow beyond 64 bits are not looked for: there DuckDB
    raises, and Polars wraps around.
    """
    try:
        frames = {
            name: _Frame({field.name: _KINDS.get(str(field.type), "") for field in schema})
            for name, schema in schemas.items()
        }
        body = ast.parse(code).body
        for part in body:
            match part:
                case ast.Import(names=[ast.alias(name="narwhals", asname="nw")]):
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != "nw":
                    frames[name] = _frame(value, frames)
                case ast.Expr(value=value) if part is body[-1] and result not in frames:
                    frames[result] = _frame(value, frames)
                case _:
                    return False
    except (SyntaxError, ValueError, _NotAlikeError):
        return False
    return result in frames and frames[result].is_grouped


class _NotAlikeError(Exception):
    """The cell says what the engines may understand differently."""


@dataclass(frozen=True)
class _Frame:
    """The kinds of a frame's columns, by name; empty ones are not to be touched."""

    columns: Mapping[str, str]
    is_grouped: bool = False

    def __post_init__(self) -> None:
        if len({name.lower() for name in self.columns}) < len(self.columns):
            raise _NotAlikeError  # DuckDB's names have no case

    def kind(self, name: str) -> str:
        if not (found := self.columns.get(name)):
            raise _NotAlikeError
        return found


def _frame(node: ast.expr, frames: Mapping[str, _Frame]) -> _Frame:
    match node:
        case ast.Name(id=name) if name in frames:
            return frames[name]
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(
                    func=ast.Attribute(value=source, attr="group_by"), args=by, keywords=[]
                ),
                attr="agg",
            )
        ) if by:
            frame = _frame(source, frames)
            keys = {name: frame.kind(name) for name in map(_text, by)}
            return _Frame(_merged(keys, _made(node, frame, _aggregate)), is_grouped=True)
        case ast.Call(func=ast.Attribute(value=source, attr=word)):
            return _step(word, node, _frame(source, frames))
    raise _NotAlikeError


def _step(word: str, call: ast.Call, frame: _Frame) -> _Frame:
    if word == "filter" and call.args and not call.keywords:
        for argument in call.args:
            _wanted(_column(argument, frame)[1], BOOL)
        return frame
    if word == "with_columns":
        made = _made(call, frame, _column)
        return _Frame({**frame.columns, **made}, is_grouped=frame.is_grouped)
    if word == "sort" and call.args:
        for name in map(_text, call.args):
            frame.kind(name)
        for keyword in call.keywords:
            if keyword.arg not in ("descending", "nulls_last") or not _is_bool(keyword.value):
                raise _NotAlikeError
        return frame
    raise _NotAlikeError


def _made(call: ast.Call, frame: _Frame, understand: Any) -> dict[str, str]:
    """The columns that the arguments of a call make."""
    given = [understand(argument, frame) for argument in call.args]
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _NotAlikeError
        given.append((keyword.arg, understand(keyword.value, frame)[1]))
    made: dict[str, str] = {}
    for name, kind in given:
        made = _merged(made, {name: kind})
    return made


def _merged(some: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both; of no name twice, and each with a name and a kind."""
    if not all(more) or not all(more.values()) or not some.keys().isdisjoint(more):
        raise _NotAlikeError
    return {**some, **more}


def _aggregate(node: ast.expr, frame: _Frame) -> tuple[str, str]:
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="alias"), args=[alias], keywords=[]):
            return _text(alias), _aggregate(inner, frame)[1]
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="nw"), attr="len"), args=[], keywords=[]
        ):
            return "len", COUNT
        case ast.Call(
            func=ast.Attribute(value=inner, attr="sum" | "mean" | "count" as word),
            args=[],
            keywords=[],
        ):
            name, kind = _column(inner, frame)
            if word == "count" or (word == "sum" and kind == BOOL):
                return name, COUNT
            return name, _wanted(kind, NUMBER)
    raise _NotAlikeError


def _column(node: ast.expr, frame: _Frame) -> tuple[str, str]:
    """The name and the kind of an expression over columns."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="nw"), attr="col"), args=[column], keywords=[]
        ):
            return _text(column), frame.kind(_text(column))
        case ast.Call(func=ast.Attribute(value=inner, attr="alias"), args=[alias], keywords=[]):
            return _text(alias), _column(inner, frame)[1]
        case ast.Call(func=ast.Attribute(value=inner, attr="is_null"), args=[], keywords=[]):
            return _column(inner, frame)[0], BOOL
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            return _both(left, right, frame, NUMBER)[0], NUMBER
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
            return _both(left, right, frame, BOOL)[0], BOOL
        case ast.UnaryOp(op=ast.Invert(), operand=inner):
            name, kind = _column(inner, frame)
            return name, _wanted(kind, BOOL)
        case ast.Compare(left=left, comparators=[right]) if isinstance(
            node.ops[0], (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
        ):
            return _both(left, right, frame, NUMBER, TEXT)[0], BOOL
    raise _NotAlikeError


def _both(left: ast.expr, right: ast.expr, frame: _Frame, *wanted: str) -> tuple[str, str]:
    """The name and the kind of two sides of one wanted kind. One may be a constant; after one at the left there is no name."""
    sides = [_constant(side) or _column(side, frame) for side in (left, right)]
    (name, kind), (other, other_kind) = sides
    if kind != other_kind or not (name or other):
        raise _NotAlikeError
    return name, _wanted(kind, *wanted)


def _constant(node: ast.expr) -> tuple[str, str] | None:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)):
            return ("", NUMBER) if _is_number(value) else None
        case ast.Constant(value=value):
            if _is_number(value):
                return "", NUMBER
            return ("", TEXT) if isinstance(value, str) else None
    return None


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and value < _MOST


def _is_bool(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        return node.value
    raise _NotAlikeError


def _wanted(kind: str, *wanted: str) -> str:
    if kind not in wanted:
        raise _NotAlikeError
    return kind
