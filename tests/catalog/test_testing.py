from __future__ import annotations

from pathlib import Path

import pytest

from bridge.catalog.load import load
from bridge.catalog.testing import run_tests

INVESTIGATION = """\
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
cohort: {from: events, failing: minimum_events}
findings: [impact]
"""
SQL = """\
SELECT m.account_id, m.due_at AS "at", m.mail_id AS "key", m.sent_at > m.due_at + INTERVAL '1 hour' AS failed
FROM mails AS m
WHERE m.due_at >= :window_start AND m.due_at < :window_end
"""
TEST = """\
about: Two late mails make an account affected, one does not.
views:
  mails:
    columns: {account_id: text, mail_id: text, due_at: time, sent_at: time}
    rows:
      - {account_id: a-1, mail_id: m-1, due_at: 2026-03-10T08:00:00Z, sent_at: 2026-03-10T12:00:00Z}
      - {account_id: a-1, mail_id: m-2, due_at: 2026-03-11T08:00:00Z, sent_at: 2026-03-11T12:00:00Z}
      - {account_id: a-2, mail_id: m-3, due_at: 2026-03-11T08:00:00Z, sent_at: 2026-03-11T12:00:00Z}
expect:
  affected: [a-1]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "late-mails"
    (made / "tests").mkdir(parents=True)
    (made / "investigation.yaml").write_text(INVESTIGATION, encoding="utf-8")
    (made / "events.sql").write_text(SQL, encoding="utf-8")
    (made / "tests" / "two.yaml").write_text(TEST, encoding="utf-8")
    return made


def problems(folder: Path) -> list[tuple[str, str]]:
    (result,) = run_tests(load(folder))
    return [(problem.where.rpartition("/")[2], problem.message) for problem in result.problems]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_passes(folder: Path) -> None:
    (result,) = run_tests(load(folder))
    assert result.passed
    assert result.about == "Two late mails make an account affected, one does not."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[a-1]",
            "[a-2, a-3]",
            [("two.yaml:10:3", "not affected, and should be: a-2, a-3"), ("two.yaml:10:3", "affected, and should not be: a-1")],
        ),
        ("views:", "veiws:", [("two.yaml:1:1", "missing key 'views'"), ("two.yaml:2:1", "unknown key 'veiws', did you mean 'views'?")]),
        ("about:", "parameters: {minimum_event: 3}\nabout:", [("-p minimum_event=...", "unknown parameter 'minimum_event'")]),
        ("08:00:00Z, sent_at: 2026-03-10T12:00:00Z", "08:00:00", [("two.yaml:6:49", "due_at: '2026-03-10T08:00:00' has no zone")]),
        ("account_id: a-2", "account_id: 2", [("two.yaml:8:22", "account_id: 2 is not of type text")]),
        ("  affected: [a-1]", "  evidence: {event: []}", [("two.yaml:10:14", "no sql evidence 'event', did you mean 'events'?")]),
        (
            "  affected: [a-1]",
            "  evidence: {events: [{key: m-1}, {key: m-2}, {key: m-9}]}",
            [("two.yaml:10:47", "events: no such row: key: m-9"), ("two.yaml:10:14", "events: a row that is not expected: key: m-3")],
        ),
    ],
)
def test_what_differs_is_named(folder: Path, old: str, new: str, said: list[tuple[str, str]]) -> None:
    change(folder / "tests" / "two.yaml", old, new)
    assert problems(folder) == said


def test_a_view_that_is_not_given(folder: Path) -> None:
    change(folder / "events.sql", "FROM mails", "FROM letters")
    ((where, message),) = problems(folder)
    assert where == "events.sql"
    assert "letters does not exist" in message


def test_a_query_without_its_promised_columns(folder: Path) -> None:
    change(folder / "events.sql", "AS failed", "AS late")
    assert problems(folder) == [
        ("events.sql", "account-events lacks the column failed (boolean: true when it shows the failure; never NULL)")
    ]


def test_the_guard_stands_before_the_tests_too(folder: Path) -> None:
    (folder / "events.sql").write_text("SELECT * FROM read_csv('/etc/passwd') AS t WHERE :window_start < :window_end", encoding="utf-8")
    ((where, message),) = problems(folder)
    assert where.startswith("events.sql")
    assert "read_csv" in message
