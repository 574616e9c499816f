from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bridge.catalog.catalog import Catalog
from bridge.catalog.load import digest, load
from bridge.catalog.placeholders import placeholders
from bridge.config import yaml_marks
from bridge.errors import InputError, NotFoundError
from bridge.model.investigation import CohortRule, LogEvidence, SqlEvidence

CASES: list[dict[str, Any]] = yaml_marks.read(Path(__file__).parents[1] / "cases" / "config" / "bad_investigations.yaml").value

GOOD = """\
id: late-mails
version: 1
question: Which accounts get their mails late?
approach: Counts mails by account.
cannot_tell: Whether a mail was read.
subject: mails
observed: The mail comes hours after its event.
parameters:
  window: {type: window, default: last 14 days}
  minimum_events: {type: integer, default: 2, minimum: 1}
evidence:
  events: {sql: events.sql, kind: account-events}
  population: {view: accounts}
  logs: {logs: app, around: events, before: 30m, after: 5m}
# Who is affected.
cohort: {from: events, failing: minimum_events}
findings: [impact, sequence]
report: bug_report
"""
SQL = """\
SELECT account_id, sent_at AS "at", mail_id AS "key", sent_at > due_at AS failed -- not :this
FROM mails
WHERE sent_at >= :window_start
  AND sent_at < :window_end AND subject <> 'a :b' AND sent_at::date IS NOT NULL;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "late-mails"
    made.mkdir()
    (made / "investigation.yaml").write_text(GOOD, encoding="utf-8")
    (made / "events.sql").write_text(SQL, encoding="utf-8")
    return made


def test_good_one_loads(folder: Path) -> None:
    loaded = load(folder, database="app")
    events, population, logs = loaded.evidence
    assert isinstance(events, SqlEvidence)
    assert events.sql == SQL.rstrip().removesuffix(";")
    assert isinstance(population, SqlEvidence)
    assert (population.kind, population.sql, population.database) == ("view", "SELECT * FROM accounts", "app")
    assert isinstance(logs, LogEvidence)
    assert (logs.around, logs.before_seconds, logs.after_seconds, logs.during) == ("events", 1800, 300, "window")
    assert loaded.cohort == CohortRule(source="events", failing="minimum_events")
    assert [p.default for p in loaded.parameters] == ["last 14 days", 2]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_problem_is_named_with_its_place(case: dict[str, Any], folder: Path) -> None:
    for path in (folder / "investigation.yaml", folder / "events.sql"):
        text = path.read_text(encoding="utf-8")
        for old, new in case["replace"].items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(folder)
    said = [(p.where.removeprefix(f"{folder}/"), p.message, p.hint) for p in caught.value.problems]
    assert len(said) == len(case["problems"]), said
    for (where, message, hint), wanted in zip(said, case["problems"], strict=True):
        assert where == wanted["where"]
        assert wanted["message"] in message
        assert wanted.get("hint", "") in hint


def test_more_than_twenty_problems_are_cut(folder: Path) -> None:
    keys = "".join(f"extra{number}: 1\n" for number in range(30))
    (folder / "investigation.yaml").write_text(GOOD + keys, encoding="utf-8")
    with pytest.raises(InputError, match="has 30 problems") as caught:
        load(folder)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1].message == "and 10 more"


def test_digest_follows_what_runs(folder: Path) -> None:
    before = digest(folder)
    (folder / "README.md").write_text("words", encoding="utf-8")
    assert digest(folder) == before
    (folder / "events.sql").write_text(SQL + "-- more\n", encoding="utf-8")
    assert digest(folder) != before


def test_workspace_lies_over_the_built_in_ones(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own / "late-mails")
    (own / "late-mails" / "investigation.yaml").write_text(GOOD.replace("version: 1", "version: 7"), encoding="utf-8")
    shutil.copytree(folder, own / "broken")
    (own / "README.md").write_text("words", encoding="utf-8")
    catalog = Catalog(builtin=folder.parent, workspace=own)
    listed = {(e.id, e.origin): e for e in catalog.list(shadowed=True)}
    assert listed["late-mails", "workspace"].version == 7
    assert listed["late-mails", "built-in"].shadowed
    assert "is not the folder's name" in listed["broken", "workspace"].problem
    assert [e.id for e in catalog.list()] == ["broken", "late-mails"]
    assert catalog.get("late-mails").version == 7
    with pytest.raises(NotFoundError, match="no investigation 'late-mail'") as caught:
        catalog.get("late-mail")
    assert caught.value.hint == "did you mean late-mails?   all: bridge investigations list"
    with pytest.raises(InputError, match="folder's name"):
        catalog.get("broken")


def test_catalogue_without_a_workspace_folder(folder: Path) -> None:
    assert [e.origin for e in Catalog(builtin=folder.parent, workspace=folder / "none").list()] == ["built-in"]


def test_placeholders_are_found_where_they_are() -> None:
    sql = "SELECT ':a', \":b\", x::text, $$ :c $$, :d -- :e\n/* :f */ FROM t WHERE y = :g AND z = ARRAY[1:2] OR w=:d"
    assert placeholders(sql) == {"d": 1, "g": 2}
