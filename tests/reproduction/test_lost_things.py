"""An oracle of several steps, found by the whole command from what a case knows: nobody names a request."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from bridge.analysis.analyse import analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.cli import compose
from bridge.errors import ExitCode
from bridge.model.case import Case
from bridge.model.exchange import Exchange, Request, Response
from bridge.model.window import Window
from bridge.sql.parameters import resolve
from bridge.workflow.collect import collect
from tests.reproduction.kit import JSON, answer, bridge, line, played, serving, workspace
from tests.reproduction.test_target import Pages

if TYPE_CHECKING:
    import pytest

AT = datetime(2026, 3, 12, tzinfo=UTC)
INVESTIGATION = """
id: lost-items
version: 1
question: Which accounts made items that stand on no page?
approach: Each item is an event of its account; it fails when the index does not list it.
cannot_tell: Why they are missing.
subject: items
fails: stand on no page
observed: The item is on no page of the list.
expected: {statement: An item stands on a page., source: the help page}
action: Make an item
data_loss: true
parameters:
  window: {type: window, default: last 14 days}
  minimum_events: {type: integer, default: 1, minimum: 1}
evidence:
  events: {sql: events.sql, kind: account-events}
  population: {view: accounts}
cohort: {from: events, failing: minimum_events}
findings: [cohort, impact]
report: bug_report
symptoms: [item is missing]
tests: tests/*.yaml
"""
EVENTS = """
SELECT i.account_id, i.made_at AS "at", i.item_id AS "key", NOT i.listed AS failed
FROM items AS i
WHERE i.made_at >= :window_start AND i.made_at < :window_end
"""
VIEWS = {
    "items": "SELECT t.account_id, t.item_id, t.made_at, t.listed FROM things AS t",
    "accounts": "SELECT DISTINCT t.account_id, t.account_id AS name, 'team' AS plan, 'UK' AS region, CAST(t.arr AS DECIMAL(18, 2)) AS arr, "
    "1 AS seats, CAST(NULL AS timestamptz) AS created_at FROM things AS t",
}


def make(name: str) -> Request:
    return Request(method="POST", path="/items", headers=JSON, body=json.dumps({"name": name}))


ASKED = [
    make("a"),
    make("b"),
    Request(method="PUT", path="/filter", headers=JSON, body="{}"),
    make("c"),
    make("d"),
    *(Request(method="GET", path="/items", query=(("page", str(number)),)) for number in (1, 2)),
]


def with_case(folder: Path) -> str:
    """Add a database, an investigation and a case about it: of two accounts the third item fails, the bigger one is acc-big."""
    with duckdb.connect(str(folder / "app.duckdb")) as connection:
        connection.execute("CREATE TABLE things (account_id VARCHAR, item_id VARCHAR, made_at TIMESTAMPTZ, listed BOOLEAN, arr INTEGER)")
        rows = [(name, f"item-{n:06d}", f"2026-03-11 02:0{n}:00+00", n != 3, arr) for name, arr in (("acc-small", 1), ("acc-big", 9)) for n in (1, 2, 3, 4)]  # fmt: skip
        connection.executemany("INSERT INTO things VALUES (?, ?, ?, ?, ?)", rows)
    place = folder / "investigations" / "lost-items"
    place.mkdir(parents=True)
    (place / "investigation.yaml").write_text(INVESTIGATION)
    (place / "events.sql").write_text(EVENTS)
    (folder / "views").mkdir()
    for name, text in VIEWS.items():
        (folder / "views" / f"{name}.sql").write_text(text)
    document = json.loads((folder / "bridge.yaml").read_text())
    document |= {"databases": {"app": {"product": "duckdb", "path": "app.duckdb"}}, "views": {"database": "app", "folder": "views"}}
    (folder / "bridge.yaml").write_text(json.dumps(document))
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _: None) as context:
        investigation = context.catalog.get("lost-items")
        values = resolve(investigation.parameters, {}, now=AT)
        window = values["window"]
        assert isinstance(window, Window)
        case = context.cases.create(
            Case(id="", format=1, created_at=AT, as_of=AT, state="investigated", tickets=(), requested=(), investigation="lost-items",
                 investigation_version=1, investigation_digest=investigation.digest, given={}, parameters={"window": window, "minimum_events": 1},
                 window=window, bridge_version="0"))  # fmt: skip
        found = collect(context, case, investigation, values, refresh=False)
        inputs = AnalysisInputs(
            investigation=investigation, window=window, parameters=case.parameters, tables=found.tables, evidence_ids={}, tickets=()
        )
        context.cases.save_analysis(case.id, analyse(inputs))
    return case.id


def recordings(folder: Path) -> None:
    """One recorded session an account: the same requests, so that the same item is lost."""
    for account in ("acc-small", "acc-big"):
        exchanges: list[Exchange] = [replace(each, account=account) for each in played(Pages(), ASKED)]
        (folder / "recordings" / f"{account}.jsonl").write_text("\n".join(line(each) for each in exchanges) + "\n")
    (folder / "recordings" / "session.jsonl").unlink()


def test_the_command_finds_what_was_made_and_stands_on_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = Pages()

    def app(request: Request) -> Response:
        if request.path == "/reset":
            there.__init__()  # type: ignore[misc] # the app forgets everything
            return answer(200, {})
        return there(request)

    with serving(app) as server:
        folder = workspace(tmp_path / "w", played(Pages(), ASKED), server.url, reset="/reset")
        recordings(folder)
        case = with_case(folder)
        words = ("reproduce", case, "--target", "staging")
        code, dry = bridge(capsys, folder, *words)
        assert (code, server.seen) == (ExitCode.DONE, []), dry
        assert "what request 4 made is on none of 2 pages" in dry["failure"]
        code, made = bridge(capsys, folder, *words, "--send", "--runs", "3")
        assert (code, made["verdict"]) == (ExitCode.DONE, "reproduced"), made
        assert made["account"] == "acc-big"
        assert "request 4 made one of the case's 1 failing things" in made["chosen"]
        # The item, the two before it and the filter that hides the third, and the pages; what was made afterwards is not needed.
        assert [step["recorded_as"] for step in made["steps"]] == [1, 2, 3, 4, 6, 7]
        server.app = lambda request: app(request) if request.path != "/filter" else answer(200, {})
        code, fixed = bridge(capsys, folder, "verify", case, "--target", "staging")
        assert (code, fixed["verdict"]) == (ExitCode.DONE, "fixed"), fixed
