"""Examine every connection of a workspace; one that fails never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.model.filing import Check
from bridge.workflow.events import StepStarted
from bridge.workflow.view_check import check_views

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
    """Each view that has a file runs, and has the columns and types that its name promises; `bridge views check` tells the rest."""
    return [
        Check(
            connection="views",
            what=state.name,
            ok=not state.problems,
            detail="; ".join(problem.message for problem in state.problems) or f"{len(state.columns)} columns",
            hint=f"what to write: bridge views check; {state.problems[0].hint}" if state.problems else "",
        )
        for state in check_views(context)
        if state.state != "missing"
    ]
