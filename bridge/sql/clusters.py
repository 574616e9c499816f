r"""The questions about logs, written once in DuckDB's words, in the dialect of the place where logs live.

Only what `bridge.logs.sql` writes comes here: a fixed set of functions, whose differences are these.
- REGEXP_REPLACE with 'g': every product replaces all matches, and names groups `\1` (RE2) or `$1` (Java).
- DATE_TRUNC: ClickHouse truncates in the column's zone, so the time is put to UTC first.
- STRPOS and the literals: sqlglot writes them as the product has them; STRPOS is case-sensitive everywhere.
What comes out must pass the guard of its own dialect, as every query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlglot
from sqlglot import exp

from bridge.errors import RefusedError
from bridge.ports import BoundQuery, BoundValue
from bridge.sql import guard

_MICROSECONDS: Final = {
    "clickhouse": "toUnixTimestamp64Micro(toDateTime64(value, 6))",
    "spark": "unix_micros(value)",
    "trino": "CAST(round(to_unixtime(value) * 1000000) AS BIGINT)",
    "bigquery": "UNIX_MICROS(value)",
    "snowflake": "DATE_PART(EPOCH_MICROSECOND, value)",
}
_JOINED: Final = {
    "clickhouse": "arrayStringConcat(arrayMap(pair -> tupleElement(pair, 2), arraySort(groupArray(tuple(nth, value)))))",
    "spark": "array_join(transform(array_sort(collect_list(struct(nth, value))), pair -> pair.value), '')",
    "trino": "array_join(array_agg(value ORDER BY nth), '')",
}
"""Of the others sqlglot's own words do: STRING_AGG in BigQuery, LISTAGG in Snowflake. Trino's LISTAGG ends at a megabyte."""


def for_cluster(sql: str, target: str, values: Mapping[str, BoundValue], *, where: str, comment: str = "") -> BoundQuery:
    """Return the query in `target`, `:name` placeholders kept; RefusedError when the guard of that dialect refuses it."""
    tree = guard.parsed(sql, "duckdb")
    if target != "duckdb":
        for node in list(tree.find_all(exp.RegexpReplace)):
            node.replace(_replaced(node, target))
        for cut in list(tree.find_all(exp.TimestampTrunc)):
            if target == "clickhouse":
                cut.set("this", exp.func("toTimeZone", cut.this, exp.Literal.string("UTC")))
        _own_words(tree, target)
        for place in list(tree.find_all(exp.Placeholder)):
            place.replace(exp.Var(this=f":{place.name}"))
        text = tree.sql(dialect=target, comments=False, identify=True, normalize_functions=False, copy=False)
    else:
        text = guard.regenerate(tree, target)
    verdict = guard.verdict(text, target)
    if not verdict.allowed:
        raise RefusedError(f"the question is refused ({verdict.rule}): {verdict.message}", where=where)
    return BoundQuery(text=text, dialect=target, values=dict(values), comment=comment)


def _own_words(tree: exp.Expr, target: str) -> None:
    """Put what sqlglot does not translate into the words of the product: microseconds since 1970, and texts joined in order."""
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name == "epoch_us":
            call.replace(_filled(_MICROSECONDS[target], value=call.expressions[0], dialect=target))
    for joined in list(tree.find_all(exp.GroupConcat)):
        if target in _JOINED:
            order = joined.this.expressions[0].this if isinstance(joined.this, exp.Order) else joined.expressions[0]
            joined.replace(_filled(_JOINED[target], value=joined.this.this, nth=order, dialect=target))


def _filled(text: str, *, dialect: str, **parts: exp.Expr) -> exp.Expr:
    """Return an expression in a dialect with the columns of these names replaced."""
    made = sqlglot.parse_one(text, read=dialect)
    for column in list(made.find_all(exp.Column)):
        if column.name in parts and not column.table:
            column.replace(parts[column.name])
    return made


def _replaced(node: exp.RegexpReplace, target: str) -> exp.Expr:
    pattern, replacement = node.expression, node.args["replacement"]
    name = "replaceRegexpAll" if target == "clickhouse" else "REGEXP_REPLACE"
    return exp.Anonymous(this=name, expressions=[node.this, pattern, replacement])
