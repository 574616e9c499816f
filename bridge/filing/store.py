"""The ledger's file: its schema, how it is opened, and what SQLite's failures mean to a person."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, InputError, RetryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION_ID = 0x42524C47
"""Written into the file's header: a file of another program is never touched."""
SCHEMA_VERSION = 3
BUSY_SECONDS = 10.0

_SCHEMA = """
CREATE TABLE filing (
    fingerprint TEXT PRIMARY KEY,
    marker TEXT NOT NULL,
    project TEXT NOT NULL,
    created_at TEXT NOT NULL,
    issue_id TEXT, issue_key TEXT, issue_url TEXT, issue_at TEXT,
    lease_host TEXT, lease_boot TEXT, lease_pid INTEGER, lease_started TEXT, lease_run TEXT, lease_who TEXT, lease_at TEXT
) STRICT;
CREATE TABLE filing_case (
    case_id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL REFERENCES filing (fingerprint)
) STRICT;
CREATE TABLE write (
    id TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL REFERENCES filing (fingerprint),
    case_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intent', 'sent', 'done', 'refused', 'unknown')),
    at TEXT NOT NULL,
    answer TEXT NOT NULL,
    payload_digest TEXT NOT NULL,
    guard TEXT NOT NULL,
    run_id TEXT NOT NULL,
    who TEXT NOT NULL,
    UNIQUE (fingerprint, kind, name)
) STRICT;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    who TEXT NOT NULL,
    write_id TEXT NOT NULL,
    case_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    payload_digest TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT;
CREATE INDEX audit_case ON audit (case_id, number);
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE (ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT RAISE (ABORT, 'the audit is append-only'); END;
"""

_FOLLOWING = """
CREATE TABLE followed (
    fingerprint TEXT PRIMARY KEY REFERENCES filing (fingerprint),
    seen_at TEXT NOT NULL, changed_at TEXT NOT NULL,
    word TEXT NOT NULL, detail TEXT NOT NULL, status TEXT NOT NULL, cycle INTEGER NOT NULL,
    due TEXT NOT NULL, trouble TEXT NOT NULL
) STRICT;
CREATE TABLE draft (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL REFERENCES filing (fingerprint),
    ticket_id TEXT NOT NULL, occasion TEXT NOT NULL, language TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'sent', 'dropped')),
    at TEXT NOT NULL,
    UNIQUE (fingerprint, ticket_id, occasion)
) STRICT;
"""
"""Format 2: what `bridge follow` saw last, and answers to customers that wait for approval."""
_LEAVING = """
ALTER TABLE followed ADD COLUMN noticed TEXT NOT NULL DEFAULT '';
UPDATE write SET state = 'unknown', answer = 'it may have left: an older bridge did not note it' WHERE state = 'intent';
"""
"""Format 3: an `intent` has certainly not left (`sent` may have), and what `bridge follow` noticed is told once."""
_UPGRADES = (_SCHEMA, _FOLLOWING, _LEAVING)
"""What makes format n+1 out of format n."""


def connect(path: Path) -> sqlite3.Connection:
    """Open or make the ledger in WAL mode, every commit on disk before it returns (synchronous=FULL).

    A file that is damaged, read-only, newer than this program or not a ledger is a BridgeError; it is never changed.
    """
    with explained(path):
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = _pragma(db, "user_version")
    application = _pragma(db, "application_id")
    if application not in {0, APPLICATION_ID}:
        raise InputError(f"{path.name} is a SQLite file of another program", where=str(path), hint="move it away; bridge makes its own")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path.name} has format {version}, this bridge knows up to {SCHEMA_VERSION}",
            where=str(path),
            hint="use the newer bridge that wrote it",
        )
    _into_wal(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if version < SCHEMA_VERSION:
        _make(db, path)
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")


def _into_wal(db: sqlite3.Connection) -> None:
    """SQLite does not wait for a lock when the journal changes: of two first runs at once, one would be told to go."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def _make(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(db, "user_version")  # another process may have made it while this one waited
        if version == 0:
            _refuse_tables(db, path)
        for statement in _statements("".join(_UPGRADES[version:])):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _refuse_tables(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise InputError(f"{path.name} holds tables but is no ledger", where=str(path), hint="move it away; bridge makes its own")


def _statements(schema: str) -> Iterator[str]:
    """Split the schema: executescript would commit between the statements."""
    statement = ""
    for line in schema.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into words: what happened, that nothing is lost, what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if isinstance(code, int) else None
        where = str(path)
        if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise RetryLaterError(
                f"the ledger is locked by another process for more than {BUSY_SECONDS:.0f} s",
                where=where,
                hint="wait until the other bridge has ended, then run the same command again",
            ) from error
        message, hint = _words(primary, path, str(error))
        raise BridgeError(message, where=where, hint=hint) from error


def _words(primary: int | None, path: Path, detail: str) -> tuple[str, str]:
    if primary == sqlite3.SQLITE_FULL:
        return (
            "the disk is full: the ledger could not be written; everything recorded so far is kept",
            "free some space, then run the same command again: it looks for what may have been written meanwhile",
        )
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return (
            "the ledger may not be written (read-only file or folder): nothing is sent without it",
            f"make {path} and its folder writable for you, then run the same command again",
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return "the ledger can't be opened or made", f"check that the folder {path.parent} exists and that you may write in it"
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or "malformed" in detail:
        return (
            f"the ledger is damaged ({detail}); it was left as it is and nothing was sent",
            f"put a backup of {path.name} back, or recover it: sqlite3 {path.name} .recover | sqlite3 new.sqlite",
        )
    return f"the ledger could not be read or written: {detail}", "run the same command again; what was recorded is kept"
