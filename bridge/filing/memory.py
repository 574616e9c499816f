"""What following remembers: how an issue was seen last, and answers to customers that wait for a person's approval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, cast

from bridge.errors import NotFoundError

if TYPE_CHECKING:
    import sqlite3

    from bridge.filing.ledger import Filing, Ledger
    from bridge.filing.words import Word

DraftState = Literal["open", "sent", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An issue as it was followed last. Times are UTC."""

    seen_at: datetime
    changed_at: datetime
    """When its word or detail was first seen."""
    word: Word
    detail: str
    status: str
    """The tracker's own word."""
    cycle: int
    """How often it was opened again."""
    due: date | None
    trouble: tuple[str, ...] = ()
    """What a person has to mend: deleted or hidden, a link that is gone."""
    noticed: tuple[str, ...] = ()
    """What was told about links and tickets, so that it is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer to a customer; nothing is sent before a person says so."""

    id: int
    fingerprint: str
    ticket_id: str
    occasion: str
    language: str
    body: str
    state: DraftState
    at: datetime


def seen(ledger: Ledger, fingerprint: str) -> Seen | None:
    """Return how the issue was seen last; None before the first time."""
    rows = ledger.rows(
        "SELECT seen_at, changed_at, word, detail, status, cycle, due, trouble, noticed FROM followed WHERE fingerprint = ?", fingerprint
    )
    if not rows:
        return None
    row = rows[0]
    return Seen(
        seen_at=datetime.fromisoformat(row[0]),
        changed_at=datetime.fromisoformat(row[1]),
        word=cast("Word", row[2]),
        detail=row[3],
        status=row[4],
        cycle=row[5],
        due=date.fromisoformat(row[6]) if row[6] else None,
        trouble=tuple(row[7].splitlines()),
        noticed=tuple(row[8].splitlines()),
    )


def remember(ledger: Ledger, filing: Filing, now: Seen) -> None:
    """Commit how the issue was seen."""
    ledger.change(
        filing,
        "INSERT INTO followed (fingerprint, seen_at, changed_at, word, detail, status, cycle, due, trouble, noticed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET seen_at = excluded.seen_at,"
        " changed_at = excluded.changed_at, word = excluded.word, detail = excluded.detail, status = excluded.status,"
        " cycle = excluded.cycle, due = excluded.due, trouble = excluded.trouble,"
        " noticed = excluded.noticed",
        filing.fingerprint,
        _text(now.seen_at),
        _text(now.changed_at),
        now.word,
        now.detail,
        now.status,
        now.cycle,
        now.due.isoformat() if now.due else "",
        "\n".join(now.trouble),
        "\n".join(now.noticed),
    )


def keep_draft(ledger: Ledger, filing: Filing, *, ticket_id: str, occasion: str, language: str, body: str, at: datetime) -> None:
    """Keep a draft, once for each ticket and occasion."""
    ledger.change(
        filing,
        "INSERT INTO draft (fingerprint, ticket_id, occasion, language, body, state, at) VALUES (?, ?, ?, ?, ?, 'open', ?)"
        " ON CONFLICT DO NOTHING",
        filing.fingerprint,
        ticket_id,
        occasion,
        language,
        body,
        _text(at),
    )


def drop_overtaken(ledger: Ledger, filing: Filing, occasion: str) -> None:
    """Drop what waits about an earlier occasion: nobody must be told 'released' of an issue that was opened again."""
    if any(item.fingerprint == filing.fingerprint and item.occasion != occasion for item in drafts(ledger)):
        query = "UPDATE draft SET state = 'dropped' WHERE fingerprint = ? AND state = 'open' AND occasion <> ?"
        ledger.change(filing, query, filing.fingerprint, occasion)


def drafts(ledger: Ledger, *, state: DraftState = "open") -> tuple[Draft, ...]:
    """Return the drafts in this state, oldest first."""
    query = "SELECT id, fingerprint, ticket_id, occasion, language, body, state, at FROM draft WHERE state = ? ORDER BY id"
    return tuple(_draft(row) for row in ledger.rows(query, state))


def draft(ledger: Ledger, number: str) -> Draft:
    """Return one draft by its number (D3 or 3); NotFoundError tells which there are."""
    query = "SELECT id, fingerprint, ticket_id, occasion, language, body, state, at FROM draft WHERE id = ?"
    rows = ledger.rows(query, number.upper().removeprefix("D"))
    if not rows:
        known = ", ".join(f"D{item.id}" for item in drafts(ledger))
        raise NotFoundError(f"no draft '{number}'", hint=f"there is: {known}" if known else "no draft waits")
    return _draft(rows[0])


def close_draft(ledger: Ledger, filing: Filing, number: int, state: DraftState) -> None:
    """Commit that a draft was sent, or will not be."""
    ledger.change(filing, "UPDATE draft SET state = ? WHERE id = ?", state, number)


def _draft(values: sqlite3.Row) -> Draft:
    return Draft(
        id=values[0],
        fingerprint=values[1],
        ticket_id=values[2],
        occasion=values[3],
        language=values[4],
        body=values[5],
        state=values[6],
        at=datetime.fromisoformat(values[7]),
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
