"""Examine every connection of a workspace; one that fails never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bridge.catalog.standard_views import missing_columns
from bridge.errors import BridgeError
from bridge.model.filing import Check
from bridge.ports import Limits
from bridge.sql.prepare import prepare
from bridge.workflow.events import StepStarted

if TYPE_CHECKING:
    from bridge.workflow.context import Context


def examine(context: Context) -> list[Check]:
    """Return one check after another: catalogue, help desk, tracker, databases, views, logs."""
    workspace = context.workspace
    checks: list[Check] = []

    def connection(name: str, ask: Callable[[], Sequence[Check]]) -> None:
        context.emit(StepStarted(source=name, what="asking"))
        try:
            checks.extend(ask())
        except BridgeError as error:
            problems = "; ".join(p.message for p in error.problems)
            detail = f"{error.message}: {problems}" if problems and problems != error.message else error.message
            checks.append(Check(connection=name, what="reachable", ok=False, detail=detail, hint=error.hint))

    connection("catalogue", lambda: _catalogue(context))
    connection("tickets", lambda: context.connections.tickets().check())
    connection("tracker", lambda: context.connections.tracker().check())
    for name in workspace.databases:
        connection(f"database {name}", lambda name=name: context.connections.database(name).check())  # type: ignore[misc] # a default binds the loop's value
    connection("views", lambda: _views(context))
    for name in workspace.logs:
        connection(f"logs {name}", lambda name=name: context.connections.logs(name).check())  # type: ignore[misc] # a default binds the loop's value
    return checks


def _catalogue(context: Context) -> list[Check]:
    entries = context.catalog.list()
    well = sum(not entry.problem for entry in entries)
    checks = [Check(connection="catalogue", what="investigations", ok=True, detail=f"{well} can be used")]
    checks += [
        Check(connection="catalogue", what=entry.id, ok=False, detail=entry.problem, hint=f"bridge investigations check {entry.id}")
        for entry in entries
        if entry.problem
    ]
    checks += [Check(connection="secrets", what=p.where, ok=False, detail=p.message, hint=p.hint) for p in context.workspace.warnings()]
    return checks


def _views(context: Context) -> list[Check]:
    """Each view runs for one row, and has the columns that its name promises."""
    checks = []
    database = context.connections.database("")
    for name in sorted(context.views):
        try:
            query = prepare(
                f"SELECT * FROM {name}",  # noqa: S608 - the name is a checked file stem, and the guard reads the whole text
                dialect=database.dialect,
                views=context.views,
                values={},
                declared=(),
                where=f"views/{name}.sql",
                comment="bridge doctor",
            )
            table = database.run(query, Limits(rows=1, seconds=context.workspace.limits.seconds)).table
            problems = missing_columns(name, table.column_names)
            detail = "; ".join(p.message for p in problems) or f"{table.num_columns} columns"
            checks.append(
                Check(connection="views", what=name, ok=not problems, detail=detail, hint="see docs/standard-views.md" if problems else "")
            )
        except BridgeError as error:
            checks.append(Check(connection="views", what=name, ok=False, detail=error.message, hint=error.hint))
    return checks
