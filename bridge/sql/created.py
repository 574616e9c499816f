"""The columns of a CREATE TABLE statement, as a database keeps it; nothing of it is ever run."""

from __future__ import annotations

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError


def columns_of(text: str, dialect: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each column; nothing for a text that can't be read."""
    try:
        tree = parse_one(text, read=dialect)
    except (ParseError, TokenError, RecursionError):
        return ()
    return tuple((column.name, column.kind.sql(dialect) if column.kind else "text") for column in tree.find_all(exp.ColumnDef))
