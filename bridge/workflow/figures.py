"""The report's figures again, counted from the rows by a second way: gate G3. Nothing of the analysis is used for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError, Problem

if TYPE_CHECKING:
    from bridge.model.case import Case
    from bridge.model.evidence import Provenance
    from bridge.model.finding import Analysis
    from bridge.model.investigation import Investigation
    from bridge.workflow.evidence_store import EvidenceStore

_COUNTS = """
WITH once AS (
    SELECT account_id::VARCHAR AS account, key::VARCHAR AS key, "at" AS moment, bool_or(coalesce(failed::BOOLEAN, FALSE)) AS failed
    FROM rows WHERE account_id IS NOT NULL AND "at" >= ? AND "at" < ? GROUP BY ALL
)
SELECT account, count(*) AS events, count(*) FILTER (failed) AS failures,
       min(moment) FILTER (failed) AS first, max(moment) FILTER (failed) AS last
FROM once GROUP BY account
"""
_SEEN = 'SELECT min("at"), max("at") FROM rows WHERE list_contains(?, template_id || \'/\' || service)'


@dataclass(frozen=True, slots=True)
class _Row:
    events: int
    failures: int
    first: int | None
    last: int | None


def problems(store: EvidenceStore, case: Case, investigation: Investigation, analysis: Analysis) -> Iterator[Problem]:
    """Yield a problem (G3) for each figure that differs from what its rows give, and for rows that were changed."""
    for each in store.provenances():
        try:
            rows = store.count(each)
        except BridgeError as error:
            yield Problem(message=error.message, where="G3", hint=error.hint)
            continue
        if rows != each.rows:
            yield _differs(f"rows of {each.id} {each.name}", each.rows, rows, each.id)
    cohort = analysis.cohort
    if cohort is None or investigation.cohort is None:
        return
    name = investigation.cohort.source
    source = next((each for each in store.provenances() if each.name == name), None)
    if source is None:
        return
    try:
        counted = _counted(store, source, case)
    except BridgeError:
        return  # told above
    least = case.parameters.get(investigation.cohort.failing, 1)
    affected = {account for account, row in counted.items() if row.failures >= max(1, least if isinstance(least, int) else 1)}
    said = {account.account_id: account for account in cohort.affected}
    if affected != set(said):
        yield _differs("affected accounts", len(said), len(affected), source.id)
    for account_id in sorted(affected & set(said)):
        row, account = counted[account_id], said[account_id]
        if (account.failures, account.events) != (row.failures, row.events):
            yield _differs(
                f"failures and events of {account_id}",
                f"{account.failures} of {account.events}",
                f"{row.failures} of {row.events}",
                source.id,
            )
    yield from _totals(analysis, counted, affected, source.id)


def _totals(analysis: Analysis, counted: Mapping[str, _Row], affected: set[str], id_: str) -> Iterator[Problem]:
    own = [counted[account] for account in affected]
    cohort = analysis.cohort
    if cohort and cohort.exposed != len(counted):
        yield _differs("accounts with such events", cohort.exposed, len(counted), id_)
    if cohort and cohort.control != (clean := sum(not row.failures for row in counted.values())):
        yield _differs("accounts that never failed", cohort.control, clean, id_)
    firsts, lasts = [row.first for row in own if row.first is not None], [row.last for row in own if row.last is not None]
    if analysis.impact and sum(row.failures for row in own) != analysis.impact.failures and not analysis.onset:
        yield _differs("failures", analysis.impact.failures, sum(row.failures for row in own), id_)
    if analysis.impact and cohort and analysis.impact.arr != sum(account.arr for account in cohort.affected):
        yield _differs("revenue", analysis.impact.arr, sum(account.arr for account in cohort.affected), id_)
    if analysis.onset and firsts and lasts:
        for what, value, found in (
            ("the first failure", analysis.onset.first_failure, min(firsts)),
            ("the last failure", analysis.onset.last_failure, max(lasts)),
        ):
            if not min(firsts) <= _micros(value) <= max(lasts):
                yield _differs(what, value, found, id_)


def seen(store: EvidenceStore, analysis: Analysis) -> tuple[datetime, datetime] | None:
    """Return the first and last log event of the templates that are new, None when the logs are not at hand."""
    if not analysis.novelties:
        return None
    wanted = [f"{item.template_id}/{item.service}" for item in analysis.novelties if item.traces_before == 0]
    logs = next((source for source in store.provenances() if source.dialect == "logs" and source.rows), None)
    if logs is None or not wanted:
        return None
    found = _asked(store, logs, ["at", "template_id", "service"], _SEEN, [wanted])
    return (_moment(found[0][0]), _moment(found[0][1])) if found and found[0][0] is not None else None


def _counted(store: EvidenceStore, source: Provenance, case: Case) -> dict[str, _Row]:
    columns = ["account_id", "key", "at", "failed"]
    rows = _asked(store, source, columns, _COUNTS, [_micros(case.window.start), _micros(case.window.end)])
    return {row[0]: _Row(*row[1:]) for row in rows}


def _asked(store: EvidenceStore, source: Provenance, columns: list[str], query: str, values: list[Any]) -> list[Any]:
    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc

    table = store.read(source, columns)
    at = pc.cast(pc.cast(table["at"], pa.timestamp("us", tz="UTC"), safe=False), pa.int64())
    table = table.set_column(table.column_names.index("at"), "at", at)  # microseconds: no zone can come between
    with duckdb.connect() as connection:
        connection.register("rows", table)
        return connection.execute(query, values).fetchall()


def _differs(what: str, said: object, counted: object, id_: str) -> Problem:
    return Problem(message=f"{what}: the report says {said}, the rows give {counted}", where="G3", hint=f"investigate again; rows: {id_}")


def _micros(value: datetime) -> int:
    from bridge.analysis.events import micros

    return micros(value)


def _moment(value: int) -> datetime:
    from bridge.analysis.events import moment

    return moment(value)
