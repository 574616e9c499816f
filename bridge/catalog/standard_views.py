"""The columns that investigations and the analysis rely on: standard views, and the kinds of evidence.

Each company writes its own SQL behind a view (docs/standard-views.md); investigations are written against these names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bridge.catalog.more_views import ALL
from bridge.catalog.standard_view import Column, ColumnType, StandardView
from bridge.catalog.standard_view import column as _column
from bridge.errors import Problem

__all__ = ["KINDS", "VIEWS", "Column", "ColumnType", "StandardView", "missing_columns", "missing_view", "quoted"]

_ACCOUNTS: Final = StandardView(
    name="accounts",
    rows="an account, all of them, whether they have failures or not",
    columns=(
        _column("account_id", "text", "the id that tickets, events and logs carry; unique"),
        _column("name", "text", "the account's name"),
        _column("plan", "text", "what it pays for: starter, team, enterprise", optional=True),
        _column("region", "text", "sales region or country", optional=True),
        _column("arr", "decimal", "revenue a year in the workspace's currency; 0 when it pays nothing"),
        _column("seats", "integer", "paid seats"),
        _column("created_at", "time", "when it became an account", optional=True),
    ),
    further="attributes of the account; findings look for those that affected accounts share",
)
_CHANGES: Final = StandardView(
    name="changes",
    rows="something that may have caused a defect, at the moment it took effect",
    columns=(
        _column("at", "time", "when it took effect"),
        _column("kind", "text", "release, flag, migration, job (one run of a scheduled job) or config"),
        _column("name", "text", "what changed: the service, flag or job"),
        _column("version", "text", "the new version or value", optional=True),
    ),
)
_EXPORTS: Final = StandardView(
    name="exports",
    rows="one run of a report export",
    columns=(
        _column("export_id", "text", "unique"),
        _column("account_id", "text", "whose report it is"),
        _column("report_id", "text", "which report was exported"),
        _column("trigger", "text", "schedule or manual"),
        _column("format", "text", "csv, xlsx, pdf, ...", optional=True),
        _column("scheduled_at", "time", "when it was due; NULL for manual ones", optional=True),
        _column("started_at", "time", "when it began"),
        _column("finished_at", "time", "when it ended; NULL while it runs", optional=True),
        _column("status", "text", "success, failed, running, ..."),
        _column("source_rows", "integer", "rows that the report's source had for this run", optional=True),
        _column("rows_written", "integer", "rows in the file", optional=True),
        _column("version", "text", "version of the service that ran it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
        _column("rerun_of", "text", "export_id that this run repeats", optional=True),
    ),
)
_ACCOUNT_EVENTS: Final = StandardView(
    name="account-events",
    rows="one event of an account, failing or not",
    columns=(
        _column("account_id", "text", "whose event it is"),
        _column("at", "time", "when it happened"),
        _column("key", "text", "the event's id: unique"),
        _column("failed", "boolean", "true when it shows the failure; never NULL"),
    ),
    further="trace_id as the logs carry it; the rest are attributes of the event",
)
_WORKAROUND: Final = StandardView(
    name="workaround",
    rows="one try of the workaround",
    columns=(
        _column("account_id", "text", "who tried"),
        _column("at", "time", "when"),
        _column("key", "text", "the try's id"),
        _column("worked", "boolean", "true when it gave what was wanted"),
    ),
)

VIEWS: Final[Mapping[str, StandardView]] = {view.name: view for view in (_ACCOUNTS, _CHANGES, _EXPORTS, *ALL)}
"""Views that the built-in catalogue uses; a workspace may have others, which promise nothing."""
KINDS: Final[Mapping[str, StandardView]] = {kind.name: kind for kind in (_ACCOUNT_EVENTS, _WORKAROUND)}


def missing_columns(name: str, columns: Iterable[str], *, where: str = "") -> tuple[Problem, ...]:
    """Return a problem for each column that `name` (a standard view or a kind of evidence) promises and `columns` lacks.

    A name that promises nothing gives no problems. `where` is the file to change, if known.
    """
    promised = VIEWS.get(name) or KINDS.get(name)
    if promised is None:
        return ()
    have = list(columns)
    found: list[Problem] = []
    for column in promised.columns:
        if column.name in have:
            continue
        near = difflib.get_close_matches(
            column.name, [item for item in have if item not in {c.name for c in promised.columns}], n=1, cutoff=0.7
        )
        write = f"{near[0]} AS {quoted(column.name)}" if near else f"... AS {quoted(column.name)}"
        null = " (NULL where unknown)" if column.optional else ""
        found.append(
            Problem(
                message=f"{name} lacks the column {column.name} ({column.type}: {column.meaning})",
                where=where or (f"views/{name}.sql" if name in VIEWS else ""),
                hint=f"select `{write}`{null}",
            )
        )
    return tuple(found)


def missing_view(name: str, folder: Path) -> Problem:
    """Return the problem of a view that has no file, with the SELECT to write."""
    file = folder / f"{name}.sql"
    view = VIEWS.get(name)
    if view is None:
        hint = f"write {file}: one SELECT with the columns that the investigation reads; standard views: {', '.join(VIEWS)}"
    else:
        hint = f"write {file}: SELECT {', '.join(f'... AS {quoted(column.name)}' for column in view.columns)} FROM ..."  # noqa: S608 - words for a person, never run
    return Problem(message=f"this workspace has no view '{name}'", where=str(file), hint=hint)


def quoted(name: str) -> str:
    """Return a column's name as SQL needs it: reserved words in double quotes."""
    return f'"{name}"' if name in {"at", "key", "trigger", "format", "method", "source"} else name
