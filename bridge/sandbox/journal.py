"""The access journal: every request that reached a product, with what it wrote and what it was told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from bridge.sandbox.state import State, stamp

BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One request."""

    seq: int
    at: datetime
    method: str
    path: str
    """With prefix and query: /jira/rest/api/2/issue."""
    writes: bool
    """False for GETs and for searches by POST."""
    digest: str
    """sha256 of the request's body, hex."""
    size: int
    body: str | None
    """The body when it is text of at most 64 KiB."""
    status: int | None
    """What was answered; None when no answer was sent."""
    fault: str | None
    """The ordered fault that hit it. `...-before` wrote nothing."""


def record(
    state: State, *, method: str, path: str, writes: bool, body: bytes, media_type: str, status: int | None, fault: str | None
) -> None:
    """Add a request."""
    textual = media_type == "application/json" and len(body) <= BODY_LIMIT
    text = body.decode(errors="replace") if textual else None
    with state.transaction():
        state.run(
            "INSERT INTO journal (at, method, path, writes, digest, size, body, status, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            stamp(state.now()),
            method,
            path,
            int(writes),
            hashlib.sha256(body).hexdigest(),
            len(body),
            text,
            status,
            fault,
        )


def entries(state: State, *, everything: bool = False, since: int = 0) -> tuple[JournalEntry, ...]:
    """Return the writes (or all requests) with a greater seq, oldest first."""
    with state.transaction():
        rows = state.rows("SELECT * FROM journal WHERE seq > ? AND (writes OR ?) ORDER BY seq", since, int(everything))
    return tuple(
        JournalEntry(
            seq=row["seq"],
            at=datetime.fromisoformat(row["at"]),
            method=row["method"],
            path=row["path"],
            writes=bool(row["writes"]),
            digest=row["digest"],
            size=row["size"],
            body=row["body"],
            status=row["status"],
            fault=row["fault"],
        )
        for row in rows
    )


def clear(state: State) -> None:
    """Forget all requests."""
    with state.transaction():
        state.run("DELETE FROM journal")
