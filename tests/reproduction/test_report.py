"""What the report says of a reproduction: rows, waits, an unfinished search; and one person under one label everywhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.model.exchange import Exchange, Recording, Request, Response
from bridge.model.finding import Excerpt, LogLine
from bridge.reporting import example
from bridge.reporting.build import build
from bridge.reproduction.capture import scrub
from bridge.reproduction.people import Pseudonyms
from bridge.reproduction.rows import Row, RowSlice, Table
from bridge.reproduction.rows_sql import script
from bridge.text.redact.kinds import EMAIL
from tests.reproduction.kit import JSON

KEY = b"a key of one case"
MAIL = "kim.lee@customer1.example"
TEMPLATE = Path(__file__).parents[2] / "templates" / "bug_report.md.j2"


def markdown(**reproduction: Any) -> str:
    facts = example.full()
    assert facts.reproduction is not None
    return build(replace(facts, reproduction=replace(facts.reproduction, **reproduction)), TEMPLATE).markdown


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            {"data": "3 rows of 2 tables (accounts, users) for sqlite"},
            "`data.sql`, attached, has what must be in the database first: 3 rows of 2 tables",
        ),
        ({"minimal": False}, "a shorter sequence may exist"),
    ],
)
def test_what_is_in_the_report_only_where_it_is_so(given: dict[str, Any], wanted: str) -> None:
    assert wanted in markdown(**given)
    assert wanted not in markdown()


def test_the_wait_before_a_step_is_in_its_line() -> None:
    made = example.full().reproduction
    assert made is not None
    steps = (*made.steps[:2], replace(made.steps[2], wait=90.0))
    line = next(line for line in markdown(steps=steps).splitlines() if line.startswith("3. "))
    assert line.endswith("; at least 90 s after what is before it")


def test_one_person_has_one_label_in_ticket_log_request_and_row() -> None:
    people = Pseudonyms(key=KEY)
    asked = Request(method="POST", path="/find", headers=JSON, body=json.dumps({"email": MAIL}))
    recorded = Recording(exchanges=(Exchange(index=0, request=asked, response=Response(status=200)),), hosts=(), source="s")
    body = scrub(recorded, b"x", people).exchanges[0].request.body
    table = Table(name="users", columns=("id", "email"), key=("id",))
    rows = RowSlice(rows=(Row(table="users", values={"id": 1, "email": MAIL}, id=("users", "1")),))
    sql = script(rows, {"users": table}, "sqlite", lambda _t, _c, value: people.of(EMAIL, value) if value == MAIL else value, title="t")

    facts = example.full()
    assert facts.reproduction is not None
    at = facts.created_at
    said = LogLine(
        at=at, level="ERROR", service="api", account_id=None, trace_id=None, message=f"no mail to {MAIL}", file="app.log", offset=0
    )
    ticket = replace(facts.case.tickets[0], requester_email=MAIL, subject=f"Nothing for {MAIL}")
    step = replace(facts.reproduction.steps[1], words=f"email = {json.loads(body)['email']}")
    report = build(
        replace(
            facts,
            case=replace(facts.case, tickets=(ticket, *facts.case.tickets[1:])),
            analysis=replace(facts.analysis, excerpts=(Excerpt(key="x", why="the first", lines=(said,)),)),
            reproduction=replace(facts.reproduction, steps=(facts.reproduction.steps[0], step, facts.reproduction.steps[2])),
            policy=replace(facts.policy, key=KEY),
        ),
        TEMPLATE,
    ).markdown
    (digits,) = set(re.findall(r"person-([0-9a-f]{6})@", body + sql))
    assert sql.count(digits) == body.count(digits) == 1
    assert MAIL not in report
    places = {
        "log": next(line for line in report.splitlines() if "no mail to" in line),
        "ticket": next(line for line in report.splitlines() if "Nothing for" in line),
        "request": next(line for line in report.splitlines() if "email = " in line),
    }
    assert {place: re.findall(r"(?:e-mail|person)-([0-9a-f]{6})", line) for place, line in places.items()} == {
        place: [digits] for place in places
    }
