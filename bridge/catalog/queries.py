"""From a piece of sql evidence to the query for one dialect: its own text there, else the common one, translated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from bridge.catalog.standard_views import VIEWS
from bridge.model.investigation import SqlEvidence
from bridge.ports import BoundQuery
from bridge.sql.parameters import Value
from bridge.sql.prepare import prepare
from bridge.sql.translate import translated

WRITTEN: Final = "postgres"
"""The dialect of the common text."""
JOINS: Final = "duckdb"
"""The dialect of queries over evidence that is collected already."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {view.name: {c.name: c.type for c in view.columns} for view in VIEWS.values()}
"""Types of the standard views' columns, which the translation of / and dates needs."""


def text_for(item: SqlEvidence, dialect: str) -> tuple[str, str, str]:
    """Return the text for a dialect, the file it is from, and the dialect it is written in."""
    for native in item.natives:
        if native.dialect == dialect:
            return native.sql, native.file, dialect
    if item.view is not None:
        return item.sql, item.file, dialect
    return item.sql, item.file, JOINS if item.joins else WRITTEN


def bound(
    item: SqlEvidence,
    *,
    dialect: str,
    views: Mapping[str, str],
    values: Mapping[str, Value],
    declared: Collection[str],
    comment: str = "",
) -> BoundQuery:
    """Return the query that may run on a database of `dialect`; `views` are written in that dialect already.

    RefusedError when the guard refuses the text as it was written, or as it was translated; InputError when the
    translation would not mean the same, or for placeholders that can't be bound.
    """
    text, where, written = text_for(item, dialect)
    if written != dialect:
        text = translated(text, written, dialect, columns=COLUMNS, where=where)
    return prepare(text, dialect=dialect, views=views, values=values, declared=declared, where=where, comment=comment)
