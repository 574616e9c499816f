"""What kind of value an expression gives, as far as the declared columns tell: translation depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from sqlglot import exp

Kind = Literal["whole", "decimal", "time", "text", "truth", "unknown"]
Columns = Mapping[str, Mapping[str, str]]
"""Types by table and column: text, integer, decimal, boolean, time."""

_DECLARED: Final[Mapping[str, Kind]] = {"integer": "whole", "decimal": "decimal", "time": "time", "text": "text", "boolean": "truth"}
_CASTS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("INT", "BIGINT", "SMALLINT", "TINYINT"), "whole"),
    **dict.fromkeys(("DECIMAL", "DOUBLE", "FLOAT"), "decimal"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ", "TIMESTAMPNTZ", "DATE", "DATETIME"), "time"),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR"), "text"),
    "BOOLEAN": "truth",
}
_AS_ITS_PART: Final = (exp.Paren, exp.Neg, exp.Sum, exp.Min, exp.Max, exp.Abs, exp.Window, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)
_KINDS: Final[tuple[tuple[tuple[type[exp.Expr], ...], Kind], ...]] = (
    ((exp.Count, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Length, exp.IntDiv), "whole"),
    ((exp.Avg, exp.Extract), "decimal"),
    ((exp.TimestampTrunc, exp.CurrentTimestamp, exp.CurrentDate), "time"),
    ((exp.Lower, exp.Upper, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Substring, exp.Trim), "text"),
    ((exp.Predicate, exp.Connector, exp.Not, exp.Boolean), "truth"),
)
_MIXED: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Nullif)


def column_kinds(tree: exp.Expr, columns: Columns) -> Mapping[str, Kind]:
    """Return kinds by lower-case name, for names that mean one kind in all tables and WITH parts of the query."""
    found: dict[str, set[Kind]] = {}
    for table in tree.find_all(exp.Table):
        for name, declared in columns.get(table.name.lower(), {}).items():
            found.setdefault(name, set()).add(_DECLARED[declared])
    aliases = [alias for alias in tree.find_all(exp.Alias) if _renames(alias)]
    # A part may build on another one: what the first round can't tell yet, the second can.
    for _round in range(2):
        single = _single(found)
        for alias in aliases:
            found.setdefault(alias.alias.lower(), set()).add(kind(alias.this, single))
    return _single(found)


def _renames(alias: exp.Alias) -> bool:
    return not (isinstance(alias.this, exp.Column) and alias.this.name.lower() == alias.alias.lower())


def _single(found: Mapping[str, set[Kind]]) -> dict[str, Kind]:
    known = {name: kinds for name, kinds in found.items() if len(kinds) == 1}
    return {name: only for name, kinds in known.items() if (only := next(iter(kinds))) != "unknown"}


def kind(node: exp.Expr | None, types: Mapping[str, Kind]) -> Kind:  # noqa: PLR0911 - one line a kind of node
    """Return the kind of a node's values; `decimal` is every number that may have a fraction."""
    if isinstance(node, exp.Column):
        return types.get(node.name.lower(), "unknown")
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "whole" if node.is_int else "decimal"
    if isinstance(node, exp.Cast):
        return _CASTS.get(node.to.this.name, "unknown")
    if isinstance(node, _AS_ITS_PART):
        return kind(node.this, types)
    if isinstance(node, exp.Anonymous) and node.name == "intDiv":
        return "whole"
    if isinstance(node, exp.Coalesce):
        return _of_several([node.this, *node.expressions], types)
    if isinstance(node, exp.Case):
        return _of_several([*(part.args["true"] for part in node.args["ifs"]), node.args.get("default")], types)
    if isinstance(node, _MIXED):
        return _of_several([node.this, node.expression], types)
    return next((one for classes, one in _KINDS if isinstance(node, classes)), "unknown")


def _of_several(parts: list[exp.Expr | None], types: Mapping[str, Kind]) -> Kind:
    kinds = {kind(part, types) for part in parts if part is not None and not isinstance(part, exp.Null)}
    if kinds == {"whole", "decimal"}:
        return "decimal"
    # One part that is known to have a fraction, or to be a time, decides: PostgreSQL gives all parts one type.
    for strong in ("decimal", "time"):
        if strong in kinds and kinds <= {strong, "whole", "unknown"}:
            return strong
    return kinds.pop() if len(kinds) == 1 else "unknown"
