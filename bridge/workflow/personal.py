"""Personal data of the views: masked wherever rows leave the case's own files, unless somebody asks, which the audit keeps.

A view tags its columns (`-- personal: name, email`); lineage carries the tags to the columns of every query. Evidence
files hold the rows as they came, because queries are compared by their digest; findings, reports, attachments and what
is printed get masked ones. Tags are read from the views as they are now, so a tag protects old cases too.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from bridge.catalog.standard_views import KINDS, VIEWS
from bridge.catalog.views import NEVER_PERSONAL
from bridge.catalog.views import personal as tags_of
from bridge.disk import disk_error
from bridge.errors import InputError
from bridge.model.investigation import SqlEvidence
from bridge.sql.lineage import personal_columns
from bridge.workflow.codec import iso
from bridge.workflow.evidence_store import EvidenceStore

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.evidence import Provenance
    from bridge.model.investigation import Investigation
    from bridge.workflow.context import Context

AUDIT: Final = "audit.jsonl"


def columns(provenances: Sequence[Provenance], views: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the personal columns of each piece of evidence, in small letters; evidence that joins others inherits theirs."""
    tags: dict[str, Collection[str]] = dict(tags_of(views))
    if not tags:
        return {}
    found: dict[str, frozenset[str]] = {}
    # What comes from a database first: joins read these by their names.
    for provenance in sorted(provenances, key=lambda each: each.source == "case"):
        if provenance.dialect != "logs":
            known = {**tags, **found} if provenance.source == "case" else tags
            found[provenance.name] = personal_columns(provenance.query, provenance.dialect, known)
    return found


def masked(table: pa.Table, personal: Collection[str]) -> pa.Table:
    """Return the table with each personal value as `[personal 1]`, the same value the same number; NULL stays."""
    import pyarrow as pa

    for index, name in enumerate(table.column_names):
        if name.lower() not in personal:
            continue
        values = [None if value is None else str(value) for value in table.column(index).to_pylist()]
        # Numbered by digest: an order of names would tell something about them.
        order = sorted({value for value in values if value is not None}, key=lambda value: hashlib.sha256(value.encode()).digest())
        numbers = {value: f"[personal {number}]" for number, value in enumerate(order, start=1)}
        texts = [None if value is None else numbers[value] for value in values]
        table = table.set_column(index, name, pa.array(texts, type=pa.string()))
    return table


def for_findings(
    tables: Mapping[str, pa.Table], investigation: Investigation, provenances: Sequence[Provenance], views: Mapping[str, str]
) -> dict[str, pa.Table]:
    """Return the tables as findings may see them; InputError when a query puts personal data where accounts are counted."""
    found = columns(provenances, views)
    kinds = {item.name: item.view or item.kind for item in investigation.evidence if isinstance(item, SqlEvidence)}
    files = {item.name: item.file for item in investigation.evidence if isinstance(item, SqlEvidence)}
    result: dict[str, pa.Table] = {}
    for name, table in tables.items():
        personal = found.get(name, frozenset())
        promised = VIEWS.get(kinds.get(name, "")) or KINDS.get(kinds.get(name, ""))
        kept = {column.name for column in promised.columns} if promised is not None else set()
        bad = sorted(NEVER_PERSONAL & kept & personal)
        if bad:
            message = f"evidence '{name}' makes {', '.join(bad)} of columns that are tagged as personal data"
            raise InputError(message, where=files.get(name, ""), hint="take another column, or another tag in views/")
        drop = [column for column in table.column_names if column.lower() in personal and column not in kept]
        result[name] = masked(table.drop_columns(drop) if drop else table, personal)
    return result


def table_of(context: Context, case_id: str, name: str, *, show_personal: bool = False) -> tuple[Provenance, pa.Table, tuple[str, ...]]:
    """Return evidence for showing, and the columns that are masked in it; with `show_personal` none is, and the audit says who asked."""
    store = EvidenceStore(context.cases.folder(case_id))
    provenance, table = store.table(name)
    personal = columns(store.provenances(), context.views).get(provenance.name, frozenset())
    hidden = tuple(column for column in table.column_names if column.lower() in personal)
    if not hidden:
        return provenance, table, ()
    if show_personal:
        # Noted before anything is shown: without a note there is nothing to see.
        _note(context, case_id, provenance, hidden)
        return provenance, table, ()
    return provenance, masked(table, personal), hidden


def _note(context: Context, case_id: str, provenance: Provenance, shown: Sequence[str]) -> None:
    line = {
        "at": iso(context.clock.now()),
        "who": _who(),
        "what": "show personal data",
        "case": case_id,
        "evidence": provenance.name,
        "columns": list(shown),
        "rows": provenance.rows,
        "digest": provenance.digest,
    }
    path = context.workspace.root / AUDIT
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # One write of one line: appends of several processes don't mix.
            os.write(handle, (json.dumps(line, ensure_ascii=False) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise disk_error(error, path) from error


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
