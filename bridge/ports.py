"""The ports: what the core asks of the world. An adapter is one file per product behind one of these.

Every call of a port has a timeout and raises only `bridge.errors`: RetryLaterError when nothing was
written and trying again is right, UnknownOutcomeError when a write may have happened, AccessError,
RefusedError, NotFoundError otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from bridge.model.evidence import Scalar
from bridge.model.exchange import Request, Response
from bridge.model.filing import Attachment, Category, Check, FieldInfo, IssueDraft, IssueRef, IssueState, IssueText, JsonValue, RemoteLink
from bridge.model.ticket import Comment, Ticket
from bridge.model.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

Leaving = Callable[[bool], None]
"""Told True right before the first byte of a write that must not be repeated leaves this machine; False when it
certainly was not taken (busy, not reached) and will be sent again later. What it raises ends the call unsent.
An adapter has to call it: a write that was never told to leave is sent again after a crash."""


def unwatched(_leaves: bool, /) -> None:  # noqa: FBT001 - see Leaving
    """Note nothing: a `Leaving` for those who need none."""


BoundItem = Scalar | Decimal | date | datetime
BoundValue = BoundItem | list[BoundItem]


class Clock(Protocol):
    """The only source of now."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundQuery:
    """A checked query, ready for a driver: text with `:name` placeholders and the values for them."""

    text: str
    """Regenerated from the checked tree: never the source text."""
    dialect: str
    values: dict[str, BoundValue] = field(default_factory=dict)
    comment: str = ""
    """For the DBA: investigation and case, no user text. The adapter puts it in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one query may cost."""

    rows: int = 1_000_000
    seconds: float = 60.0
    bytes: int = 1_073_741_824
    """Bytes of the result in memory (Arrow); what is more is cut."""
    cost: float | None = None
    """The highest estimate that the server's plan may have, in PostgreSQL's unit; None: no plan is asked for."""


Cut = Literal["", "rows", "bytes"]
"""Which cap ended a result before its end; empty: the result is complete."""
Keep = Callable[["pa.Table"], None]
"""Takes the next rows of a result; all parts of a result have the same columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """A table and whether a cap cut it. Times are timestamp[us, UTC], money is decimal."""

    table: pa.Table
    truncated: bool
    cut: Cut = ""
    """Which cap; empty when it is complete."""


class Database(Protocol):
    """A database that answers read-only queries."""

    @property
    def dialect(self) -> str:
        """SQL dialect, by the name that `bridge.sql` knows it by."""
        ...

    @property
    def product(self) -> str:
        """Name of the product, as in bridge.yaml."""
        ...

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query in a read-only session with a server-side timeout, if the product has one.

        TimedOutError when the limit of seconds ended it, RefusedError when its plan costs more than the limit.
        """
        ...

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Run one query like `run`, and hand the rows on as they come; `keep` is called at least once, also without rows."""
        ...

    def cancel(self) -> None:
        """End, on the server, what this adapter runs now. May be called from another thread; says nothing when nothing runs."""
        ...

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, read-only, and what is missing."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, of one account or trace if named."""

    window: Window
    account_id: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which log events are wanted."""

    window: Window
    services: tuple[str, ...] = ()
    """Empty: all."""
    levels: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    """Empty: the whole window. Otherwise events inside a span that match its account or trace, and
    events inside a span that name no account at all (what the system did meanwhile)."""
    limit: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogResult:
    """Events in time order, and an account of every line that was read."""

    table: pa.Table
    """at timestamp[us, UTC], level, service, account_id, trace_id, message, attributes (JSON text), file,
    offset (bytes)."""
    counts: dict[str, int]
    """files, lines, parsed, joined, rejected: lines = parsed + joined + rejected (+ skipped outside the window)."""
    truncated: bool
    problems: tuple[str, ...] = ()
    """Files that vanished or could not be read."""
    rejects: pa.Table | None = None
    """Lines that are no events: file, offset, length, reason, raw (the first 1,000 characters)."""


class LogSource(Protocol):
    """Logs, wherever they lie."""

    @property
    def product(self) -> str:
        """Return the product's name: files, ..."""
        ...

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events."""
        ...

    def check(self) -> Sequence[Check]:
        """Tell whether files are there, which formats, which span of time."""
        ...


class TicketSource(Protocol):
    """A help desk."""

    product: str
    site: str
    """Host of the help desk, part of link ids."""
    guarded_notes: bool
    """True when `as_read` makes a note safe to send again: of several sendings at most one lands."""

    def queue(self, *, query: str = "", limit: int = 100) -> Sequence[Ticket]:
        """Return unsolved tickets, newest first, without comments; `query` filters by words."""
        ...

    def get(self, ticket_id: str) -> Ticket:
        """Return one ticket with its comments; NotFoundError when it does not exist (any more)."""
        ...

    def of_accounts(self, account_ids: Iterable[str], window: Window) -> Sequence[Ticket]:
        """Return tickets that these accounts opened in the window, solved ones too."""
        ...

    def created(self, window: Window) -> Sequence[Ticket]:
        """Return all tickets opened in the window, solved ones too, oldest first, without comments."""
        ...

    def comments(self, ticket_id: str) -> Sequence[Comment]:
        """Return all comments, oldest first: a direct read, used to settle a lost note."""
        ...

    def add_internal_note(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        """Add a note that customers can't see; return its id.

        With `as_read` (the ticket's updated_at as it was read) a help desk that guards notes refuses
        with ChangedMeanwhileError when the ticket was changed since.
        """
        ...

    def reply(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:
        """Send the customer a public answer that a person approved; return its id. Guarded as a note is."""
        ...

    def many(self, ticket_ids: Sequence[str]) -> Mapping[str, Ticket]:
        """Return tickets without comments by id, as they are now; deleted and hidden ones are missing."""
        ...

    def merged_into(self, ticket: Ticket) -> str | None:
        """Return the ticket that this one was merged into; None when it was not. Reads comments only where it was."""
        ...

    def links(self, ticket_id: str) -> Sequence[str] | None:
        """Return the ids of the issues that the help desk's own tracker app links; None where there is no such app."""
        ...

    def set_issue(self, ticket_id: str, issue: IssueRef) -> bool:
        """Write the issue's key on the ticket (field and tag); tell whether that was needed."""
        ...

    def register_link(self, ticket_id: str, issue: IssueRef) -> bool:
        """Register the link with the help desk's own tracker app, where it has one; tell whether that was needed."""
        ...

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable and what the credentials may do."""
        ...


class IssueTracker(Protocol):
    """An issue tracker."""

    product: str
    markup: str
    """wiki or adf: what a description must be."""

    def preflight(self, draft: IssueDraft, attachments: Sequence[Attachment], issue: IssueRef | None = None) -> Sequence[Check]:
        """Return everything that would make the tracker refuse this draft, before anything is written.

        With `issue`, what would keep that issue from taking the draft's figures, labels and files.
        """
        ...

    def create(self, draft: IssueDraft, *, leaving: Leaving = unwatched) -> IssueRef:
        """Create it once. Never repeated inside; a lost answer is an UnknownOutcomeError."""
        ...

    def newest_key(self, project: str) -> str | None:
        """Return the project's highest issue key known to search: the mark above which a lost create is looked for."""
        ...

    def find(self, project: str, marker: str, above: str | None) -> IssueRef | None:
        """Look for an issue that carries the marker: direct reads of the keys above the mark, and search."""
        ...

    def get(self, key: str) -> IssueRef | None:
        """Return the issue (under its present key), None when it is deleted or hidden."""
        ...

    def states(self, ids: Sequence[str]) -> Mapping[str, IssueState]:
        """Return how issues are now, by the ids that were asked for; deleted and hidden ones are missing. Direct reads."""
        ...

    def marked(self, project: str, marker: str) -> Sequence[IssueRef]:
        """Return every issue that search knows to carry the marker, oldest first."""
        ...

    def texts(self, project: str, labels: Sequence[str], words: Sequence[str], *, limit: int = 100) -> Sequence[IssueText]:
        """Return issues that have one of the labels or one of the words in their texts, newest first. Search lags."""
        ...

    def comments(self, issue: IssueRef) -> Sequence[Comment]:
        """Return all comments as plain text, oldest first: a direct read."""
        ...

    def add_comment(self, issue: IssueRef, body: str, *, leaving: Leaving = unwatched) -> str:
        """Add a comment once and return its id; a lost answer is an UnknownOutcomeError."""
        ...

    def update_comment(self, issue: IssueRef, comment_id: str, body: str) -> None:
        """Replace a comment's text. Repeating it changes nothing."""
        ...

    def update_fields(self, issue: IssueRef, fields: Mapping[str, JsonValue]) -> None:
        """Set fields by the tracker's ids. Repeating it changes nothing."""
        ...

    def add_labels(self, issue: IssueRef, labels: Sequence[str]) -> None:
        """Add labels to those that are there. Repeating it changes nothing."""
        ...

    def link_duplicate(self, issue: IssueRef, of: IssueRef) -> bool:
        """Link the first as a duplicate of the second; tell whether that was needed."""
        ...

    def move_to(self, issue: IssueRef, category: Category, *, resolution: str = "") -> int:
        """Take it to a status of this category (`done` with this resolution, where there is one); return the steps that it took."""
        ...

    def fields(self) -> Sequence[FieldInfo]:
        """Return the fields of the create screen of the configured project and type."""
        ...

    def attachments(self, issue: IssueRef) -> Sequence[str]:
        """Return the names of its attachments."""
        ...

    def attach(self, issue: IssueRef, attachment: Attachment, *, leaving: Leaving = unwatched) -> None:
        """Upload one file once; a lost answer is an UnknownOutcomeError."""
        ...

    def remote_links(self, issue: IssueRef) -> Sequence[RemoteLink]:
        """Return its remote links."""
        ...

    def put_remote_link(self, issue: IssueRef, link: RemoteLink) -> None:
        """Create or update the link with this global_id."""
        ...

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, which deployment it is, what the credentials may do."""
        ...


class HttpTarget(Protocol):
    """A system that a reproduction is run on. What may be sent is decided before it is called."""

    url: str
    """Address that request paths follow, without a slash at the end."""

    def send(self, request: Request) -> Response:
        """Send one request and return its answer, whatever its status. No redirect is followed, nothing is repeated."""
        ...
