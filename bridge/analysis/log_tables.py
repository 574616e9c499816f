"""Log evidence as it is read by novelty and excerpts: one table in time order."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.events import require
from bridge.logs.store import TEMPLATE_ID, with_templates
from bridge.model.finding import LogLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.model.finding import NovelTemplate
    from bridge.model.investigation import Investigation

_TEXT = ("level", "service", "account_id", "trace_id", "message", "template_id", "file")
ERRORS = frozenset({"ERROR", "FATAL", "CRITICAL", "SEVERE", "ALERT", "EMERG", "EMERGENCY", "PANIC"})
WARNINGS = frozenset({"WARN", "WARNING"})

ORDINARY = 2


def rank(novel: NovelTemplate) -> int:
    """Return 0 for errors and exceptions, 1 for warnings, ORDINARY for the rest: the order in which they are named."""
    if novel.level in ERRORS or "Exception" in novel.template or "Traceback" in novel.template:
        return 0
    return 1 if novel.level in WARNINGS else ORDINARY


def log_names(investigation: Investigation, during: str | None = None, *, around: bool | None = None) -> tuple[str, ...]:
    """Return the names of log evidence, all or those of one window parameter, with or without `around`."""
    from bridge.model.investigation import LogEvidence

    return tuple(
        item.name
        for item in investigation.evidence
        if isinstance(item, LogEvidence)
        and (during is None or item.during == during)
        and (around is None or (item.around is not None) == around)
    )


def log_lines(tables: Sequence[tuple[str, pa.Table]]) -> pa.Table:
    """Return the lines of several log evidences in time order: at, the text columns, offset."""
    parts = []
    for name, table in tables:
        require(table, ("at", "level", "service", "message"), name)
        columns: dict[str, Any] = {"at": pc.cast(table["at"], pa.timestamp("us", tz="UTC"))}
        for column in _TEXT:
            given = column in table.column_names
            columns[column] = pc.cast(table[column], pa.string()) if given else pa.nulls(table.num_rows, pa.string())
        known = "offset" in table.column_names
        columns["offset"] = pc.cast(table["offset"], pa.int64()) if known else pa.nulls(table.num_rows, pa.int64())
        columns["level"] = pc.utf8_upper(pc.fill_null(columns["level"], ""))
        columns["service"] = pc.fill_null(columns["service"], "")
        columns["message"] = pc.fill_null(columns["message"], "")
        parts.append(pa.table(columns))
    if not parts:
        return pa.table(
            {
                "at": pa.nulls(0, pa.timestamp("us", tz="UTC")),
                **{c: pa.nulls(0, pa.string()) for c in _TEXT},
                "offset": pa.nulls(0, pa.int64()),
            }
        )
    lines = pa.concat_tables(parts)
    keys = [("at", "ascending"), ("file", "ascending"), ("offset", "ascending"), ("message", "ascending")]
    return lines.take(pc.sort_indices(lines, sort_keys=keys))


def with_texts(tables: Sequence[pa.Table], texts: Mapping[str, str]) -> tuple[Sequence[pa.Table], Mapping[str, str]]:
    """Return tables whose template ids all have a text: as they are where that is so, else mined together."""
    if all(TEMPLATE_ID in table.column_names and set(pc.unique(table[TEMPLATE_ID]).to_pylist()) <= texts.keys() for table in tables):
        return tables, texts
    made, found = with_templates(tables)
    return made, dict(zip(found.ids, found.texts, strict=True))


def line(table: pa.Table, row: int) -> LogLine:
    """Return one row as evidence; its message is untrusted text."""
    values = table.slice(row, 1).to_pylist()[0]
    return LogLine(
        at=values["at"].astimezone(UTC),
        level=values["level"],
        service=values["service"],
        account_id=values["account_id"],
        trace_id=values["trace_id"],
        message=values["message"],
        file=values["file"] or "",
        offset=int(values["offset"] or 0),
    )
