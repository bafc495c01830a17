"""Which SQL Polars and DuckDB agree on. There Polars runs it (it is the faster one, above all from object stores), else
DuckDB does.

The words are those that tests compare on both, row by row; Polars differs where a joined ``*`` or ``USING`` doubles a
column, and where the order of nulls is not written out (`for_polars` does).
"""

from __future__ import annotations

from typing import Any

_NODES = frozenset(
    """Select From Table TableAlias Identifier Column Alias Literal Boolean Null Paren Where Group Having Order Ordered
    Limit Offset Distinct With CTE Subquery Join And Or Not EQ NEQ GT GTE LT LTE Is In Between Add Sub Mul Div Neg
    Case If Count Sum Avg Min Max Coalesce Abs Lower Upper Star""".split()  # noqa: SIM905
)
_CASTS = frozenset({"BIGINT", "DOUBLE", "BOOLEAN"})


def suits_polars(tree: Any) -> bool:
    """Whether both say the same to this query."""
    from sqlglot import exp

    if tree is None:
        return False
    for node in tree.walk():
        kind = type(node).__name__
        if kind == "Cast":
            if str(node.to) not in _CASTS or not isinstance(node.this, exp.Column):
                return False
        elif kind == "DataType":
            continue
        elif (
            kind == "Subquery" and not isinstance(node.parent, (exp.From, exp.Join))
        ) or kind not in _NODES:
            return False
    return not any(map(_is_ambiguous, tree.find_all(exp.Select)))


def _is_ambiguous(select: Any) -> bool:
    """A star over a join, a join without ``ON``, ``GROUP BY ALL``, ``DISTINCT ON``."""
    from sqlglot import exp

    joins = select.args.get("joins") or []
    if any(join.args.get("using") or not join.args.get("on") for join in joins):
        return True
    if any(
        join.side not in ("", "LEFT") or join.kind not in ("", "INNER", "OUTER") for join in joins
    ):
        return True
    stars = [part for part in select.expressions if isinstance(part, exp.Star)]
    tables = [p for p in select.expressions if isinstance(p, exp.Column) and p.is_star]
    if joins and (stars or tables):
        return True
    if any(
        star.args.get(word) for star in stars for word in ("except_", "except", "replace", "rename")
    ):
        return True
    group, distinct = select.args.get("group"), select.args.get("distinct")
    return bool(group and (group.args.get("all") or not group.expressions)) or bool(
        distinct and distinct.args.get("on")
    )


def for_polars(tree: Any) -> str:
    """The query as Polars reads it, nulls last everywhere, as in DuckDB."""
    text: str = tree.sql(dialect="postgres")
    return text
