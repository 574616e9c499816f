"""From the dialect a query is written in to the one it runs in: translated, or refused where it would mean something else.

sqlglot's transpiler gives text that parses, which proves nothing: `bridge.sql.differences` has the places where the
meaning changes silently (docs/dialects.md). What comes out still has to pass the guard of its own dialect, and its
tests on that engine.
"""

from __future__ import annotations

from typing import Final

from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from bridge.errors import RefusedError
from bridge.sql import guard
from bridge.sql.differences import RULES, Translation
from bridge.sql.kinds import Columns, column_kinds

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
    to = Translation(target=target, kinds=column_kinds(tree, columns))
    # Parts before what they are part of: a rewrite copies its parts as they are by then.
    for node in reversed(list(tree.walk(bfs=True))):
        rule = next((RULES[kind] for kind in type(node).__mro__ if kind in RULES), None)
        refusal = rule(node, to) if rule is not None else None
        if refusal is not None:
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
        raise RefusedError(f"no safe translation from {written} to {target}: {message}", where=where, hint=to.own_text) from error
    return _clock_formats(text) if target == "clickhouse" else text


def _clock_formats(text: str) -> str:
    """ClickHouse's formatDateTime has %i for minutes; %M, which sqlglot writes, is the month's name."""
    out, rest = [], text
    while "formatDateTime(" in rest:
        head, _, rest = rest.partition("formatDateTime(")
        first, quote, after = rest.partition("'")
        pattern, end, rest = after.partition("'")
        out.append(f"{head}formatDateTime({first}{quote}{pattern.replace('%M', '%i')}{end}")
    return "".join(out) + rest
