"""Which series the daily look makes of tickets and of log lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.analysis.log_tables import log_lines
from bridge.analysis.trend import trends
from bridge.workflow.trends import error_series, ticket_series
from tests.analysis.worlds import investigation, log_table, ticket

NOW = datetime(2026, 3, 17, tzinfo=UTC)


def test_a_ticket_counts_for_its_symptom_else_for_its_error_else_for_its_words() -> None:
    asked = [investigation(id="failing-things"), replace(investigation(), id="lost-mail", symptoms=("no mail",))]
    tickets = [
        ticket(1, "a", "every night the thing silently fails"),
        ticket(2, "b", "the thing no longer fails, thank you"),
        ticket(3, "c", "We get no mail and our thing fails"),
        ticket(4, "d", "POST /api/v1/exports gave 503 this morning"),
        ticket(5, "e", "Wrong VAT on the invoice"),
        ticket(6, None, "The invoice shows the wrong VAT rate"),
        ticket(7, "g", "How do I invite a colleague?"),
    ]
    made, alone = ticket_series(tickets, asked)
    by_subject = {(series.kind, series.subject): series.members for series in made}
    words = by_subject.pop(next(key for key in by_subject if key[0] == "words"))
    assert by_subject == {
        ("symptom", "failing-things"): ("T-1", "T-3"),
        ("symptom", "lost-mail"): ("T-3",),
        ("signal", "POST /api/v1/exports 503"): ("T-4",),
    }
    assert words == ("T-5", "T-6")
    assert alone == 2
    group = next(series for series in made if series.kind == "words")
    assert {"invoice", "vat"} <= set(group.words)
    assert [who for _, who in group.told] == ["e", "T-6"]


def test_errors_of_logs_count_traces_by_template() -> None:
    start = NOW - timedelta(days=80)
    first = int(start.timestamp()) * 1_000_000
    day = 86_400_000_000
    old = [(first + number * day, "ERROR", f"mailbox {number} is full", f"o{number}") for number in range(80)]
    new = [
        (first + 78 * day + number * 60_000_000, "ERROR", f"snapshot {number} was not finished", f"n{number}") for number in range(30)
    ] * 5
    made = error_series(log_lines([("app", log_table(old + new))]))
    assert [(series.subject, series.unit, len({who for _, who in series.told})) for series in made] == [
        ("worker: mailbox <*> is full", "traces", 80),
        ("worker: snapshot <*> was not finished", "traces", 30),
    ]
    found = {trend.subject: trend for trend in trends(made, now=NOW, since=start)}
    assert found["worker: snapshot <*> was not finished"].answer == "new"
    assert found["worker: snapshot <*> was not finished"].recent == 30
    assert found["worker: mailbox <*> is full"].answer in {"flat", "too few to tell"}
