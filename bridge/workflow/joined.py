"""Evidence made of other evidence: one query over rows that are collected already, in DuckDB, behind the same guard."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from bridge.catalog.queries import JOINS, bound
from bridge.catalog.standard_views import missing_columns
from bridge.errors import InputError
from bridge.model.evidence import Provenance
from bridge.sql.parameters import recorded
from bridge.sql.paramstyle import for_driver
from bridge.workflow.evidence_store import EvidenceStore, parquet_bytes, sorted_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.case import Case
    from bridge.model.investigation import Investigation, SqlEvidence
    from bridge.ports import BoundQuery
    from bridge.sql.parameters import Value
    from bridge.workflow.context import Context

SOURCE: Final = "case"
"""What stands in place of a database: the case's own evidence."""
_LOCKED: Final = {"enable_external_access": "false", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def collect(
    context: Context,
    store: EvidenceStore,
    case: Case,
    investigation: Investigation,
    number: int,
    spec: SqlEvidence,
    values: Mapping[str, Value],
    tables: Mapping[str, pa.Table],
) -> tuple[Provenance, pa.Table]:
    """Run the query over the named evidence; rows that are there unchanged keep their provenance."""
    query = bound(
        spec,
        dialect=JOINS,
        views={},
        values=values,
        declared=[p.name for p in investigation.parameters],
        comment=f"bridge {investigation.id} v{investigation.version} {case.id}",
    )
    known = {p.name: p for p in store.provenances()}
    cut = [name for name in spec.joins if name in known and known[name].truncated]
    if cut:
        # A row beyond the cap would look like one that is missing.
        message = f"evidence '{spec.name}' can't be compared: {', '.join(cut)} was cut at the cap of rows"
        raise InputError(message, where=spec.file, hint="take a shorter window or fewer kinds, or raise limits.rows in bridge.yaml")
    started_at = context.clock.now()
    begun = time.monotonic()
    rows = _run(query, {name: tables[name] for name in spec.joins}, where=spec.file)
    limit = context.workspace.limits.rows
    problems = missing_columns(spec.kind, rows.column_names)
    if problems:
        raise InputError(f"evidence '{spec.name}' lacks columns", where=spec.file, hint="see docs/standard-views.md", problems=problems)
    table = sorted_rows(rows.slice(0, limit))
    data = parquet_bytes(table)
    provenance = Provenance(
        id=f"E{number}",
        name=spec.name,
        kind=spec.kind,
        source=SOURCE,
        product="duckdb",
        dialect=JOINS,
        query=query.text,
        # What it read, by digest: the same query over other rows is other evidence.
        parameters=recorded(dict(sorted(query.values.items())))
        | {f"{name}_sha256": known[name].digest for name in spec.joins if name in known},
        started_at=started_at,
        took_seconds=round(time.monotonic() - begun, 3),
        rows=table.num_rows,
        truncated=rows.num_rows > limit,
        digest=hashlib.sha256(data).hexdigest(),
        file=f"evidence/{number:02d}-{spec.name}.parquet",
    )
    return store.write(provenance, data), table


def _run(query: BoundQuery, tables: Mapping[str, pa.Table], *, where: str) -> pa.Table:
    import duckdb

    text, arguments = for_driver(query, "named-dollar")
    with duckdb.connect(config=dict(_LOCKED)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            connection.register(name, table)
        connection.execute("SET lock_configuration = true")
        try:
            return connection.sql(text, params=arguments).to_arrow_table()
        except duckdb.Error as error:
            message = f"the join does not run: {str(error).splitlines()[0]}"
            raise InputError(message, where=where, hint=f"it reads: {', '.join(tables)}") from error
