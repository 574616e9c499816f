"""Ports for a dry run: reads are real, writes are noted and not sent.

The same code runs as without it, so that what is noted is what would follow. A noted issue is `REP-?` and empty;
nothing else that was noted is seen by a later read, which the order of the steps never needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.model.filing import IssueRef
from bridge.ports import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bridge.model.filing import (
        Attachment,
        Category,
        Check,
        FieldInfo,
        IssueDraft,
        IssueState,
        IssueText,
        JsonValue,
        RemoteLink,
        WriteKind,
    )
    from bridge.model.ticket import Comment, Ticket
    from bridge.model.window import Window
    from bridge.ports import IssueTracker, Leaving, TicketSource

_NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One write that would be sent."""

    kind: WriteKind
    target: str
    """Issue key or ticket id."""
    text: str = ""
    """What it would say, in one line."""


@dataclass(slots=True)
class RehearsedTracker:
    """The port `IssueTracker`."""

    real: IssueTracker
    notes: list[Noted]
    product: str = field(init=False)
    markup: str = field(init=False)

    def __post_init__(self) -> None:
        """Answer as the real one."""
        self.product, self.markup = self.real.product, self.real.markup

    def preflight(self, draft: IssueDraft, attachments: Sequence[Attachment], issue: IssueRef | None = None) -> Sequence[Check]:
        """Ask the real one."""
        return self.real.preflight(draft, attachments, issue)

    def create(self, draft: IssueDraft, *, leaving: Leaving = unwatched) -> IssueRef:  # noqa: ARG002 - nothing leaves
        """Note it."""
        made = IssueRef(id=_NEW, key=f"{draft.project}-?", url="")
        self.notes.append(Noted(kind="issue", target=made.key, text=draft.summary))
        return made

    def newest_key(self, project: str) -> str | None:
        """Ask the real one."""
        return self.real.newest_key(project)

    def find(self, project: str, marker: str, above: str | None) -> IssueRef | None:
        """Ask the real one."""
        return self.real.find(project, marker, above)

    def get(self, key: str) -> IssueRef | None:
        """Ask the real one."""
        return self.real.get(key)

    def states(self, ids: Sequence[str]) -> Mapping[str, IssueState]:
        """Ask the real one."""
        return self.real.states(ids)

    def marked(self, project: str, marker: str) -> Sequence[IssueRef]:
        """Ask the real one."""
        return self.real.marked(project, marker)

    def texts(self, project: str, labels: Sequence[str], words: Sequence[str], *, limit: int = 100) -> Sequence[IssueText]:
        """Ask the real one."""
        return self.real.texts(project, labels, words, limit=limit)

    def comments(self, issue: IssueRef) -> Sequence[Comment]:
        """Ask the real one; a noted issue has none."""
        return () if issue.id == _NEW else self.real.comments(issue)

    def add_comment(self, issue: IssueRef, body: str, *, leaving: Leaving = unwatched) -> str:  # noqa: ARG002 - nothing leaves
        """Note it."""
        self.notes.append(Noted(kind="summary", target=issue.key, text=_line(body)))
        return _NEW

    def update_comment(self, issue: IssueRef, comment_id: str, body: str) -> None:  # noqa: ARG002 - the port's
        """Note it."""
        self.notes.append(Noted(kind="summary", target=issue.key, text=_line(body)))

    def update_fields(self, issue: IssueRef, fields: Mapping[str, JsonValue]) -> None:
        """Note it."""
        self.notes.append(Noted(kind="fields", target=issue.key, text=", ".join(f"{name} = {value}" for name, value in fields.items())))

    def add_labels(self, issue: IssueRef, labels: Sequence[str]) -> None:
        """Note it."""
        self.notes.append(Noted(kind="labels", target=issue.key, text=", ".join(labels)))

    def link_duplicate(self, issue: IssueRef, of: IssueRef) -> bool:
        """Note it, unless it is there."""
        state = self.real.states([issue.id]).get(issue.id)
        if state is not None and state.duplicate_of == of.id:
            return False
        self.notes.append(Noted(kind="issue-link", target=issue.key, text=f"duplicate of {of.key}"))
        return True

    def move_to(self, issue: IssueRef, category: Category, *, resolution: str = "") -> int:
        """Note one step, unless it is there."""
        state = self.real.states([issue.id]).get(issue.id)
        if state is not None and state.category == category:
            return 0
        self.notes.append(Noted(kind="transition", target=issue.key, text=f"{category} {resolution}".strip()))
        return 1

    def fields(self) -> Sequence[FieldInfo]:
        """Ask the real one."""
        return self.real.fields()

    def attachments(self, issue: IssueRef) -> Sequence[str]:
        """Ask the real one; a noted issue has none."""
        return () if issue.id == _NEW else self.real.attachments(issue)

    def attach(self, issue: IssueRef, attachment: Attachment, *, leaving: Leaving = unwatched) -> None:  # noqa: ARG002 - nothing leaves
        """Note it."""
        self.notes.append(Noted(kind="attachment", target=issue.key, text=attachment.name))

    def remote_links(self, issue: IssueRef) -> Sequence[RemoteLink]:
        """Ask the real one; a noted issue has none."""
        return () if issue.id == _NEW else self.real.remote_links(issue)

    def put_remote_link(self, issue: IssueRef, link: RemoteLink) -> None:
        """Note it."""
        self.notes.append(Noted(kind="remote-link", target=issue.key, text=link.title))

    def check(self) -> Sequence[Check]:
        """Ask the real one."""
        return self.real.check()


@dataclass(slots=True)
class RehearsedDesk:
    """The port `TicketSource`."""

    real: TicketSource
    notes: list[Noted]
    product: str = field(init=False)
    site: str = field(init=False)
    guarded_notes: bool = field(init=False)

    def __post_init__(self) -> None:
        """Answer as the real one."""
        self.product, self.site, self.guarded_notes = self.real.product, self.real.site, self.real.guarded_notes

    def queue(self, *, query: str = "", limit: int = 100) -> Sequence[Ticket]:
        """Ask the real one."""
        return self.real.queue(query=query, limit=limit)

    def get(self, ticket_id: str) -> Ticket:
        """Ask the real one."""
        return self.real.get(ticket_id)

    def of_accounts(self, account_ids: Iterable[str], window: Window) -> Sequence[Ticket]:
        """Ask the real one."""
        return self.real.of_accounts(account_ids, window)

    def created(self, window: Window) -> Sequence[Ticket]:
        """Ask the real one."""
        return self.real.created(window)

    def comments(self, ticket_id: str) -> Sequence[Comment]:
        """Ask the real one."""
        return self.real.comments(ticket_id)

    def add_internal_note(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:  # noqa: ARG002 - nothing leaves
        """Note it."""
        self.notes.append(Noted(kind="note", target=ticket_id, text=_line(body)))
        return _NEW

    def reply(self, ticket_id: str, body: str, *, as_read: datetime | None = None, leaving: Leaving = unwatched) -> str:  # noqa: ARG002 - nothing leaves
        """Note it."""
        self.notes.append(Noted(kind="reply", target=ticket_id, text=_line(body)))
        return _NEW

    def many(self, ticket_ids: Sequence[str]) -> Mapping[str, Ticket]:
        """Ask the real one."""
        return self.real.many(ticket_ids)

    def merged_into(self, ticket: Ticket) -> str | None:
        """Ask the real one."""
        return self.real.merged_into(ticket)

    def links(self, ticket_id: str) -> Sequence[str] | None:
        """Ask the real one."""
        return self.real.links(ticket_id)

    def set_issue(self, ticket_id: str, issue: IssueRef) -> bool:
        """Note it, unless it is there."""
        if self.real.get(ticket_id).issue_key == issue.key:
            return False
        self.notes.append(Noted(kind="ticket-issue", target=ticket_id, text=issue.key))
        return True

    def register_link(self, ticket_id: str, issue: IssueRef) -> bool:
        """Note it, unless it is there or the help desk has no such links."""
        there = self.real.links(ticket_id)
        if there is None or issue.id in there:
            return False
        self.notes.append(Noted(kind="ticket-link", target=ticket_id, text=issue.key))
        return True

    def check(self) -> Sequence[Check]:
        """Ask the real one."""
        return self.real.check()


def _line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
