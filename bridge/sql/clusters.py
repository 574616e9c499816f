r"""The questions about logs, written once in DuckDB's words, in the dialect of the place where logs live.

Only what `bridge.logs.sql` writes comes here: a fixed set of functions, whose differences are these.
- REGEXP_REPLACE with 'g': every product replaces all matches, and names groups `\1` (RE2) or `$1` (Java).
- DATE_TRUNC: ClickHouse truncates in the column's zone, so the time is put to UTC first.
- STRPOS and the literals: sqlglot writes them as the product has them; STRPOS is case-sensitive everywhere.
What comes out must pass the guard of its own dialect, as every query.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from bridge.errors import RefusedError
from bridge.ports import BoundQuery, BoundValue
from bridge.sql import guard


def for_cluster(sql: str, target: str, values: Mapping[str, BoundValue], *, where: str, comment: str = "") -> BoundQuery:
    """Return the query in `target`, `:name` placeholders kept; RefusedError when the guard of that dialect refuses it."""
    tree = guard.parsed(sql, "duckdb")
    if target != "duckdb":
        for node in reversed(list(tree.find_all(exp.RegexpReplace))):  # the inner ones first: the outer ones copy them
            node.replace(_replaced(node, target))
        for cut in list(tree.find_all(exp.TimestampTrunc)):
            if target == "clickhouse":
                cut.set("this", exp.func("toTimeZone", cut.this.copy(), exp.Literal.string("UTC")))
        for place in list(tree.find_all(exp.Placeholder)):
            place.replace(exp.Var(this=f":{place.name}"))
        text = tree.sql(dialect=target, comments=False, identify=True, normalize_functions=False)
    else:
        text = guard.regenerate(tree, target)
    verdict = guard.verdict(text, target)
    if not verdict.allowed:
        raise RefusedError(f"the question is refused ({verdict.rule}): {verdict.message}", where=where)
    return BoundQuery(text=text, dialect=target, values=dict(values), comment=comment)


def _replaced(node: exp.RegexpReplace, target: str) -> exp.Expr:
    pattern, replacement = node.expression, node.args["replacement"]
    name = "replaceRegexpAll" if target == "clickhouse" else "REGEXP_REPLACE"
    return exp.Anonymous(this=name, expressions=[node.this.copy(), pattern.copy(), replacement.copy()])
