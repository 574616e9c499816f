"""An honest small world: a tracker and a help desk in memory, where one thing after another can go wrong.

Every outside call and every commit of the ledger is a point. A schedule says which fault happens at which
point. Writes may be lost before or after they happened, land late (after they were looked for), or be the
last thing a dying process did; refused creates burn a key number; search shows an issue only after a lag.
"""

# ruff: noqa: ARG002 - the ports' signatures; this world needs less than they offer

from __future__ import annotations

import atexit
import dataclasses
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import AccessError, BridgeError, ChangedMeanwhileError, NotFoundError, RefusedError, RetryLaterError, UnknownOutcomeError
from bridge.filing import memory
from bridge.filing.file import FilingResult, file_case
from bridge.filing.follow import Followed, follow, send_draft
from bridge.filing.holder import Holder
from bridge.filing.issue import Choice
from bridge.filing.ledger import Filing, Ledger
from bridge.filing.memory import Draft
from bridge.filing.plan import FilingPlan, TicketPlan
from bridge.filing.run import Run
from bridge.filing.settings import FilingSettings
from bridge.filing.store import connect
from bridge.model.filing import (
    Attachment,
    Category,
    Check,
    FieldInfo,
    FixVersion,
    IssueDraft,
    IssueRef,
    IssueState,
    IssueText,
    JsonValue,
    RemoteLink,
)
from bridge.model.ticket import Comment, Ticket
from bridge.ports import Leaving, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.window import Window

START = datetime(2026, 3, 17, 9, 0, tzinfo=UTC)
LATE = 45.0
"""Lands within the settle window of 120 s, after several looks."""
VERY_LATE = 200.0
"""Lands after the window."""
LAG = 60.0

READ_FAULTS = ("busy", "denied", "crash")
WRITE_FAULTS = ("refused", "busy", "lost", "lost, written", "lost, late", "lost, very late", "crash", "crash, written", "crash, late")
NOTE_FAULTS = (*WRITE_FAULTS, "touched")
COMMIT_FAULTS = ("crash before", "crash after", "full")


_SPARE: list[sqlite3.Connection] = []
"""Empty databases of worlds that ended."""
_OURS: list[sqlite3.Connection] = []


def _database() -> sqlite3.Connection:
    made = connect(Path(":memory:"))
    made.execute("DROP TRIGGER audit_is_kept")  # to be emptied; tests/filing/test_ledger.py holds what the trigger does
    _OURS.append(made)
    atexit.register(made.close)
    return made


class KilledError(BaseException):
    """The process is gone; nothing may catch it."""


@dataclass(slots=True)
class FakeClock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class FakeIssue:
    ref: IssueRef
    labels: tuple[str, ...]
    searchable_at: datetime
    attachments: list[str] = field(default_factory=list)
    links: dict[str, RemoteLink] = field(default_factory=dict)
    category: Category = "new"
    status: str = "To Do"
    resolution: str | None = None
    versions: tuple[FixVersion, ...] = ()
    resolved_at: datetime | None = None
    duplicate_of: str | None = None
    comments: list[Comment] = field(default_factory=list)
    fields: dict[str, JsonValue] = field(default_factory=dict)
    hidden: bool = False


@dataclass(slots=True)
class FakeTicket:
    id: str
    updated: datetime = START - timedelta(days=1)
    comments: list[Comment] = field(default_factory=list)
    issue_key: str | None = None
    registered: list[str] = field(default_factory=list)
    deleted: bool = False
    status: str = "open"
    merged_into: str | None = None


@dataclass(slots=True)
class World:
    """Everything outside of the process, plus the schedule."""

    folder: Path
    schedule: dict[int, str] = field(default_factory=dict)
    guarded: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    points: list[str] = field(default_factory=list)
    """What each point was: read, write, note, commit."""
    issues: list[FakeIssue] = field(default_factory=list)
    next_number: int = 1
    tickets: dict[str, FakeTicket] = field(default_factory=dict)
    database: sqlite3.Connection | None = None
    late: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    sent: int = 0
    """Writes that reached the outside world."""
    runs: int = 0

    def fault(self, kind: str) -> str | None:
        self.points.append(kind)
        self.clock.sleep(1)
        self.land()
        return self.schedule.get(len(self.points) - 1)

    def land(self) -> None:
        due = [item for item in self.late if item[0] <= self.clock.at]
        self.late = [item for item in self.late if item[0] > self.clock.at]
        for _, apply in due:
            apply()

    def read(self) -> None:
        match self.fault("read"):
            case "busy":
                raise RetryLaterError("503 for a read")
            case "denied":
                raise AccessError("403 for a read")
            case "crash":
                raise KilledError

    def write(self, apply: Callable[[], None], *, kind: str = "write", burn: Callable[[], None] = lambda: None) -> None:
        fault = self.fault(kind)
        if fault is None:
            self.sent += 1
            apply()
            return
        if fault in {"refused", "busy"}:
            burn()
            raise RefusedError("400") if fault == "refused" else RetryLaterError("429")
        if fault.endswith("written"):
            self.sent += 1
            apply()
        elif fault.endswith("late"):
            wait = VERY_LATE if fault.endswith("very late") else LATE
            self.late.append((self.clock.at + timedelta(seconds=wait), apply))
        if fault.startswith("crash"):
            raise KilledError
        raise UnknownOutcomeError(f"{fault}: no answer")

    def end(self) -> None:
        """Give the database back, empty: what SQLite knows of our statements serves the next world."""
        if self.database is None:
            return
        if self.database in _OURS:
            for table in ("draft", "followed", "audit", "write", "filing_case", "filing"):
                self.database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            _SPARE.append(self.database)
        else:
            self.database.close()
        self.database = None

    def share(self, other: World) -> None:
        """Live in another world's outside, with a ledger of one's own: somebody else's workspace."""
        self.issues, self.tickets, self.clock = other.issues, other.tickets, other.clock
        self.next_number = 2

    def said(self, body: str) -> Comment:
        return Comment(id=str(len(self.points) + 500), author="Engineer", body=body, public=True, created_at=self.clock.at)

    def another_issue(self, key: str) -> FakeIssue:
        ref = IssueRef(id=str(20_000 + len(self.issues)), key=key, url=f"http://tracker/browse/{key}")
        made = FakeIssue(ref=ref, labels=(), searchable_at=self.clock.at)
        self.issues.append(made)
        return made

    # A process

    def _ledger(self) -> FaultyLedger:
        self.runs += 1
        return FaultyLedger(self, Holder(host="here", boot="1", pid=self.runs, started="1", run_id=f"run-{self.runs}", who="sam"))

    def _held(self, ledger: FaultyLedger, plan: FilingPlan) -> Run:
        filing = Filing(fingerprint=plan.fingerprint, marker=plan.marker, project="REP", case_id=plan.case_id)
        return Run(
            ledger=ledger, filing=filing, tracker=FakeTracker(self), tickets=FakeDesk(self), clock=self.clock,
            emit=lambda _: None, recreate=False,
        )  # fmt: skip

    def follow(self, plan: FilingPlan) -> Followed:
        """Run `bridge follow` once."""
        ledger = self._ledger()
        try:
            run = self._held(ledger, plan)
            with ledger.hold(run.filing):
                settings = FilingSettings(project="REP", issue_type="Bug")
                return follow(run, settings=settings, plans=[plan], answers=lambda said, *_: f"Hello, it is {said.word}. {said.cycle}")
        finally:
            ledger.close()

    def drafts(self) -> tuple[Draft, ...]:
        ledger = self._ledger()
        try:
            return memory.drafts(ledger)
        finally:
            ledger.close()

    def send(self, number: int) -> None:
        """Run `bridge follow --send`, and be killed by what the schedule says."""
        ledger = self._ledger()
        try:
            draft = memory.draft(ledger, str(number))
            filing = next(item for item in ledger.filings() if item.fingerprint == draft.fingerprint)
            run = self._held(ledger, dataclasses.replace(small_plan(self.folder), case_id=filing.case_id))
            if draft.state == "open":
                with ledger.hold(filing):
                    send_draft(dataclasses.replace(run, filing=filing), draft)
        except (BridgeError, KilledError):
            self.clock.sleep(5)
        finally:
            ledger.close()

    def run(self, plan: FilingPlan, *, recreate: bool = False, join: str = "") -> FilingResult:
        ledger = self._ledger()
        tracker, desk = FakeTracker(self), FakeDesk(self)
        try:
            return file_case(
                plan, ledger=ledger, tracker=tracker, tickets=desk, clock=self.clock, recreate=recreate, choice=Choice(join=join)
            )
        finally:
            ledger.close()

    def run_to_the_end(self, plan: FilingPlan, *, runs: int = 9) -> FilingResult | BridgeError:
        """Run the same command until everything is done; return what the last run said."""
        last: FilingResult | BridgeError = RetryLaterError("never ran")
        for _ in range(runs):
            try:
                last = self.run(plan)
                if not last.undone:
                    return last
            except BridgeError as error:
                last = error
            except KilledError:
                last = RetryLaterError("killed")
            self.clock.sleep(90)
            self.land()
            over = len(self.points) > max(self.schedule, default=0) and not self.late
            if over and "unknown" in shown(last):
                return last
        return last


class FaultyLedger(Ledger):
    """A ledger whose process may die around a commit, or whose disk may be full."""

    def __init__(self, world: World, holder: Holder) -> None:
        self._world = world
        super().__init__(world.folder / "ledger.sqlite", world.clock, holder=holder, alive=lambda _: False)

    def _connect(self) -> sqlite3.Connection:
        # One database in memory outlives the processes of a world: opening files is SQLite's business, and most of the time.
        if self._world.database is None:
            self._world.database = _SPARE.pop() if _SPARE else _database()
        return self._world.database

    def close(self) -> None:
        """What a process that ends leaves behind: an open transaction is undone."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _commit(self) -> None:
        fault = self._world.fault("commit")
        if fault == "crash before":
            raise KilledError
        if fault == "full":
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        super()._commit()
        if fault == "crash after":
            raise KilledError


class FakeTracker:
    product = "fake"
    markup = "wiki"

    def __init__(self, world: World) -> None:
        self._world = world

    def preflight(self, draft: IssueDraft, attachments: Sequence[Attachment], issue: IssueRef | None = None) -> Sequence[Check]:
        self._world.read()
        return []

    def create(self, draft: IssueDraft, *, leaving: Leaving = unwatched) -> IssueRef:
        world = self._world
        leaving(True)
        made: list[IssueRef] = []

        def apply() -> None:
            number = world.next_number
            world.next_number += 1
            ref = IssueRef(id=str(10_000 + number), key=f"{draft.project}-{number}", url=f"http://tracker/browse/{draft.project}-{number}")
            world.issues.append(FakeIssue(ref=ref, labels=draft.labels, searchable_at=world.clock.at + timedelta(seconds=LAG)))
            made.append(ref)

        def burn() -> None:
            world.next_number += 1

        world.write(apply, burn=burn)
        return made[0]

    def newest_key(self, project: str) -> str | None:
        self._world.read()
        seen = [issue for issue in self._world.issues if issue.searchable_at <= self._world.clock.at]
        return seen[-1].ref.key if seen else None

    def find(self, project: str, marker: str, above: str | None) -> IssueRef | None:
        self._world.read()
        mark = int(above.rpartition("-")[2]) if above else None
        for issue in self._world.issues:
            number = int(issue.ref.key.rpartition("-")[2])
            direct = mark is not None and number > mark
            if marker in issue.labels and (direct or issue.searchable_at <= self._world.clock.at):
                return issue.ref
        return None

    def get(self, key: str) -> IssueRef | None:
        self._world.read()
        return next((issue.ref for issue in self._world.issues if issue.ref.key == key), None)

    def attachments(self, issue: IssueRef) -> Sequence[str]:
        self._world.read()
        return list(self._issue(issue).attachments)

    def attach(self, issue: IssueRef, attachment: Attachment, *, leaving: Leaving = unwatched) -> None:
        leaving(True)
        self._world.write(lambda: self._issue(issue).attachments.append(attachment.name))

    def remote_links(self, issue: IssueRef) -> Sequence[RemoteLink]:
        self._world.read()
        return list(self._issue(issue).links.values())

    def put_remote_link(self, issue: IssueRef, link: RemoteLink) -> None:
        self._world.write(lambda: self._issue(issue).links.update({link.global_id: link}))

    def states(self, ids: Sequence[str]) -> Mapping[str, IssueState]:
        self._world.read()
        found = {}
        for name in ids:
            for issue in self._world.issues:
                if name in {issue.ref.id, issue.ref.key} and not issue.hidden:
                    found[name] = state_of(issue)
        return found

    def marked(self, project: str, marker: str) -> Sequence[IssueRef]:
        self._world.read()
        return [issue.ref for issue in self._world.issues if marker in issue.labels and self._shown(issue)]

    def texts(self, project: str, labels: Sequence[str], words: Sequence[str], *, limit: int = 100) -> Sequence[IssueText]:
        raise NotImplementedError

    def comments(self, issue: IssueRef) -> Sequence[Comment]:
        self._world.read()
        return list(self._issue(issue).comments)

    def add_comment(self, issue: IssueRef, body: str, *, leaving: Leaving = unwatched) -> str:
        world, found = self._world, self._issue(issue)
        leaving(True)

        def apply() -> None:
            made = Comment(id=str(len(found.comments)), author="bridge", body=body, public=True, created_at=world.clock.at)
            found.comments.append(made)

        world.write(apply)
        return found.comments[-1].id

    def update_comment(self, issue: IssueRef, comment_id: str, body: str) -> None:
        found = self._issue(issue)
        place = next(place for place, comment in enumerate(found.comments) if comment.id == comment_id)

        def apply() -> None:
            found.comments[place] = dataclasses.replace(found.comments[place], body=body)

        self._world.write(apply)

    def update_fields(self, issue: IssueRef, fields: Mapping[str, JsonValue]) -> None:
        self._world.write(lambda: self._issue(issue).fields.update(fields))

    def add_labels(self, issue: IssueRef, labels: Sequence[str]) -> None:
        found = self._issue(issue)

        def apply() -> None:
            found.labels = tuple(dict.fromkeys((*found.labels, *labels)))

        self._world.write(apply)

    def link_duplicate(self, issue: IssueRef, of: IssueRef) -> bool:
        found = self._issue(issue)

        def apply() -> None:
            found.duplicate_of = of.id

        self._world.write(apply)
        return True

    def move_to(self, issue: IssueRef, category: Category, *, resolution: str = "") -> int:
        found = self._issue(issue)
        if found.category == category:
            return 0

        def apply() -> None:
            found.category = category
            found.resolution = resolution or None

        self._world.write(apply)
        return 1

    def fields(self) -> Sequence[FieldInfo]:
        return []

    def check(self) -> Sequence[Check]:
        return []

    def _shown(self, issue: FakeIssue) -> bool:
        return issue.searchable_at <= self._world.clock.at and not issue.hidden

    def _issue(self, ref: IssueRef) -> FakeIssue:
        return next(issue for issue in self._world.issues if issue.ref.id == ref.id)


def state_of(issue: FakeIssue) -> IssueState:
    return IssueState(
        ref=issue.ref,
        summary="Empty",
        status=issue.status,
        category=issue.category,
        resolution=issue.resolution,
        fix_versions=issue.versions,
        labels=issue.labels,
        duplicate_of=issue.duplicate_of,
        resolved_at=issue.resolved_at,
    )


class FakeDesk:
    product = "fake"
    site = "desk.example.test"

    def __init__(self, world: World) -> None:
        self._world = world
        self.guarded_notes = world.guarded

    def queue(self, *, query: str = "", limit: int = 100) -> Sequence[Ticket]:
        return []

    def of_accounts(self, account_ids: Iterable[str], window: Window) -> Sequence[Ticket]:
        return []

    def created(self, window: Window) -> Sequence[Ticket]:
        return []

    def get(self, ticket_id: str) -> Ticket:
        self._world.read()
        found = self._ticket(ticket_id)
        return ticket(found.id, updated_at=found.updated, comments=tuple(found.comments), status=found.status, issue_key=found.issue_key)

    def comments(self, ticket_id: str) -> Sequence[Comment]:
        self._world.read()
        return list(self._ticket(ticket_id).comments)

    def many(self, ticket_ids: Sequence[str]) -> Mapping[str, Ticket]:
        self._world.read()
        tickets = [self._world.tickets.setdefault(name, FakeTicket(name)) for name in ticket_ids]
        shown = [item for item in tickets if not item.deleted]
        return {item.id: ticket(item.id, updated_at=item.updated, status=item.status, issue_key=item.issue_key) for item in shown}

    def merged_into(self, ticket: Ticket) -> str | None:
        return self._world.tickets[ticket.id].merged_into

    def links(self, ticket_id: str) -> Sequence[str] | None:
        self._world.read()
        return list(self._ticket(ticket_id).registered)

    def add_internal_note(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        return self._say(ticket_id, body, as_read, leaving, public=False)

    def reply(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        return self._say(ticket_id, body, as_read, leaving, public=True)

    def _say(self, ticket_id: str, body: str, as_read: datetime | None, leaving: Leaving, *, public: bool) -> str:
        world, found = self._world, self._ticket(ticket_id)
        leaving(True)
        if world.schedule.get(len(world.points)) == "touched":
            found.updated = world.clock.at
            world.schedule = {at: fault for at, fault in world.schedule.items() if at != len(world.points)}

        def apply() -> None:
            if world.guarded and as_read is not None and as_read != found.updated:
                raise ChangedMeanwhileError("409")
            found.comments.append(
                Comment(id=str(len(found.comments)), author="bridge", body=body, public=public, created_at=world.clock.at)
            )
            found.updated = world.clock.at

        def quietly() -> None:
            # Nobody hears what becomes of a request that lands late.
            if not (world.guarded and as_read is not None and as_read != found.updated):
                apply()

        fault = world.schedule.get(len(world.points), "")
        world.write(quietly if "late" in fault else apply, kind="note")
        return str(len(found.comments) - 1)

    def set_issue(self, ticket_id: str, issue: IssueRef) -> bool:
        found = self._ticket(ticket_id)

        def apply() -> None:
            found.issue_key = issue.key
            found.updated = self._world.clock.at

        self._world.write(apply)
        return True

    def register_link(self, ticket_id: str, issue: IssueRef) -> bool:
        found = self._ticket(ticket_id)
        self._world.write(lambda: None if issue.id in found.registered else found.registered.append(issue.id))
        return True

    def check(self) -> Sequence[Check]:
        return []

    def _ticket(self, ticket_id: str) -> FakeTicket:
        found = self._world.tickets.setdefault(ticket_id, FakeTicket(ticket_id))
        if found.deleted:
            raise NotFoundError(f"{ticket_id} does not exist (any more)")
        return found


def shown(last: FilingResult | BridgeError) -> set[str]:
    """Return the states of what a run says is not done."""
    if isinstance(last, FilingResult):
        return {item.state for item in last.undone}
    return {"unknown"} if isinstance(last, UnknownOutcomeError) and "--recreate" in last.hint else set()


def ticket(ticket_id: str, **changes: object) -> Ticket:
    """Make a ticket of account A-<number>."""
    number = ticket_id.rpartition("-")[2]
    made = Ticket(
        id=ticket_id,
        system="fake",
        native_id=number,
        url=f"http://desk/agent/tickets/{number}",
        subject="Exports are empty",
        body="They come out empty.",
        requester_name="Robin",
        requester_email="robin@example.test",
        account_id=f"A-{number}",
        account_name=f"Account {number}",
        status="open",
        priority=None,
        created_at=START - timedelta(days=1),
        updated_at=START - timedelta(days=1),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def small_plan(folder: Path, *, tickets: int = 1, files: int = 1) -> FilingPlan:
    """Make a plan by hand: the rooms that make real ones are tested for themselves."""
    marker = "bridge-0123456789abcdef0123"
    attachments = []
    for number in range(files):
        path = folder / f"file-{number}.csv"
        if not path.exists():
            path.write_text(f"{number}\n", encoding="utf-8")
        attachments.append(
            Attachment(name=f"bridge-{number:012}-{path.name}", path=str(path), sha256=f"{number:064}", media_type="text/csv")
        )
    return FilingPlan(
        case_id="BR-0001",
        fingerprint="0123456789abcdef0123" + "0" * 44,
        draft=IssueDraft(project="REP", issue_type="Bug", summary="Empty", description="d", labels=("from-support", marker), marker=marker),
        attachments=tuple(attachments),
        tickets=tuple(
            TicketPlan(
                ticket_id=f"ZD-{number}",
                link=RemoteLink(
                    global_id=f"bridge:fake:desk:{number}",
                    url=f"http://desk/{number}",
                    title=f"ZD-{number}",
                    summary="",
                    relationship="reported by",
                    resolved=False,
                ),
                account_name=f"Account {number}",
                note=("Exports come out empty.",),
            )
            for number in range(1, tickets + 1)
        ),
    )
