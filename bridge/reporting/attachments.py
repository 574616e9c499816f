"""The files that go with a report: every affected account, and the query behind every number."""

from __future__ import annotations

import csv
import io
import json

from bridge.model.evidence import Scalar
from bridge.model.finding import AffectedAccount
from bridge.model.window import utc
from bridge.reporting.facts import Mask, ReportFacts, mask_of
from bridge.text.terminal import visible

_COLUMNS = (
    "account_id",
    "name",
    "plan",
    "region",
    "arr",
    "seats",
    "failures",
    "events",
    "first_failure",
    "last_failure",
    "tickets",
    "silent",
)
_FORMULA = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
"""With the full-width forms that some spreadsheets read as the plain ones."""


def cell(text: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe before what would be a formula, controls visible."""
    stripped = text.lstrip()
    guarded = text[:1] in _FORMULA or stripped[:1] in _FORMULA
    return ("'" if guarded else "") + visible(text)


def affected_csv(accounts: tuple[AffectedAccount, ...]) -> bytes:
    """Return all affected accounts as CSV: UTF-8, comma, times ISO 8601 UTC, money with a point."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for account in accounts:
        texts = [account.account_id, account.name, account.plan, account.region]
        numbers = [f"{account.arr:f}", str(account.seats), str(account.failures), str(account.events)]
        times = [utc(at).isoformat().replace("+00:00", "Z") for at in (account.first_failure, account.last_failure)]
        writer.writerow(
            [*map(cell, texts), *numbers, *times, cell(" ".join(account.tickets)), "yes" if account.silent else "no"],
        )
    return buffer.getvalue().encode()


def method_json(facts: ReportFacts) -> bytes:
    """Return what ran and what it gave: each table's query, parameters, rows and digest, and the findings that cite it."""
    mask = mask_of(facts)
    citing = {source.id: [finding.id for finding in facts.analysis.findings if source.id in finding.evidence] for source in facts.evidence}
    investigation = facts.investigation
    document = {
        "case": facts.case.id,
        "investigation": {"id": investigation.id, "version": investigation.version, "digest": investigation.digest},
        "window": {"start": facts.case.window.start.isoformat(), "end": facts.case.window.end.isoformat()},
        "algorithm": facts.analysis.algorithm,
        "bridge": facts.bridge_version,
        "created_at": utc(facts.created_at).isoformat(),
        "cannot_tell": investigation.cannot_tell,
        "evidence": [
            {
                "id": source.id,
                "name": source.name,
                "kind": source.kind,
                "source": source.source,
                "product": source.product,
                "dialect": source.dialect,
                "query": source.query,
                "parameters": {name: _parameter(mask, value) for name, value in source.parameters.items()},
                "rows": source.rows,
                "truncated": source.truncated,
                "outcome": source.outcome,
                **({"templates": source.templates} if source.templates else {}),
                "sha256": source.digest,
                "file": source.file,
                "started_at": utc(source.started_at).isoformat(),
                "counts": source.counts,
                "findings": citing[source.id],
            }
            for source in facts.evidence
        ],
        "findings": [
            {
                "id": finding.id,
                "level": finding.level,
                "statement": mask.words(finding.statement),
                "evidence": list(finding.evidence),
                "check": finding.check,
            }
            for finding in facts.analysis.findings
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _parameter(mask: Mask, value: Scalar | list[Scalar]) -> Scalar | list[Scalar]:
    if isinstance(value, list):
        return [mask.words(item) if isinstance(item, str) else item for item in value]
    return mask.words(value) if isinstance(value, str) else value
