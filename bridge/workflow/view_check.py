"""What a workspace's views lack for the catalogue: files, columns and types, each with what to write, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bridge.catalog.standard_views import VIEWS, missing_columns, missing_view, quoted
from bridge.catalog.views import personal, read_by
from bridge.errors import BridgeError, NotFoundError, Problem
from bridge.model.investigation import SqlEvidence
from bridge.ports import Limits
from bridge.sql.prepare import prepare
from bridge.workflow import audited
from bridge.workflow.events import StepStarted

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.catalog.standard_view import Column
    from bridge.model.investigation import Investigation
    from bridge.workflow.context import Context

_SAMPLE: Final = 100
"""Rows that are looked at: a column may be NULL in the first ones."""
State = Literal["well", "lacks", "missing", "fails"]
_SQL_TYPES: Final = {"text": "text", "integer": "bigint", "decimal": "numeric(18, 2)", "boolean": "boolean", "time": "timestamptz"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """One view."""

    name: str
    state: State
    database: str
    """Where it runs: the workspace's name; empty when that is not known."""
    needed_by: tuple[str, ...]
    """Investigations; empty for a view that only the workspace has."""
    columns: tuple[tuple[str, str], ...]
    """Name and type of what it gives; empty when it did not run."""
    problems: tuple[Problem, ...]


def check_views(context: Context, investigation_id: str | None = None) -> list[ViewState]:
    """Look at every view that the catalogue (or one investigation) needs, and at those that have a file; sorted by name."""
    entries = _entries(context, investigation_id)
    users: dict[str, list[str]] = {}
    databases: dict[str, str] = {}
    for entry in entries:
        for item in entry.evidence:
            for name in read_by(item) if isinstance(item, SqlEvidence) else ():
                users.setdefault(name, []).append(entry.id)
                if isinstance(item, SqlEvidence):
                    databases[name] = item.database
    names = set(users) | (set(context.views) if investigation_id is None else set())
    return [_state(context, name, databases.get(name, ""), tuple(dict.fromkeys(users.get(name, ())))) for name in sorted(names)]


def _entries(context: Context, investigation_id: str | None) -> Sequence[Investigation]:
    if investigation_id is not None:
        return [context.catalog.get(investigation_id)]
    return [context.catalog.get(entry.id) for entry in context.catalog.list() if not entry.problem]


def _state(context: Context, name: str, database: str, users: tuple[str, ...]) -> ViewState:
    context.emit(StepStarted(source="views", what=name))
    if name not in context.views:
        problem = missing_view(name, context.workspace.views.folder)
        return ViewState(name=name, state="missing", database=database, needed_by=users, columns=(), problems=(problem,))
    try:
        source = context.workspace.database(database).name
        sample = _sample(context, name, source)
    except NotFoundError as error:
        hint = f"name it under databases: in bridge.yaml ({error.hint})" if error.hint else "name it under databases: in bridge.yaml"
        problem = Problem(message=error.message, where=error.where or f"views/{name}.sql", hint=hint)
        return ViewState(name=name, state="fails", database=database, needed_by=users, columns=(), problems=(problem,))
    except BridgeError as error:
        problem = Problem(message=error.message, where=error.where or f"views/{name}.sql", hint=error.hint)
        return ViewState(name=name, state="fails", database=database, needed_by=users, columns=(), problems=(problem,))
    problems = (*missing_columns(name, sample.column_names), *_wrong_types(name, sample), *_wrong_tags(context, name, sample))
    return ViewState(
        name=name,
        state="lacks" if problems else "well",
        database=source,
        needed_by=users,
        columns=tuple((part.name, _words(part.type)) for part in sample.schema),
        problems=problems,
    )


def _sample(context: Context, name: str, source: str) -> pa.Table:
    database = context.connections.database(source)
    query = prepare(
        f"SELECT * FROM {name}",  # noqa: S608 - the name is a checked file stem, and the guard reads the whole text
        dialect=database.dialect,
        views=context.views,
        values={},
        declared=(),
        where=f"views/{name}.sql",
        comment="bridge views check",
    )
    limits = Limits(rows=_SAMPLE, seconds=context.workspace.limits.seconds)
    root, clock = context.workspace.root, context.clock
    return audited.run(database, query, limits, root=root, clock=clock, command="views check", what=name, source=source).table


def _wrong_types(name: str, table: pa.Table) -> tuple[Problem, ...]:
    view = VIEWS.get(name)
    if view is None:
        return ()
    found = []
    for column in view.columns:
        if column.name not in table.column_names or _fits(column, table):
            continue
        write = f"CAST(... AS {_SQL_TYPES[column.type]}) AS {quoted(column.name)}"
        found.append(
            Problem(
                message=f"{name}.{column.name} is {_words(table.schema.field(column.name).type)}, it must be {column.type}: {column.meaning}",
                where=f"views/{name}.sql",
                hint=f"write `{write}`",
            )
        )
    return tuple(found)


def _wrong_tags(context: Context, name: str, table: pa.Table) -> tuple[Problem, ...]:
    """A tag on a column that is not there protects nothing."""
    have = {column.lower() for column in table.column_names}
    return tuple(
        Problem(
            message=f"{name} tags '{column}' as personal data and has no such column",
            where=f"views/{name}.sql",
            hint=f"columns: {', '.join(table.column_names)}",
        )
        for column in personal(context.views).get(name, ())
        if column not in have
    )


def _fits(column: Column, table: pa.Table) -> bool:
    """Tell whether a type serves; a column that may be NULL and is, in every row that was looked at, has no type to judge."""
    kind = table.schema.field(column.name).type
    if column.optional and table[column.name].null_count == table.num_rows:
        return True
    return _words(kind) in _SERVES[column.type]


_SERVES: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"text"}),
    "integer": frozenset({"integer"}),
    "decimal": frozenset({"decimal", "integer", "float"}),
    "boolean": frozenset({"boolean"}),
    "time": frozenset({"time"}),
}


def _words(kind: pa.DataType) -> str:
    """Return an Arrow type in the words of the standard views."""
    import pyarrow as pa

    types = pa.types
    tests = (
        ("text", types.is_string),
        ("text", types.is_large_string),
        ("integer", types.is_integer),
        ("decimal", types.is_decimal),
        ("float", types.is_floating),
        ("boolean", types.is_boolean),
    )
    for words, belongs in tests:
        if belongs(kind):
            return "integer" if words == "decimal" and kind.scale == 0 else words
    if types.is_timestamp(kind):
        return "time" if kind.tz else "time without a zone"
    return str(kind)
