"""A ticket as every help desk maps to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One message on a ticket."""

    id: str
    author: str
    body: str
    public: bool
    """False for an internal note: its text never leaves the help desk."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One customer's request in a help desk, as it was read at one moment."""

    id: str
    """As people write it, unique in the workspace: `ZD-1042`."""
    system: str
    """The product that holds it: `zendesk`."""
    native_id: str
    """The help desk's own id, used in its API: `1042`."""
    url: str
    """Where a person opens it."""
    subject: str
    body: str
    """The customer's first message. Untrusted, may hold personal data."""
    requester_name: str
    requester_email: str
    account_id: str | None
    """None when the requester belongs to no known account."""
    account_name: str | None
    status: str
    """new, open, pending, hold, solved, closed."""
    priority: str | None
    """urgent, high, normal, low, or None when nobody chose."""
    created_at: datetime
    updated_at: datetime
    tags: tuple[str, ...] = ()
    issue_key: str | None = None
    """The tracker issue already written on the ticket, if any."""
    comments: tuple[Comment, ...] = ()
