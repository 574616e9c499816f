"""What goes to the tracker and back to the help desk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file for the tracker. `name` carries the content hash, so the same bytes are never sent twice."""

    name: str
    """bridge-<12 hex of sha256>-<original name>."""
    path: str
    """Absolute path."""
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDraft:
    """An issue before it exists."""

    project: str
    issue_type: str
    summary: str
    """One line of at most 255 characters."""
    description: str
    """In the tracker's own markup, at most 32,767 characters."""
    labels: tuple[str, ...]
    fields: dict[str, JsonValue] = field(default_factory=dict)
    """Further fields by the tracker's id."""
    marker: str = ""
    """Label that lets a lost create be found again: `bridge-<20 hex>`."""
    figures: tuple[str, ...] = ()
    """Those of `fields` that are brought up to date later; the others are engineering's once the issue is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRef:
    """An issue that exists. Keys change on a move, ids don't."""

    id: str
    key: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLink:
    """A link from the issue to a ticket; the same global_id twice is one link."""

    global_id: str
    """bridge:<system>:<site>:<ticket>, at most 255 characters."""
    url: str
    title: str
    summary: str
    relationship: str
    resolved: bool


Category = Literal["new", "indeterminate", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixVersion:
    """A version that an issue is to be fixed in."""

    name: str
    released: bool
    due: date | None = None
    """When it is or was to be released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueState:
    """What an issue looks like now."""

    ref: IssueRef
    """Under its present key."""
    summary: str
    status: str
    """The workflow's own word."""
    category: Category
    resolution: str | None
    """The tracker's own word; None while open, and where a workflow sets none."""
    fix_versions: tuple[FixVersion, ...] = ()
    labels: tuple[str, ...] = ()
    duplicate_of: str | None = None
    """Id of the issue that it is linked to as a duplicate."""
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    due: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueText:
    """An issue's own words, for comparing."""

    ref: IssueRef
    title: str
    body: str
    """As plain text or in the tracker's markup."""
    labels: tuple[str, ...]
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """A field of the tracker's create screen."""

    id: str
    name: str
    required: bool
    """Required and without a default."""
    type: str
    """number, string, option, array, datetime, ..."""
    items: str = ""
    """Type of an array's items."""
    allowed: tuple[str, ...] = ()
    """What may be chosen; empty: anything."""


WriteState = Literal["intent", "sent", "done", "refused", "unknown"]
WriteKind = Literal[
    "issue",
    "attachment",
    "remote-link",
    "note",
    "ticket-issue",
    "ticket-link",
    "fields",
    "labels",
    "summary",
    "status-note",
    "reply",
    "issue-link",
    "transition",
    "verdict",
]
"""fields: impact figures on the issue; summary: its one living comment; status-note: what became of the issue, on a
ticket; reply: words to the customer, on approval; issue-link, transition: closing a duplicate, or opening an issue again;
verdict: what a reproduction came to on a later version, as a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One outside write in the ledger."""

    id: str
    case_id: str
    kind: WriteKind
    target: str
    """Issue key or ticket id; empty for a create."""
    state: WriteState
    at: datetime
    answer: str = ""
    payload_digest: str = ""
    name: str = ""
    """What tells writes of one kind apart: ticket id, attachment name, global_id; empty for the issue."""
    guard: str = ""
    """What settles a lost answer: the issue's high-water key, a ticket's updated_at as it was read."""
    run_id: str = ""
    who: str = ""
    """The operating system's user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `bridge doctor`."""

    connection: str
    """tickets, tracker, database app, logs app."""
    what: str
    ok: bool
    detail: str
    hint: str = ""
