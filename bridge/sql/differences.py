"""Where PostgreSQL's SQL means something else in another dialect and no error tells: rewritten here, or refused.

Each place was found by running the same text on PostgreSQL, DuckDB, SQLite, MariaDB and ClickHouse over the same rows
(tests/cases/investigations/translations.yaml, docs/dialects.md). For dialects that were not run, the vendors' words count.
A rewrite changes its node in place and returns None; a refusal says what is in the way and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from bridge.sql.kinds import Kind, kind

Refusal = tuple[str, str] | None
"""What is in the way, and what to write instead."""

_WHOLE_DIVISION: Final = frozenset({"postgres", "redshift", "sqlite", "tsql", "trino"})
"""An integer divided by an integer is an integer, as in PostgreSQL."""
_FILTER: Final = frozenset({"postgres", "duckdb", "sqlite", "trino", "spark"})
_GROUPING_SETS: Final = frozenset({"duckdb", "tsql", "snowflake", "oracle", "spark", "trino", "redshift", "bigquery"})
_LIKE_POSTGRES: Final = frozenset({"duckdb", "redshift"})
_IGNORES_NULL: Final = frozenset({"duckdb", "redshift", "spark", "sqlite", "clickhouse"})
"""GREATEST and LEAST leave NULL out, as in PostgreSQL."""
_SAME_FIELDS: Final = frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE"})
_ANY_CASE: Final = frozenset({"mysql", "sqlite", "tsql"})
"""LIKE does not tell small letters from capitals there."""
_ROUNDS_CASTS: Final = frozenset({"duckdb", "mysql", "snowflake", "oracle", "bigquery", "redshift"})
_PLAIN_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?")
_WIDE: Final = "DECIMAL(38, 10)"
_CHARACTERS: Final[Mapping[type[exp.Expr], str]] = {
    exp.Lower: "lowerUTF8",
    exp.Upper: "upperUTF8",
    exp.Substring: "substringUTF8",
    exp.Left: "leftUTF8",
    exp.Right: "rightUTF8",
    exp.StrPosition: "positionUTF8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """Into which dialect, and what is known about the names."""

    target: str
    kinds: Mapping[str, Kind]

    def kind(self, node: exp.Expr | None) -> Kind:
        """Return the kind of a node's values."""
        return kind(node, self.kinds)

    @property
    def own_text(self) -> str:
        """What to do where nothing else helps."""
        return f"give it a text of its own: sql: {{default: events.sql, {self.target}: events.{self.target}.sql}}"


def _division(node: exp.Expr, to: Translation) -> Refusal:
    by_zero = _by_zero(node, to)
    if by_zero:
        return by_zero
    kinds = {to.kind(node.this), to.kind(node.expression)}
    if "decimal" in kinds:
        _keep_fraction(node, to)
        return None
    if kinds != {"whole"}:
        if to.target in _WHOLE_DIVISION - {"sqlite"}:
            return None
        return "a division of unknown types (of two integers, PostgreSQL drops the fraction)", "say which: CAST(a AS numeric) / b"
    if to.target == "clickhouse":
        node.replace(_call("intDiv", node.this, node.expression))
    elif to.target not in _WHOLE_DIVISION:
        node.replace(exp.IntDiv(this=node.this.copy(), expression=node.expression.copy()))
    return None


def _keep_fraction(node: exp.Expr, to: Translation) -> None:
    """ClickHouse gives a quotient the scale of what is divided; SQLite keeps 10.00 as an integer."""
    if to.target == "clickhouse" and not isinstance(node.this.unnest(), exp.Avg):
        node.set("this", exp.cast(node.this.copy(), _WIDE))
    elif to.target == "sqlite":
        node.set("this", exp.cast(node.this.copy(), "REAL"))


def _by_zero(node: exp.Expr, to: Translation) -> Refusal:
    """PostgreSQL ends with an error; SQLite and MySQL give NULL, DuckDB infinity."""
    if to.target == "redshift":
        return None
    divisor = node.expression.unnest()
    if isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.name) != 0:
        return None
    if isinstance(divisor, exp.Nullif) and divisor.expression.name in {"0", "0.0"}:
        return None
    return "a division by what may be 0: an error in PostgreSQL, NULL or infinity elsewhere", "write it as: a / NULLIF(b, 0)"


def _cast(node: exp.Expr, to: Translation) -> Refusal:
    wanted = kind(node, {})
    inside = to.kind(node.this)
    if wanted == "text" and inside in {"decimal", "time", "truth"}:
        return f"a {inside} as text looks otherwise there", to.own_text
    if wanted == "whole" and inside not in {"whole", "text"} and to.target not in _ROUNDS_CASTS:
        # PostgreSQL rounds 2.5 to 3, others cut it to 2.
        node.set("this", _call("ROUND", node.this))
    if wanted == "time" and to.target == "sqlite":
        return _sqlite_time(node, to)
    if wanted == "decimal" and isinstance(node, exp.Cast) and node.to.this.name == "DECIMAL" and not node.to.expressions:
        # Without digits, it has no fraction in MySQL and ClickHouse, and three digits of one in DuckDB.
        if to.target in {"mysql", "clickhouse", "duckdb"}:
            node.set("to", exp.DataType.build(_WIDE))
        elif to.target not in {"sqlite", "redshift"}:
            return "numeric without digits", "say how many: CAST(a AS numeric(18, 6))"
    return None


def _sqlite_time(node: exp.Expr, to: Translation) -> Refusal:
    if isinstance(node, exp.Cast) and node.to.this.name == "DATE":
        return None
    if not isinstance(node.this, exp.Literal | exp.Placeholder):
        return "SQLite has no type for times", to.own_text
    node.replace(node.this.copy())
    return None


def _compared(node: exp.Expr, to: Translation) -> Refusal:
    """Compare times as moments and money by its value where they are kept as text and as binary fractions."""
    sides = [part for part in (node.this, *node.expressions, *map(node.args.get, ("expression", "low", "high"))) if part is not None]
    kinds = {to.kind(side) for side in sides}
    if "time" in kinds:
        odd = next((side for side in sides if isinstance(side, exp.Literal) and not _PLAIN_TIME.fullmatch(side.name)), None)
        if odd is not None and to.target != "duckdb":
            return f"the time '{odd.name}' as text", "write 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS' (UTC), or a parameter"
    if to.target != "sqlite":
        return None
    for side in sides:
        if "time" in kinds and not isinstance(side, exp.Null):
            side.replace(_moment(side))
        elif "decimal" in kinds and not isinstance(side, exp.Literal | exp.Null):
            side.replace(exp.Round(this=side.copy(), decimals=exp.Literal.number(6)))
    return None


def _moment(node: exp.Expr) -> exp.Expr:
    """Return SQLite's text of a moment in UTC to the millisecond, however it is written: texts of one form can be compared."""
    return exp.Anonymous(this="strftime", expressions=[exp.Literal.string("%Y-%m-%dT%H:%M:%f"), node.copy()])


def _ordered(node: exp.Expr, to: Translation) -> Refusal:
    if to.target == "sqlite" and to.kind(node.this) == "time":
        node.set("this", _moment(node.this))
    return None


def _difference(node: exp.Expr, to: Translation) -> Refusal:
    """Refuse a length of time as a value: it is an interval in PostgreSQL, a number or nonsense elsewhere."""
    if to.kind(node.this) != "time" or isinstance(node.expression, exp.Interval):
        return None
    outer = node.parent
    while isinstance(outer, exp.Paren):
        outer = outer.parent
    if isinstance(outer, exp.Extract) and outer.name.upper() == "EPOCH":
        return None
    return "a difference of two times", "take its seconds: EXTRACT(EPOCH FROM (a - b))"


def _extract(node: exp.Expr, to: Translation) -> Refusal:
    unit, value = node.name.upper(), node.expression
    if unit == "EPOCH":
        return _epoch(node, value.unnest(), to)
    if to.target == "redshift" or unit in _SAME_FIELDS or (to.target == "duckdb" and unit in {"DOW", "ISODOW", "WEEK", "DOY"}):
        return None
    return f"EXTRACT({unit}) counts otherwise there, or has no fraction", to.own_text


def _epoch(node: exp.Expr, inside: exp.Expr, to: Translation) -> Refusal:
    if to.target in _LIKE_POSTGRES:
        return None
    if not isinstance(inside, exp.Sub):
        return "EXTRACT(EPOCH) of one time", "take it of a difference: EXTRACT(EPOCH FROM (a - b))"
    later, earlier = inside.this.copy(), inside.expression.copy()
    micro = exp.Var(this="MICROSECOND")
    if to.target == "sqlite":
        days = [_call("julianday", each) for each in (later, earlier)]
        seconds = exp.Mul(this=exp.paren(exp.Sub(this=days[0], expression=days[1])), expression=exp.Literal.number("86400.0"))
        # A day as a binary fraction is exact to a tenth of a millisecond only.
        node.replace(exp.Round(this=seconds, decimals=exp.Literal.number(3)))
        return None
    if to.target == "mysql":
        count = _call("TIMESTAMPDIFF", micro, earlier, later)
    elif to.target == "bigquery":
        count = _call("TIMESTAMP_DIFF", later, earlier, micro)
    elif to.target == "clickhouse":
        count = _call("dateDiff", exp.Literal.string("microsecond"), earlier, later)
    elif to.target == "trino":
        node.replace(
            exp.Div(this=_call("date_diff", exp.Literal.string("millisecond"), earlier, later), expression=exp.Literal.number("1000.0"))
        )
        return None
    else:
        node.replace(_call("DATEDIFF", exp.Var(this="SECOND"), earlier, later))
        return None
    node.replace(exp.paren(exp.Div(this=count, expression=exp.Literal.number("1000000.0"))))
    return None


def _filter(node: exp.Expr, to: Translation) -> Refusal:
    """Write `agg(x) FILTER (WHERE c)` as `agg(CASE WHEN c THEN x END)`: some dialects have no FILTER and sqlglot says nothing."""
    if to.target in _FILTER:
        return None
    aggregate, condition = node.this, node.expression.this
    if not isinstance(aggregate, exp.AggFunc) or isinstance(aggregate.this, exp.Distinct):
        return "FILTER behind this aggregate", "write it with CASE WHEN"
    value = exp.Literal.number(1) if isinstance(aggregate.this, exp.Star) else aggregate.this.copy()
    changed = aggregate.copy()
    changed.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=value)]))
    node.replace(changed)
    return None


def _series(node: exp.Expr, to: Translation) -> Refusal:
    if to.target != "duckdb":
        return "GENERATE_SERIES", to.own_text
    table = node.parent
    if isinstance(table, exp.Table) and table.alias and not table.args["alias"].args.get("columns"):
        # Without a column's name the alias would be the whole row.
        table.args["alias"].set("columns", [exp.to_identifier(table.alias)])
    return None


def _grouping(node: exp.Expr, to: Translation) -> Refusal:
    if to.target in _GROUPING_SETS:
        return None
    return f"{node.key.upper()} gives '' where PostgreSQL gives NULL, or is not there", "write a UNION ALL of plain GROUP BYs"


def _like(node: exp.Expr, to: Translation) -> Refusal:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and "\\" not in pattern.name) and to.target not in {"mysql", "clickhouse", "redshift"}:
        return "a LIKE whose pattern may hold a backslash, which escapes in PostgreSQL only", "write the pattern as a text without one"
    if to.target in _ANY_CASE and not isinstance(node, exp.ILike):
        return "LIKE, which takes capitals for small letters there", "write ILIKE where that is meant, or compare with = and IN"
    return None


def _characters(node: exp.Expr, to: Translation) -> Refusal:
    """ClickHouse counts and folds bytes unless told otherwise; SQLite folds A to Z only."""
    if to.target == "sqlite" and isinstance(node, exp.Lower | exp.Upper):
        return f"{node.key.upper()}, which leaves letters beyond A to Z as they are there", to.own_text
    if to.target != "clickhouse":
        return None
    more = [node.args.get(name) for name in ("start", "length", "expression", "substr")]
    node.replace(
        _call(
            next(name for kind_, name in _CHARACTERS.items() if isinstance(node, kind_)),
            node.this,
            *(part for part in more if part is not None),
        )
    )
    return None


def _neighbour(node: exp.Expr, to: Translation) -> Refusal:
    """ClickHouse gives 0 or 1970 for a row that is not there, unless the type has a NULL."""
    if to.target == "clickhouse":
        node.set("this", _call("toNullable", node.this))
    return None


def _truncated(node: exp.Expr, to: Translation) -> Refusal:
    unit = node.args["unit"].name.upper()
    if to.target in {"mysql", "sqlite"}:
        return "DATE_TRUNC, which gives text there", "for days: CAST(a AS date)"
    if to.target == "clickhouse" and unit not in {"DAY", "HOUR", "MINUTE"}:
        return f"DATE_TRUNC to a {unit.lower()}, which gives a date there", to.own_text
    return None


def _average(node: exp.Expr, to: Translation) -> Refusal:
    """MySQL gives an average of integers four digits; of a float, all it has."""
    if to.target == "mysql" and not isinstance(node.this, exp.Distinct):
        node.set("this", exp.Mul(this=exp.paren(node.this.copy()), expression=exp.Literal.number("1e0")))
    return None


def _membership(node: exp.Expr, to: Translation) -> Refusal:
    if to.target == "clickhouse" and node.args.get("query") and isinstance(node.parent, exp.Not):
        return "NOT IN (SELECT ...), which leaves out NULL there", "write it as: NOT EXISTS (SELECT 1 ...)"
    return _compared(node, to) if not node.args.get("query") else None


def _scalar(node: exp.Expr, to: Translation) -> Refusal:
    inside = node.this
    counts = isinstance(inside, exp.Select) and any(select.find(exp.Count) for select in inside.selects)
    if to.target == "clickhouse" and counts and not isinstance(node.parent, exp.From | exp.Join | exp.In):
        return "a count in a sub-select, which is NULL instead of 0 there", "write a LEFT JOIN with GROUP BY"
    return None


def _named(node: exp.Expr, to: Translation) -> Refusal:
    """ClickHouse calls a column of a join `b.word` unless it is named; and DISTINCT ON keeps no order of NULL when written out."""
    if node.args.get("distinct") and node.args["distinct"].args.get("on") and to.target not in {"duckdb", "clickhouse"}:
        return "DISTINCT ON", "write ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) and take 1"
    if to.target == "sqlite":
        _cents(node, to)
    if to.target == "clickhouse":
        for column in [each for each in node.expressions if isinstance(each, exp.Column) and not isinstance(each.this, exp.Star)]:
            column.replace(exp.alias_(column.copy(), column.name, quoted=True))
    return None


def _cents(node: exp.Expr, to: Translation) -> None:
    """Sums of money are binary fractions in SQLite: without their noise they can be read and compared."""
    for each in node.expressions:
        inside = each.this if isinstance(each, exp.Alias) else each
        if isinstance(inside.unnest(), exp.Sum | exp.Add | exp.Sub | exp.Mul) and to.kind(inside) == "decimal":
            inside.replace(exp.Round(this=inside.copy(), decimals=exp.Literal.number(6)))


def _filled(node: exp.Expr, to: Translation) -> Refusal:
    """MySQL takes a bound time for text: a COALESCE with one would be text too."""
    if to.target == "mysql" and to.kind(node) == "time":
        for part in [each for each in (node.this, *node.expressions) if isinstance(each, exp.Placeholder)]:
            part.replace(exp.cast(part.copy(), "DATETIME(6)"))
    return None


def _only(targets: frozenset[str], what: str, instead: str = "") -> Callable[[exp.Expr, Translation], Refusal]:
    """Return a rule that refuses everywhere but in `targets`."""
    return lambda _node, to: None if to.target in targets else (what, instead or to.own_text)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


_GREATEST = _only(_IGNORES_NULL, "GREATEST and LEAST, which are NULL there when one value is", "write CASE WHEN a > b THEN a ELSE b END")
RULES: Final[Mapping[type[exp.Expr], Callable[[exp.Expr, Translation], Refusal]]] = {
    exp.Div: _division,
    exp.Mod: _by_zero,
    exp.Cast: _cast,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between), _compared),
    exp.In: _membership,
    exp.Ordered: _ordered,
    exp.Sub: _difference,
    exp.Extract: _extract,
    exp.Filter: _filter,
    exp.GenerateSeries: _series,
    **dict.fromkeys((exp.GroupingSets, exp.Cube, exp.Rollup), _grouping),
    **dict.fromkeys((exp.Like, exp.ILike), _like),
    **dict.fromkeys(_CHARACTERS, _characters),
    **dict.fromkeys((exp.Lag, exp.Lead, exp.NthValue, exp.FirstValue, exp.LastValue), _neighbour),
    exp.TimestampTrunc: _truncated,
    **dict.fromkeys((exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop), _average),
    exp.Subquery: _scalar,
    exp.Select: _named,
    exp.Coalesce: _filled,
    exp.Greatest: _GREATEST,
    exp.Least: _GREATEST,
    exp.ConcatWs: _only(
        _LIKE_POSTGRES | {"mysql", "trino", "spark"}, "CONCAT_WS, which treats NULL otherwise there", "write COALESCE(a, '') || ..."
    ),
    exp.RegexpReplace: _only(_LIKE_POSTGRES, "REGEXP_REPLACE, which replaces every match there"),
    exp.RegexpLike: _only(_LIKE_POSTGRES | {"clickhouse"}, "a regular expression, which is read otherwise there"),
    exp.AtTimeZone: _only(frozenset({"duckdb", "redshift"}), "AT TIME ZONE, which keeps the zone there"),
}
"""By kind of node, the nearest one of its classes; a rule sees its parts rewritten already."""
