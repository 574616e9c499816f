"""The sandbox's state: one SQLite file (WAL), one connection, one lock.

A request is handled inside one transaction, so a kill leaves either all of it or nothing. Resources keep
their rows here and their meaning in their own modules. Times are ISO 8601 in UTC with microseconds, so
text order is time order.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.errors import InputError
from bridge.sandbox import seed as seeds

FORMAT = 1
FIRST_ISSUE_ID = 10001
BEGINNING = ""
"""Sorts before every time: what a seed brought was always in the index."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE organizations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, external_id TEXT, domain_names TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, organization_id INTEGER, role TEXT NOT NULL,
  created_at TEXT NOT NULL);
CREATE TABLE tickets (id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, generated REAL NOT NULL);
CREATE TABLE ticket_comments (id INTEGER PRIMARY KEY AUTOINCREMENT, ticket_id INTEGER NOT NULL, author_id INTEGER NOT NULL,
  body TEXT NOT NULL, public INTEGER NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX ticket_comments_of ON ticket_comments (ticket_id, id);
CREATE TABLE jira_links (id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id TEXT NOT NULL, issue_key TEXT NOT NULL,
  ticket_id INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (issue_id, ticket_id));
CREATE TABLE issues (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, document TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0);
CREATE TABLE old_keys (key TEXT PRIMARY KEY, issue_id INTEGER NOT NULL);
CREATE TABLE versions (kind TEXT NOT NULL, id INTEGER NOT NULL, at TEXT NOT NULL, document TEXT);
CREATE INDEX versions_of ON versions (kind, id, at);
CREATE TABLE comments (id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER NOT NULL, document TEXT NOT NULL);
CREATE INDEX comments_of ON comments (issue_id, id);
CREATE TABLE attachments (id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER NOT NULL, document TEXT NOT NULL, content BLOB NOT NULL);
CREATE INDEX attachments_of ON attachments (issue_id, id);
CREATE TABLE remote_links (id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER NOT NULL, global_id TEXT, document TEXT NOT NULL);
CREATE INDEX remote_links_of ON remote_links (issue_id, global_id);
CREATE TABLE issue_links (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, inward INTEGER NOT NULL, outward INTEGER NOT NULL);
CREATE TABLE properties (issue_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (issue_id, key));
CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  writes INTEGER NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, body TEXT, status INTEGER, fault TEXT);
"""


def stamp(at: datetime) -> str:
    """Return the stored form of a time; a naive one is a ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"datetime without a zone: {at.isoformat()}")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


class State:
    """The open state file. Every read and write happens inside `transaction()`."""

    def __init__(self, path: Path, *, seed: seeds.SandboxSeed | None, now: Callable[[], datetime]) -> None:
        """Open or create the file; the seed is used only when it is new. InputError when it is not ours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.now = now
        self._lock = threading.RLock()
        self._taken: dict[str, int] = {}
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        except sqlite3.Error as error:
            raise InputError(f"cannot open the sandbox state {path}: {error}", hint="name another file with --state") from error
        try:
            self._prepare(seed or seeds.SandboxSeed())
        except sqlite3.Error as error:
            self._connection.close()
            raise InputError(
                f"{path} is not a sandbox state: {error}", hint="name another file with --state, or move this one away"
            ) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, seed: seeds.SandboxSeed) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing this way; only a power cut could, and nothing here is worth waiting for a disk.
        self._connection.execute("PRAGMA synchronous = OFF")
        with self.transaction():
            if self.one("SELECT name FROM sqlite_master WHERE name = 'meta'") is None:
                for statement in _TABLES.split(";\n"):
                    if statement.strip():
                        self.run(statement)
                self.put("format", FORMAT)
                self._fill(seed)
            found = self.get("format")
            if found != FORMAT:
                raise InputError(f"{self.path} has format {found}, this program knows {FORMAT}", hint="start with a new state file")
        self.project: seeds.SeedProject = seeds.project_from_json(self.get("project"))
        self.agent: seeds.SeedUser = seeds.user_from_json(self.get("agent"))

    def _fill(self, seed: seeds.SandboxSeed) -> None:
        created = stamp(self.now())
        self.put("project", seeds.plain(seed.project))
        self.put("agent", seeds.plain(seed.agent))
        self.put("ticket_fields", [seeds.plain(field) for field in seed.ticket_fields])
        self.put("lag", 0.0)
        self.run("INSERT INTO sqlite_sequence (name, seq) VALUES ('issues', ?), ('tickets', ?)", FIRST_ISSUE_ID - 1, seeds.FIRST_TICKET - 1)
        for organization in seed.organizations:
            self.run(
                "INSERT INTO organizations VALUES (?, ?, ?, ?, ?)",
                organization.id,
                organization.name,
                organization.external_id,
                json.dumps(organization.domain_names),
                created,
            )
        for user in (seed.agent, *seed.users):
            self.run(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", user.id, user.name, user.email, user.organization_id, user.role, created
            )
        home = {user.id: user.organization_id for user in (seed.agent, *seed.users)}
        for ticket in seed.tickets:
            self._add_ticket(ticket, organization_id=home.get(ticket.requester_id))

    def _add_ticket(self, ticket: seeds.SeedTicket, *, organization_id: int | None) -> None:
        document = {
            "subject": ticket.subject,
            "description": ticket.description,
            "requester_id": ticket.requester_id,
            "submitter_id": ticket.requester_id,
            "assignee_id": ticket.assignee_id,
            "organization_id": organization_id,
            "status": ticket.status,
            "priority": ticket.priority,
            "type": "problem",
            "tags": list(ticket.tags),
            "custom_fields": {str(key): value for key, value in (ticket.custom_fields or {}).items()},
            "created_at": stamp(ticket.created_at),
            "updated_at": stamp(ticket.updated_at),
        }
        # Recorded data may lie in the future of a wrong clock: what a seed brings is never withheld.
        generated = min(ticket.updated_at, self.now() - timedelta(minutes=2)).timestamp()
        text = json.dumps(document)
        self.run("INSERT INTO tickets VALUES (?, ?, ?)", ticket.id, text, generated)
        self.run("INSERT INTO versions VALUES ('ticket', ?, ?, ?)", ticket.id, BEGINNING, text)
        comments = (
            seeds.SeedComment(author_id=ticket.requester_id, body=ticket.description, public=True, created_at=ticket.created_at),
            *ticket.comments,
        )
        for comment in comments:
            self.run(
                "INSERT INTO ticket_comments (ticket_id, author_id, body, public, created_at) VALUES (?, ?, ?, ?, ?)",
                ticket.id,
                comment.author_id,
                comment.body,
                int(comment.public),
                stamp(comment.created_at),
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock and one transaction; any exception takes everything back but the numbers that were used up."""
        with self._lock:
            self._taken.clear()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                for counter, number in self._taken.items():
                    self.put(counter, number)
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; return the id of an inserted row, else the number of changed rows."""
        cursor = self._connection.execute(sql, values)
        return cursor.lastrowid or 0 if sql.startswith("INSERT") else cursor.rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows."""
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def get(self, key: str) -> Any:
        """Return a value of the key-value table, None when absent."""
        row = self.one("SELECT value FROM meta WHERE key = ?", key)
        return None if row is None else json.loads(row["value"])

    def put(self, key: str, value: Any) -> None:
        """Set a value of the key-value table."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, json.dumps(value))

    def next_number(self, counter: str) -> int:
        """Return 1, 2, 3, ... of a counter: a number that was taken is never given again."""
        key = f"counter:{counter}"
        number = int(self.get(key) or 0) + 1
        self.put(key, number)
        self._taken[key] = number
        return number

    def remember(self, kind: str, id_: int, document: dict[str, Any] | None) -> None:
        """Note a new version of something that search finds; None when it was deleted."""
        self.run(
            "INSERT INTO versions VALUES (?, ?, ?, ?)", kind, id_, stamp(self.now()), None if document is None else json.dumps(document)
        )

    def indexed(self, kind: str) -> dict[int, dict[str, Any]]:
        """Return what search knows now: the newest version of each that is older than the index lag."""
        known = stamp(self.now() - timedelta(seconds=float(self.get("lag") or 0)))
        found: dict[int, dict[str, Any]] = {}
        for row in self.rows("SELECT id, document FROM versions WHERE kind = ? AND at <= ? ORDER BY at, rowid", kind, known):
            if row["document"] is None:
                found.pop(row["id"], None)
            else:
                found[row["id"]] = json.loads(row["document"])
        return found

    def close(self) -> None:
        """Close the file; a request that is still running fails."""
        with self._lock:
            self._connection.close()
