"""The demo company, its default truth and others: every planted cause found, every decoy left out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bridge.analysis.analyse import affected_accounts, analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.catalog.load import load
from bridge.demo import files
from bridge.demo.tables import tables
from bridge.demo.tickets import demo_tickets
from bridge.demo.truth import DEFAULT_TRUTH, Truth, random_truth
from bridge.demo.workspace import planted
from bridge.model.investigation import SqlEvidence
from bridge.model.ticket import Ticket

INVESTIGATION = load(Path(__file__).parents[2] / "investigations" / "empty-exports")
OTHERS = [random_truth(seed) for seed in range(1, 11)]


@pytest.mark.parametrize("truth", [DEFAULT_TRUTH, *OTHERS], ids=[f"seed {truth.seed}" for truth in [DEFAULT_TRUTH, *OTHERS]])
def test_the_analysis_follows_the_truth(truth: Truth) -> None:
    secret = planted(truth)
    inputs, defect = case(truth, secret)
    assert affected_accounts(inputs) == tuple(sorted(secret["affected"]))
    analysis = analyse(inputs)
    assert analysis.cohort is not None
    assert analysis.impact is not None
    assert analysis.onset is not None
    assert analysis.onset.change is not None
    assert sorted(a.account_id for a in analysis.cohort.affected if a.silent) == sorted(secret["silent"])
    assert {ticket for a in analysis.cohort.affected for ticket in a.tickets} == defect
    assert {item.account_id for item in analysis.cohort.left_out} >= set(secret["once"])
    assert str(analysis.impact.arr) == secret["arr"]
    width = truth.width_minutes
    assert [(c.axis, c.start_minute, c.end_minute, c.event) for c in analysis.concentrations] == [
        ("time of day", truth.refresh_minute, truth.refresh_minute + width, None),
        ("after event", 0, width, "job cache-refresh"),
    ]
    assert set(analysis.contrasts[0].conditions) == set(truth.cause)
    assert (analysis.onset.change.kind, analysis.onset.change.name, analysis.onset.change.version) == (
        "release",
        "reporting",
        truth.release_version,
    )
    assert analysis.onset.failures_before == 0
    assert {f.level for f in analysis.findings if f.kind in {"cohort", "impact", "onset", "concentration"}} == {"finding"}


def case(truth: Truth, secret: dict[str, Any]) -> tuple[AnalysisInputs, set[str]]:
    """Return the case of the first three tickets about the defect, all others being candidates, and the ids about the defect."""
    tickets = []
    for row, made in zip(secret["tickets"], demo_tickets(truth), strict=True):
        at = datetime.fromisoformat(row["at"])
        tickets.append(
            Ticket(
                id=row["id"],
                system="zendesk",
                native_id=row["id"],
                url="",
                subject=made.phrase[0],
                body=made.phrase[1],
                requester_name="",
                requester_email="",
                account_id=row["account"],
                account_name=None,
                status="open",
                priority=None,
                created_at=at,
                updated_at=at,
            )
        )
    defect = [row["id"] for row in secret["tickets"] if row["about"] == "defect"]
    return (
        AnalysisInputs(
            investigation=INVESTIGATION,
            window=truth.window,
            parameters={"minimum_events": 2},
            tables=evidence(truth),
            evidence_ids={},
            tickets=[ticket for ticket in tickets if ticket.id in defect[:3]],
            candidate_tickets=[ticket for ticket in tickets if ticket.id not in defect[:3]],
        ),
        set(defect),
    )


def evidence(truth: Truth) -> dict[str, Any]:
    """Run the investigation's own SQL over the standard views of the demo."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables(truth).items():
        connection.from_arrow(table).create(name)
    for name, sql in files.DEMO_VIEWS.items():
        connection.execute(f'CREATE VIEW "{name}" AS {sql}')
    found = {}
    for item in INVESTIGATION.evidence:
        if isinstance(item, SqlEvidence):
            sql = item.sql.replace(":window_", "$window_")
            values = {"window_start": truth.window.start, "window_end": truth.window.end}
            result = connection.sql(sql, params=values) if "$window_" in sql else connection.sql(sql)
            found[item.name] = result.to_arrow_table()
    connection.close()
    return found
