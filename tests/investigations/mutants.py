"""Small changes to a query that make it another query: a test of its investigation has to notice each (used by test_mutants.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sqlglot
from sqlglot import exp

from bridge.model.investigation import Investigation, SqlEvidence

_SWAPS: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GTE: exp.GT,
    exp.GT: exp.GTE,
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.And: exp.Or,
    exp.Or: exp.And,
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.Sub: exp.Add,
    exp.Add: exp.Sub,
}


def mutants(investigation: Investigation) -> Iterator[tuple[str, Investigation]]:
    """Yield what was changed, and the investigation with the changed query."""
    for item in investigation.evidence:
        if not isinstance(item, SqlEvidence) or item.view is not None:
            continue
        dialect = "duckdb" if item.joins else "postgres"
        tree = sqlglot.parse_one(item.sql, read=dialect)
        for index in range(len(list(tree.walk()))):
            for what, changed in _changed(tree, index):
                sql = changed.sql(dialect=dialect, comments=False)
                others = tuple(replace(other, sql=sql) if other is item else other for other in investigation.evidence)
                yield f"{investigation.id}/{item.name}: {what}", replace(investigation, evidence=others)


def _changed(tree: exp.Expr, index: int) -> Iterator[tuple[str, exp.Expr]]:
    """Yield the changes of the node at `index`; each is made on a copy."""

    def fresh() -> tuple[exp.Expr, exp.Expr]:
        copied = tree.copy()
        return copied, list(copied.walk())[index]

    _, node = fresh()
    shown = node.sql(dialect="postgres", comments=False)[:90]
    swap = _SWAPS.get(type(node))
    if swap is not None:
        copied, at = fresh()
        made = swap(**{key: part.copy() if isinstance(part, exp.Expr) else part for key, part in at.args.items()})
        at.replace(made)
        yield f"{node.key} -> {made.key}: {shown}", copied
    if isinstance(node, exp.And):
        for side in ("this", "expression"):
            copied, at = fresh()
            at.replace(at.args[side].copy())
            yield f"only one side of AND: {at.args[side].sql(dialect='postgres')[:60]}", copied
    if isinstance(node, exp.Not):
        copied, at = fresh()
        at.replace(at.this.copy())
        yield f"without NOT: {shown}", copied
    if isinstance(node, exp.Distinct) and isinstance(node.parent, exp.Count):
        copied, at = fresh()
        at.replace(at.expressions[0].copy())
        yield f"without DISTINCT: {node.parent.sql(dialect='postgres')[:60]}", copied
    if isinstance(node, exp.Join) and node.side == "LEFT":
        copied, at = fresh()
        at.set("side", None)
        yield f"inner join: {shown}", copied
    if isinstance(node, exp.Coalesce) and not isinstance(node.parent, exp.Group):
        copied, at = fresh()
        at.replace(at.this.copy())
        yield f"without COALESCE: {shown}", copied
    if isinstance(node, exp.Literal) and not node.is_string and not isinstance(node.parent, exp.If):
        copied, at = fresh()
        at.replace(exp.Literal.number(int(node.name) + 1))
        yield f"another number: {node.parent.sql(dialect='postgres')[:60] if node.parent else shown}", copied
    if isinstance(node, exp.Literal) and node.is_string and isinstance(node.parent, exp.In):
        copied, at = fresh()
        at.replace(exp.Literal.string(f"{node.name}x"))
        yield f"another word '{node.name}': {node.parent.sql(dialect='postgres')[:60]}", copied
