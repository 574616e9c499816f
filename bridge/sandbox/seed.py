"""What a sandbox starts with: the help desk's people and tickets, and the tracker's project.

A seed is plain data. `to_json` and `from_json` turn it into a file and back (`docs/sandbox.md` shows one).
Times are aware datetimes; a naive one is a ValueError when the seed is loaded into a sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

Role = Literal["end-user", "agent", "admin"]
TicketStatus = Literal["new", "open", "pending", "hold", "solved", "closed"]
TicketPriority = Literal["urgent", "high", "normal", "low"]
FieldKind = Literal["number", "datetime", "select", "text"]

AGENT_MAIL = "agent@example.test"
DEFAULT_TOKEN = "sandbox"  # noqa: S105  the sandbox's own well-known word, no secret
FIRST_TICKET = 1001
ISSUE_FIELD = 360001
"""Ticket field "Engineering issue" (text): the key of the tracker's issue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOrganization:
    """One organization of the help desk."""

    id: int
    name: str
    external_id: str | None = None
    """Our account_id."""
    domain_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedUser:
    """One person of the help desk: a customer (end-user) or one of ours."""

    id: int
    name: str
    email: str
    organization_id: int | None = None
    role: Role = "end-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedComment:
    """A later comment of a ticket; the first one is the ticket's description."""

    author_id: int
    body: str
    public: bool
    """False: an internal note."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTicket:
    """One ticket. Its organization is its requester's."""

    id: int
    """1001 and up."""
    subject: str
    description: str
    """Becomes the first public comment, by the requester, at created_at."""
    requester_id: int
    created_at: datetime
    updated_at: datetime
    status: TicketStatus = "open"
    priority: TicketPriority | None = None
    tags: tuple[str, ...] = ()
    comments: tuple[SeedComment, ...] = ()
    custom_fields: dict[int, str | int | float | bool | None] | None = None
    """Values by ticket field id."""
    assignee_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTicketField:
    """A custom field of tickets."""

    id: int
    title: str
    kind: str = "text"
    """Zendesk's type: text, tagger, integer, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedIssueType:
    """An issue type of the tracker's project."""

    id: str
    name: str
    required: tuple[str, ...] = ()
    """Ids of custom fields that a create must carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedIssueField:
    """A custom field of the tracker, on every screen of the project."""

    id: str
    """customfield_10101"""
    name: str
    kind: FieldKind
    options: tuple[str, ...] = ()
    """select: the allowed values, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedProject:
    """The tracker's project: what its create metadata shows and its create enforces."""

    key: str = "REP"
    name: str = "Reporting"
    issue_types: tuple[SeedIssueType, ...] = (
        SeedIssueType(id="10001", name="Bug", required=("customfield_10105",)),
        SeedIssueType(id="10002", name="Task"),
    )
    priorities: tuple[str, ...] = ("Highest", "High", "Medium", "Low", "Lowest")
    components: tuple[str, ...] = ("exports", "cache", "gateway")
    versions: tuple[str, ...] = ("4.17.x", "4.18.0")
    unreleased: tuple[str, ...] = ()
    """Those of the versions that are not released yet."""
    off_screen: tuple[str, ...] = ()
    """Fields that are not on the create and edit screens, although they exist: labels, customfield_10102, ..."""
    edit_off_screen: tuple[str, ...] = ()
    """Fields that can be set when an issue is made, and not changed later."""
    off_link_types: tuple[str, ...] = ()
    """Link types that this tracker does not have: Duplicate, ..."""
    denied: tuple[str, ...] = ()
    """Permissions the agent does not have: CREATE_ISSUES, LINK_ISSUES, CREATE_ATTACHMENTS, ADD_COMMENTS, EDIT_ISSUES, ..."""
    fields: tuple[SeedIssueField, ...] = (
        SeedIssueField(id="customfield_10101", name="Affected accounts", kind="number"),
        SeedIssueField(id="customfield_10102", name="Silent accounts", kind="number"),
        SeedIssueField(id="customfield_10103", name="Affected revenue", kind="number"),
        SeedIssueField(id="customfield_10104", name="First seen", kind="datetime"),
        SeedIssueField(id="customfield_10105", name="Severity", kind="select", options=("S1", "S2", "S3", "S4")),
    )


_AGENT = SeedUser(id=1, name="Sam Agent", email=AGENT_MAIL, role="admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSeed:
    """Everything a new sandbox holds. Only read when the state file is new."""

    organizations: tuple[SeedOrganization, ...] = ()
    users: tuple[SeedUser, ...] = ()
    """Without the agent."""
    tickets: tuple[SeedTicket, ...] = ()
    agent: SeedUser = _AGENT
    """Whose credentials work, in the help desk and in the tracker."""
    ticket_fields: tuple[SeedTicketField, ...] = (SeedTicketField(id=ISSUE_FIELD, title="Engineering issue"),)
    project: SeedProject = SeedProject()


def to_json(seed: SandboxSeed) -> bytes:
    """Return the seed as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(seed), indent=2)


def from_json(data: bytes | str | dict[str, Any]) -> SandboxSeed:
    """Return the seed from JSON text, or from a dict as `json.loads` gives it; msgspec.ValidationError names the key."""
    if isinstance(data, dict):
        return msgspec.convert(data, SandboxSeed, strict=False)
    return msgspec.json.decode(data, type=SandboxSeed, strict=False)


def plain(value: Any) -> Any:
    """Return a part of a seed as plain JSON values."""
    return msgspec.to_builtins(value, str_keys=True)


def project_from_json(value: Any) -> SeedProject:
    """Return a project from plain JSON values, as `plain` made them or as a configuration file states them."""
    return msgspec.convert(value, SeedProject)


def user_from_json(value: Any) -> SeedUser:
    """Return a user from plain JSON values."""
    return msgspec.convert(value, SeedUser)
