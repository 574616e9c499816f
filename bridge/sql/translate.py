"""From the dialect a query is written in to the one it runs in: translated, or refused where it would mean something else.

sqlglot's transpiler gives text that parses, which proves nothing: docs/dialects.md lists where it silently
changes the meaning. Those places are rewritten here, or refused with what to write instead. What comes out
still has to pass the guard of its own dialect, and its tests on that engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from bridge.errors import RefusedError
from bridge.sql import guard

Columns = Mapping[str, Mapping[str, str]]
"""Types by table and column: text, integer, decimal, boolean, time."""

_WHOLE: Final = frozenset({"INT", "BIGINT", "SMALLINT", "TINYINT"})
_OTHER_NUMBERS: Final = frozenset({"DECIMAL", "DOUBLE", "FLOAT"})
_SAME_DIVISION: Final = frozenset({"postgres", "redshift", "sqlite", "tsql", "trino"})
"""Dialects where an integer divided by an integer is an integer, as in PostgreSQL."""
_FILTER: Final = frozenset({"postgres", "duckdb", "sqlite", "trino", "spark"})
_GROUPING_SETS: Final = frozenset({"postgres", "duckdb", "tsql", "snowflake", "oracle", "spark", "trino", "redshift", "bigquery"})
_DAY_OF_WEEK: Final = frozenset({"postgres", "duckdb", "redshift"})


_FOLDS_UP: Final = frozenset({"snowflake", "oracle"})
"""Quoting a small name there makes it another name."""


def translated(sql: str, written: str, target: str, *, columns: Columns, where: str) -> str:
    """Return the text in `target`, `:name` placeholders kept; RefusedError names what has no translation.

    `columns` gives the types of known views: a division of two integers drops the fraction in PostgreSQL and
    keeps it elsewhere, so a division of unknown types is refused.
    """
    tree = guard.checked(sql, written, where=where)
    if written == target:
        return sql
    types = _column_types(tree, columns)
    for node in list(tree.find_all(exp.Expr)):
        for kind, rewrite in _REWRITES.items():
            if isinstance(node, kind):
                refusal = rewrite(node, target, types)
                if refusal:
                    raise RefusedError(f"no safe translation from {written} to {target}: {refusal[0]}", where=where, hint=refusal[1])
    for node in list(tree.find_all(exp.Placeholder)):
        node.replace(exp.Var(this=f":{node.name}"))
    try:
        # `identify`: a name that is plain in one dialect is reserved in another (at, key, trigger, method).
        text = tree.sql(
            dialect=target, comments=False, identify=target not in _FOLDS_UP, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
        )
    except UnsupportedError as error:
        message = str(error).splitlines()[0]
        raise RefusedError(f"no safe translation from {written} to {target}: {message}", where=where, hint=_own_text(target)) from error
    return _clock_formats(text) if target == "clickhouse" else text


Refusal = tuple[str, str] | None
"""What is in the way, and what to write instead."""


def _own_text(target: str) -> str:
    return f"give it a text of its own: sql: {{default: events.sql, {target}: events.{target}.sql}}"


def _column_types(tree: exp.Expr, columns: Columns) -> Mapping[str, str]:
    """Return types by column name, for names that mean one type in all tables of the query."""
    found: dict[str, set[str]] = {}
    for table in tree.find_all(exp.Table):
        for name, kind in columns.get(table.name.lower(), {}).items():
            found.setdefault(name, set()).add(kind)
    for alias in tree.find_all(exp.Alias):
        # A WITH part may give a known name another type: then the name tells nothing.
        if alias.alias.lower() in found and not (isinstance(alias.this, exp.Column) and alias.this.name.lower() == alias.alias.lower()):
            found[alias.alias.lower()].add("changed")
    return {name: next(iter(kinds)) for name, kinds in found.items() if len(kinds) == 1}


def _number(node: exp.Expr | None, types: Mapping[str, str]) -> str:  # noqa: PLR0911 - one line a kind of node
    """Return whole, other or unknown."""
    if isinstance(node, exp.Paren | exp.Neg | exp.Sum | exp.Min | exp.Max | exp.Abs):
        return _number(node.this, types)
    if isinstance(node, exp.Literal):
        return "unknown" if node.is_string else "whole" if node.is_int else "other"
    if isinstance(node, exp.Cast):
        name = node.to.this.name
        return "whole" if name in _WHOLE else "other" if name in _OTHER_NUMBERS else "unknown"
    if isinstance(node, exp.Column):
        return {"integer": "whole", "decimal": "other"}.get(types.get(node.name.lower(), ""), "unknown")
    if isinstance(node, exp.Count | exp.RowNumber | exp.Length):
        return "whole"
    if isinstance(node, exp.Avg | exp.Extract):
        return "other"
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod | exp.Nullif | exp.Coalesce):
        parts = [node.this, *(node.expressions if isinstance(node, exp.Coalesce) else [node.expression])]
        kinds = {_number(part, types) for part in parts}
        return "other" if "other" in kinds else "unknown" if "unknown" in kinds else "whole"
    return "unknown"


def _division(node: exp.Expr, target: str, types: Mapping[str, str]) -> Refusal:
    if target in _SAME_DIVISION:
        return None
    kinds = {_number(node.this, types), _number(node.expression, types)}
    if "other" in kinds:
        return None
    if "unknown" in kinds:
        return "a division of unknown types (of two integers, PostgreSQL drops the fraction)", "say which: CAST(a AS numeric) / b"
    node.replace(exp.IntDiv(this=node.this.copy(), expression=node.expression.copy()))
    return None


def _extract(node: exp.Expr, target: str, types: Mapping[str, str]) -> Refusal:
    del types
    unit, value = node.name.upper(), node.expression
    if unit in {"DOW", "ISODOW", "DAYOFWEEK"} and target not in _DAY_OF_WEEK:
        return f"EXTRACT({unit}) counts other days there", _own_text(target)
    inside = value.unnest()
    if unit != "EPOCH" or target in {"postgres", "duckdb", "redshift"}:
        return None
    if not isinstance(inside, exp.Sub):
        return "EXTRACT(EPOCH) of one time", "take it of a difference: EXTRACT(EPOCH FROM (a - b))"
    node.replace(_seconds(inside.this.copy(), inside.expression.copy(), target))
    return None


def _seconds(later: exp.Expr, earlier: exp.Expr, target: str) -> exp.Expr:
    """Return the seconds between two times; whole seconds where the dialect has no finer ones."""
    second = exp.Var(this="SECOND")
    if target == "mysql":
        return exp.Anonymous(this="TIMESTAMPDIFF", expressions=[second, earlier, later])
    if target == "bigquery":
        return exp.Anonymous(this="TIMESTAMP_DIFF", expressions=[later, earlier, second])
    if target == "clickhouse":
        return exp.Anonymous(this="dateDiff", expressions=[exp.Literal.string("second"), earlier, later])
    if target == "sqlite":
        days = [exp.Anonymous(this="julianday", expressions=[each]) for each in (later, earlier)]
        return exp.Mul(this=exp.paren(exp.Sub(this=days[0], expression=days[1])), expression=exp.Literal.number("86400.0"))
    if target == "trino":
        return exp.Anonymous(this="date_diff", expressions=[exp.Literal.string("second"), earlier, later])
    return exp.Anonymous(this="DATEDIFF", expressions=[second, earlier, later])


def _filter(node: exp.Expr, target: str, types: Mapping[str, str]) -> Refusal:
    """Write `agg(x) FILTER (WHERE c)` as `agg(CASE WHEN c THEN x END)`: some dialects have no FILTER and sqlglot says nothing."""
    del types
    if target in _FILTER:
        return None
    aggregate, condition = node.this, node.expression.this
    if not isinstance(aggregate, exp.AggFunc) or isinstance(aggregate.this, exp.Distinct):
        return "FILTER behind this aggregate", "write it with CASE WHEN"
    value = exp.Literal.number(1) if isinstance(aggregate.this, exp.Star) else aggregate.this.copy()
    changed = aggregate.copy()
    changed.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=value)]))
    node.replace(changed)
    return None


def _series(node: exp.Expr, target: str, types: Mapping[str, str]) -> Refusal:
    del types
    if target == "duckdb":
        table = node.parent
        if isinstance(table, exp.Table) and table.alias and not table.args["alias"].args.get("columns"):
            # Without a column's name the alias would be the whole row.
            table.args["alias"].set("columns", [exp.to_identifier(table.alias)])
        return None
    return None if target == "postgres" else ("GENERATE_SERIES", _own_text(target))


def _grouping(node: exp.Expr, target: str, types: Mapping[str, str]) -> Refusal:
    del types
    if target in _GROUPING_SETS:
        return None
    return f"{node.key.upper()} gives '' where PostgreSQL gives NULL, or is not there", "write a UNION ALL of plain GROUP BYs"


def _clock_formats(text: str) -> str:
    """ClickHouse's formatDateTime has %i for minutes; %M, which sqlglot writes, is the month's name."""
    out, rest = [], text
    while "formatDateTime(" in rest:
        head, _, rest = rest.partition("formatDateTime(")
        first, quote, after = rest.partition("'")
        pattern, end, rest = after.partition("'")
        out.append(f"{head}formatDateTime({first}{quote}{pattern.replace('%M', '%i')}{end}")
    return "".join(out) + rest


_REWRITES: Final[Mapping[type[exp.Expr], Callable[[exp.Expr, str, Mapping[str, str]], Refusal]]] = {
    exp.Div: _division,
    exp.Extract: _extract,
    exp.Filter: _filter,
    exp.GenerateSeries: _series,
    exp.GroupingSets: _grouping,
    exp.Cube: _grouping,
    exp.Rollup: _grouping,
}
