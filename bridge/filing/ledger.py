"""The ledger: what this workspace wrote, or may have written, to the outside world.

One SQLite file. The order is always the same: the intent is committed, then the write leaves, then its
outcome is committed. A write that must not be repeated is committed as sent when its connection stands and
before its first byte leaves. So after any crash each write is in one of five states:

- `intent`: not sent; or one that may be repeated, or is guarded, so that it does not matter.
- `sent`: it may have left and its outcome was never recorded. Treated as unknown.
- `done`: it happened; `answer` says what came back.
- `refused`: it certainly did not happen; `answer` says why. It may be tried again.
- `unknown`: it was sent and its answer was lost. It is looked for, never repeated blindly.

One filing (one fingerprint: one suspected defect in one project) is held by at most one run at a time. The
lease names machine, boot, process and its start, so the lease of a dead process is recognised at once and
that of another machine after `LEASE_SECONDS` without a sign of life. Each commit checks that the run still
holds its lease. Every change of a state also appends a line to the audit, in the same transaction.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from bridge.errors import BridgeError, RetryLaterError
from bridge.filing.holder import Holder, is_alive, this_process
from bridge.filing.store import connect, explained
from bridge.model.filing import IssueRef, Write, WriteKind, WriteState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bridge.ports import Clock

LEASE_SECONDS = 600.0
"""A run commits at least every settle window (120 s), so a lease this old belongs to nobody."""

_COLUMNS = "id, case_id, kind, target, name, state, at, answer, payload_digest, guard, run_id, who"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A fingerprint as this run holds it."""

    fingerprint: str
    marker: str
    project: str
    case_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One change of one write, as it was committed. Times are UTC."""

    number: int
    at: datetime
    run_id: str
    who: str
    case_id: str
    kind: str
    target: str
    name: str
    state: str
    payload_digest: str
    answer: str


class Ledger:
    """An open ledger. Every method is one transaction; every failure is a BridgeError that says what was kept."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        holder: Holder | None = None,
        alive: Callable[[Holder], bool | None] = is_alive,
    ) -> None:
        """Open or make the file. `holder` is this run; `alive` tells whether another one still runs."""
        self.path = path
        self.holder = holder or this_process()
        self._clock = clock
        self._alive = alive
        self._db = self._connect()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # Reading

    def fingerprint_of(self, case_id: str) -> str | None:
        """Return the fingerprint a case was filed under first: it stays, whatever a later analysis says."""
        row = self._one("SELECT fingerprint FROM filing_case WHERE case_id = ?", case_id)
        return str(row[0]) if row else None

    def filing_of(self, case_id: str) -> Filing | None:
        """Return the filing of a case, None when it was never begun."""
        row = self._one(
            "SELECT f.fingerprint, f.marker, f.project FROM filing f JOIN filing_case c USING (fingerprint) WHERE c.case_id = ?",
            case_id,
        )
        return Filing(fingerprint=row[0], marker=row[1], project=row[2], case_id=case_id) if row else None

    def issue(self, fingerprint: str) -> tuple[IssueRef, datetime] | None:
        """Return the issue of a fingerprint and when it became known."""
        row = self._one("SELECT issue_id, issue_key, issue_url, issue_at FROM filing WHERE fingerprint = ?", fingerprint)
        if row is None or row[1] is None:
            return None
        return IssueRef(id=row[0], key=row[1], url=row[2]), _time(row[3])

    def write(self, fingerprint: str, kind: WriteKind, name: str) -> Write | None:
        """Return one write, None when it was never intended."""
        row = self._one(
            f"SELECT {_COLUMNS} FROM write WHERE fingerprint = ? AND kind = ? AND name = ?",  # noqa: S608 - our own column names
            fingerprint,
            kind,
            name,
        )
        return _write(row) if row else None

    def writes(self, fingerprint: str) -> tuple[Write, ...]:
        """Return all writes of a fingerprint in the order they were first intended."""
        query = f"SELECT {_COLUMNS} FROM write WHERE fingerprint = ? ORDER BY rowid"  # noqa: S608 - our own column names
        return tuple(_write(row) for row in self._all(query, fingerprint))

    def filings(self) -> tuple[Filing, ...]:
        """Return every filing once, with the first of its cases, oldest first."""
        rows = self.rows(
            "SELECT f.fingerprint, f.marker, f.project, min(c.case_id) FROM filing f JOIN filing_case c USING (fingerprint)"
            " GROUP BY f.fingerprint ORDER BY f.rowid"
        )
        return tuple(Filing(fingerprint=row[0], marker=row[1], project=row[2], case_id=row[3]) for row in rows)

    def cases_of(self, fingerprint: str) -> tuple[str, ...]:
        """Return the cases of a filing: several may be about the same defect."""
        return tuple(row[0] for row in self.rows("SELECT case_id FROM filing_case WHERE fingerprint = ? ORDER BY 1", fingerprint))

    def linked(self, fingerprint: str) -> tuple[str, ...]:
        """Return the tickets that were linked, or begun to be, in the order it happened."""
        query = "SELECT name FROM write WHERE fingerprint = ? AND kind = 'ticket-issue' ORDER BY rowid"
        return tuple(row[0] for row in self.rows(query, fingerprint))

    def rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        """Return the rows of a query of this room."""
        return self._all(query, *values)

    def audit(self, case_id: str | None = None) -> tuple[AuditLine, ...]:
        """Return every recorded change, oldest first; of one case if it is named."""
        query = "SELECT number, at, run_id, who, case_id, kind, target, name, state, payload_digest, answer FROM audit"
        rows = self._all(f"{query} WHERE case_id = ? ORDER BY number", case_id) if case_id else self._all(f"{query} ORDER BY number")
        return tuple(
            AuditLine(
                number=row[0],
                at=_time(row[1]),
                run_id=row[2],
                who=row[3],
                case_id=row[4],
                kind=row[5],
                target=row[6],
                name=row[7],
                state=row[8],
                payload_digest=row[9],
                answer=row[10],
            )
            for row in rows
        )

    # Writing

    @contextmanager
    def hold(self, filing: Filing) -> Iterator[None]:
        """Hold the filing for this run; RetryLaterError names the run that holds it already."""
        with self._transaction():
            self._take(filing)
        try:
            yield
        except BaseException:
            # The first error is the one to tell; a lease that stays is recognised as that of a dead process.
            with suppress(BridgeError):
                self._release(filing)
            raise
        self._release(filing)

    def intend(self, filing: Filing, kind: WriteKind, name: str, *, target: str = "", digest: str = "", guard: str = "") -> Write:
        """Commit that this write is about to leave. It replaces a refused one, or one that a person gave up."""
        with self._transaction():
            self._fence(filing)
            at = self._clock.now().astimezone(UTC)
            self._db.execute(
                "INSERT INTO write (id, fingerprint, case_id, kind, target, name, state, at, answer, payload_digest, guard, run_id, who)"
                " VALUES (?, ?, ?, ?, ?, ?, 'intent', ?, '', ?, ?, ?, ?) ON CONFLICT (fingerprint, kind, name) DO UPDATE SET"
                " case_id = excluded.case_id, target = excluded.target, state = 'intent', at = excluded.at, answer = '',"
                " payload_digest = excluded.payload_digest, guard = excluded.guard, run_id = excluded.run_id, who = excluded.who",
                (secrets.token_hex(8), filing.fingerprint, filing.case_id, kind, target, name, _text(at), digest, guard,
                 self.holder.run_id, self.holder.who),
            )  # fmt: skip
            return self._append(filing, kind, name)

    def outcome(
        self,
        filing: Filing,
        write: Write,
        state: WriteState,
        answer: str,
        *,
        issue: IssueRef | None = None,
        carries: Sequence[tuple[WriteKind, str]] = (),
        todo: Sequence[tuple[WriteKind, str, str]] = (),
    ) -> Write:
        """Commit what became of a write; with `issue`, that this is the filing's issue from now on.

        `carries` are kinds and digests of what came to be with the same write, so that it is not written again;
        `todo` are writes (kind, name, target) that follow from it.
        """
        with self._transaction():
            self._fence(filing)
            for kind, digest in carries:
                self._db.execute(
                    "INSERT INTO write (id, fingerprint, case_id, kind, target, name, state, at, answer, payload_digest, guard, run_id, who)"
                    " VALUES (?, ?, ?, ?, ?, '', 'done', ?, 'came with the issue', ?, '', ?, ?) ON CONFLICT DO NOTHING",
                    (secrets.token_hex(8), filing.fingerprint, filing.case_id, kind, issue.key if issue else "",
                     _text(self._clock.now()), digest, self.holder.run_id, self.holder.who),
                )  # fmt: skip
            if issue is not None:
                self._db.execute(
                    "UPDATE filing SET issue_id = ?, issue_key = ?, issue_url = ?, issue_at = ? WHERE fingerprint = ?",
                    (issue.id, issue.key, issue.url, _text(self._clock.now()), filing.fingerprint),
                )
            self._db.execute(
                "UPDATE write SET state = ?, answer = ?, target = CASE WHEN ? = '' THEN target ELSE ? END WHERE id = ?",
                (state, answer[:2000], issue.key if issue else "", issue.key if issue else "", write.id),
            )
            if issue is not None:
                self._plan(filing, issue, todo)
            return self._append(filing, write.kind, write.name)

    def change(self, filing: Filing, query: str, *values: object) -> int:
        """Run one statement of this room while the filing is held; return the number of changed rows, or a new row's id."""
        with self._transaction():
            self._fence(filing)
            cursor = self._db.execute(query, values)
            return int(cursor.lastrowid or 0) if query.startswith("INSERT") else cursor.rowcount

    def forget(self, filing: Filing, write: Write, why: str) -> None:
        """Commit that a recorded write is not there any more, so that the next run makes it again."""
        self.outcome(filing, write, "refused", why)

    def retarget(self, filing: Filing, issue: IssueRef, todo: Sequence[tuple[WriteKind, str, str]] = ()) -> None:
        """Commit that the filing's issue is another one (or has a new key), and writes (kind, name, target) that follow from it."""
        with self._transaction():
            self._fence(filing)
            self._db.execute(
                "UPDATE filing SET issue_id = ?, issue_key = ?, issue_url = ? WHERE fingerprint = ?",
                (issue.id, issue.key, issue.url, filing.fingerprint),
            )
            self._plan(filing, issue, todo)

    # Inside a transaction

    def _plan(self, filing: Filing, issue: IssueRef, todo: Sequence[tuple[WriteKind, str, str]]) -> None:
        """Record writes that are still to be made; one that is recorded stays as it is."""
        for kind, name, target in todo:
            self._db.execute(
                "INSERT INTO write (id, fingerprint, case_id, kind, target, name, state, at, answer, payload_digest, guard, run_id, who)"
                " VALUES (?, ?, ?, ?, ?, ?, 'refused', ?, 'not done yet', '', ?, ?, ?) ON CONFLICT DO NOTHING",
                (secrets.token_hex(8), filing.fingerprint, filing.case_id, kind, target, name, _text(self._clock.now()), issue.id,
                 self.holder.run_id, self.holder.who),
            )  # fmt: skip
            self._append(filing, kind, name)

    def _take(self, filing: Filing) -> None:
        now = self._clock.now().astimezone(UTC)
        self._db.execute(
            "INSERT INTO filing (fingerprint, marker, project, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (filing.fingerprint, filing.marker, filing.project, _text(now)),
        )
        row = self._db.execute(
            "SELECT lease_host, lease_boot, lease_pid, lease_started, lease_run, lease_who, lease_at FROM filing WHERE fingerprint = ?",
            (filing.fingerprint,),
        ).fetchone()
        if row[4] is not None and row[4] != self.holder.run_id:
            other = Holder(host=row[0], boot=row[1], pid=row[2], started=row[3], run_id=row[4], who=row[5])
            if self._still_held(other, _time(row[6]), now):
                raise RetryLaterError(
                    f"{filing.case_id} is being filed right now by process {other.pid} of {other.who} on {other.host.split()[0]}"
                    f" (last sign of life {row[6]})",
                    where=str(self.path),
                    hint="wait until it has ended, then run the same command again: it continues there",
                )
        me = self.holder
        self._db.execute(
            "UPDATE filing SET lease_host = ?, lease_boot = ?, lease_pid = ?, lease_started = ?, lease_run = ?, lease_who = ?, lease_at = ?"
            " WHERE fingerprint = ?",
            (me.host, me.boot, me.pid, me.started, me.run_id, me.who, _text(now), filing.fingerprint),
        )
        self._db.execute(
            "INSERT INTO filing_case (case_id, fingerprint) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (filing.case_id, filing.fingerprint),
        )

    def _still_held(self, other: Holder, at: datetime, now: datetime) -> bool:
        alive = self._alive(other)
        # The distance counts, not the direction: a clock that was set back must not hold a lease for ever.
        return alive if alive is not None else abs(now - at) < timedelta(seconds=LEASE_SECONDS)

    def _fence(self, filing: Filing) -> None:
        """Refuse to go on when another run took over (this one slept too long); renew the lease otherwise."""
        renewed = self._db.execute(
            "UPDATE filing SET lease_at = ? WHERE fingerprint = ? AND lease_run = ?",
            (_text(self._clock.now()), filing.fingerprint, self.holder.run_id),
        )
        if renewed.rowcount != 1:
            raise RetryLaterError(
                f"another process took over the filing of {filing.case_id}",
                where=str(self.path),
                hint=f"run `bridge show {filing.case_id}` to see how far it is",
            )

    def _append(self, filing: Filing, kind: WriteKind, name: str) -> Write:
        query = f"SELECT {_COLUMNS} FROM write WHERE fingerprint = ? AND kind = ? AND name = ?"  # noqa: S608 - our own column names
        write = _write(self._db.execute(query, (filing.fingerprint, kind, name)).fetchone())
        me = self.holder
        self._db.execute(
            "INSERT INTO audit (at, run_id, who, write_id, case_id, kind, target, name, state, payload_digest, answer)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_text(self._clock.now()), me.run_id, me.who, write.id, filing.case_id, kind, write.target, name, write.state,
             write.payload_digest, write.answer),
        )  # fmt: skip
        return write

    def _release(self, filing: Filing) -> None:
        with self._transaction():
            self._db.execute(
                "UPDATE filing SET lease_run = NULL WHERE fingerprint = ? AND lease_run = ?",
                (filing.fingerprint, self.holder.run_id),
            )

    # SQLite

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._commit()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        # Customers' names and words lie in it: for its owner only, as SQLite then makes its -wal and -shm.
        with suppress(OSError):  # what is wrong with the path, SQLite says below
            self.path.touch(mode=0o600)
        return connect(self.path)

    def _commit(self) -> None:
        self._db.execute("COMMIT")

    def _one(self, query: str, *values: str) -> tuple[str, ...] | None:
        with explained(self.path):
            row = self._db.execute(query, values).fetchone()
        return None if row is None else cast("tuple[str, ...]", row)

    def _all(self, query: str, *values: str) -> list[sqlite3.Row]:
        with explained(self.path):
            return self._db.execute(query, values).fetchall()


def _write(row: tuple[str, ...] | sqlite3.Row) -> Write:
    return Write(
        id=row[0],
        case_id=row[1],
        kind=cast("WriteKind", row[2]),
        target=row[3],
        name=row[4],
        state=cast("WriteState", row[5]),
        at=_time(row[6]),
        answer=row[7],
        payload_digest=row[8],
        guard=row[9],
        run_id=row[10],
        who=row[11],
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
