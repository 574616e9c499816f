"""What belongs to an issue once it exists.

Files and a remote link for each ticket; on each ticket a note, the issue's key, and the help desk's own link.
Every step compares first and writes only the difference. One failing file or ticket does not stop the
others; two outages of a side in a row stop that side, so that a dead server is not asked a hundred times.

A note is not repeatable. Where the help desk guards notes (`guarded_notes`), it is sent with the ticket's
`updated_at` as it was read, and that value is in the ledger: a second sending with the same value lands only
if the first one did not, however late the first arrives; when the ticket has changed and carries no note of
ours, the first can never land any more, and a new one may be sent. So a lost answer or a killed process needs
neither waiting nor a person. Without a guard the comments are read until the window ends, and then the note
is shown as unknown.
"""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, ChangedMeanwhileError, RetryLaterError, UnknownOutcomeError
from bridge.filing.plan import digest, note_marker, note_text
from bridge.filing.run import BEGUN, PENDING, FilingEvent, Undone
from bridge.ports import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from bridge.filing.plan import FilingPlan, TicketPlan
    from bridge.filing.run import Run
    from bridge.model.filing import Attachment, IssueRef, RemoteLink, Write, WriteKind
    from bridge.model.ticket import Comment
    from bridge.ports import Leaving

    Find = Callable[[Iterable[Comment]], Comment | None]
    """Finds our own comment among those of a ticket."""

_WORDS = {"reply": "answer to the customer"}
_ROUNDS = 4
"""How often a note is tried again within one run when others keep changing the ticket."""
_OUTAGES = 2
"""Failures in a row after which a side counts as down."""


def attach_files(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    """Upload what is not there yet, by names that carry the content's hash."""
    wanted = [item for item in plan.attachments if not run.is_done("attachment", item.name)]
    if not wanted:
        return
    try:
        present = set(run.tracker.attachments(issue))
    except BridgeError as error:
        _leave_all(run, "attachment", (item.name for item in wanted), error)
        return
    for number, item in enumerate(wanted, 1):
        event = FilingEvent(step="attachment", target=item.name, state="started", number=number, of=len(wanted))
        run.emit(event)
        try:
            _attach(run, issue, item, present)
        except BridgeError as error:
            run.leave("attachment", item.name, error)
            if isinstance(error, RetryLaterError):
                _leave_all(run, "attachment", (later.name for later in wanted[number:]), error)
                return


def _attach(run: Run, issue: IssueRef, item: Attachment, present: set[str]) -> None:
    if item.name in present:
        run.adopt("attachment", item.name, target=issue.key, digest=item.sha256, answer="already there")
        return

    def there() -> str | None:
        return "" if item.name in run.tracker.attachments(issue) else None

    earlier = run.recorded("attachment", item.name)
    if earlier is not None and earlier.state in PENDING:
        if run.settle("attachment", item.name, there):
            return
        if not run.recreate:
            raise _maybe(run, f"{item.name} may have been attached to {issue.key}; it is not in the issue's list")
    if not Path(item.path).is_file():
        raise BridgeError(f"the file {item.path} is gone", hint=f"run `bridge report {run.filing.case_id}` again: it makes the files")
    try:
        run.send_once(
            "attachment",
            item.name,
            lambda leaving: run.tracker.attach(issue, item, leaving=leaving),
            target=issue.key,
            digest=item.sha256,
            answer=lambda _: "",
        )
    except UnknownOutcomeError:
        if not run.settle("attachment", item.name, there, just_sent=True):
            raise
        run.writes += 1


def link_and_tell(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    """Link each ticket and write on it, ticket by ticket: both sides limit writes, and the slower one sets the pace."""
    for _ in zip_longest(_links(run, plan, issue), _tells(run, plan, issue)):
        pass


def _links(run: Run, plan: FilingPlan, issue: IssueRef) -> Iterator[None]:
    """Give the issue a remote link for each ticket; an upsert by global id, so a lost answer is simply repeated."""
    wanted = [ticket for ticket in plan.tickets if not run.is_done("remote-link", ticket.link.global_id, link_digest(ticket.link, issue))]
    if not wanted:
        return
    try:
        present = {link.global_id: link for link in run.tracker.remote_links(issue)}
    except BridgeError as error:
        _leave_all(run, "remote-link", (ticket.ticket_id for ticket in wanted), error)
        return
    outages = 0
    for number, ticket in enumerate(wanted, 1):
        link = ticket.link
        run.emit(FilingEvent(step="remote-link", target=ticket.ticket_id, state="started", number=number, of=len(wanted)))
        if present.get(link.global_id) == link:
            run.adopt("remote-link", link.global_id, target=issue.key, digest=link_digest(link, issue), answer="already there")
            yield
            continue
        try:
            _put_link(run, issue, link)
        except BridgeError as error:
            run.leave("remote-link", ticket.ticket_id, error, name=link.global_id)
            outages = outages + 1 if isinstance(error, RetryLaterError) else 0
            if outages == _OUTAGES:
                _leave_all(run, "remote-link", (later.ticket_id for later in wanted[number:]), error)
                return
        else:
            outages = 0
        yield


def _put_link(run: Run, issue: IssueRef, link: RemoteLink) -> None:
    run.send(
        "remote-link",
        link.global_id,
        lambda: run.tracker.put_remote_link(issue, link),
        target=issue.key,
        digest=link_digest(link, issue),
        answer=lambda _: "",
    )


def _tells(run: Run, plan: FilingPlan, issue: IssueRef) -> Iterator[None]:
    """Write note, key and link on each ticket."""
    wanted = [ticket for ticket in plan.tickets if not ticket_is_told(run, ticket, issue)]
    outages = 0
    for number, ticket in enumerate(wanted, 1):
        event = FilingEvent(step="ticket", target=ticket.ticket_id, state="started", number=number, of=len(wanted))
        run.emit(event)
        try:
            _tell(run, plan, ticket, issue)
        except BridgeError as error:
            run.emit(
                FilingEvent(step="ticket", target=ticket.ticket_id, state="failed", detail=error.message, number=number, of=len(wanted))
            )
            outages = outages + 1 if isinstance(error, RetryLaterError) else 0
            if outages == _OUTAGES:
                _leave_all(run, "ticket-issue", (later.ticket_id for later in wanted[number:]), error)
                return
        else:
            outages = 0
            run.emit(FilingEvent(step="ticket", target=ticket.ticket_id, state="done", number=number, of=len(wanted)))
        yield


def ticket_is_told(run: Run, ticket: TicketPlan, issue: IssueRef) -> bool:
    """Tell whether everything on a ticket is recorded as done."""
    noted = not ticket.note or run.is_done("note", ticket.ticket_id)
    key = digest(issue.key)
    return noted and run.is_done("ticket-issue", ticket.ticket_id, key) and run.is_done("ticket-link", ticket.ticket_id, key)


def _tell(run: Run, plan: FilingPlan, ticket: TicketPlan, issue: IssueRef) -> None:
    name = ticket.ticket_id
    key = digest(issue.key)
    step: WriteKind = "note"
    try:
        if ticket.note and not run.is_done("note", name):
            _note(run, plan, ticket, issue)
        step = "ticket-issue"
        if not run.is_done("ticket-issue", name, key):
            run.send("ticket-issue", name, lambda: run.tickets.set_issue(name, issue), target=name, digest=key, answer=lambda _: "")
        step = "ticket-link"
        if not run.is_done("ticket-link", name, key):
            run.send("ticket-link", name, lambda: run.tickets.register_link(name, issue), target=name, digest=key, answer=lambda _: "")
    except BridgeError as error:
        run.leave(step, name, error)
        raise


def _note(run: Run, plan: FilingPlan, ticket: TicketPlan, issue: IssueRef) -> None:
    say_once(run, "note", ticket.ticket_id, ticket.ticket_id, note_text(plan, ticket, issue), own_note(note_marker(plan)))


def own_note(marker: str) -> Find:
    """Recognise our note: internal, with the marker as a line of its own, so that a quotation does not count."""

    def find(comments: Iterable[Comment]) -> Comment | None:
        for comment in comments:
            if not comment.public and marker in (line.strip() for line in comment.body.splitlines()):
                return comment
        return None

    return find


def say_once(run: Run, kind: WriteKind, name: str, ticket_id: str, text: str, find: Find, *, public: bool = False) -> None:
    """Write on a ticket once: a note, or with `public` an approved answer (see the module's text)."""
    send = run.tickets.reply if public else run.tickets.add_internal_note
    guarded = run.tickets.guarded_notes
    trouble: BridgeError | None = None
    for _ in range(_ROUNDS):
        seen = run.tickets.get(ticket_id)
        earlier = run.recorded(kind, name)
        # Guarded ones may be sent again without harm, so nobody is asked; ours is looked for all the same.
        pending = earlier is not None and earlier.state in (BEGUN if guarded else PENDING)
        # A public answer carries no marker: the same words count only when one of ours may be there.
        found = find(seen.comments) if pending or not public else None
        if found is not None:
            _is_there(run, kind, name, ticket_id, earlier, found)
            return
        if pending and not guarded:
            if run.settle(kind, name, partial(_look, run, ticket_id, find)):
                return
            if not run.recreate:
                raise _maybe(run, f"the {_WORDS.get(kind, 'note')} may have been added to {ticket_id}; it is not among its comments")
        as_read = seen.updated_at
        call = partial(_say, send, ticket_id, text, as_read, guarded=guarded)
        try:
            run.send_once(kind, name, call, target=ticket_id, digest=digest(text), guard=as_read.isoformat())
        except (ChangedMeanwhileError, UnknownOutcomeError) as error:
            trouble = error
            continue
        return
    raise trouble or _maybe(run, f"the {_WORDS.get(kind, 'note')} on {ticket_id} could not be settled")


def _say(send: Callable[..., str], ticket_id: str, text: str, as_read: datetime, leaving: Leaving, *, guarded: bool) -> str:
    return send(ticket_id, text, as_read=as_read, leaving=unwatched if guarded else leaving)


def _look(run: Run, ticket_id: str, find: Find) -> str | None:
    found = find(run.tickets.comments(ticket_id))
    return f" as comment {found.id}" if found is not None else None


def _is_there(run: Run, kind: WriteKind, name: str, ticket_id: str, earlier: Write | None, found: Comment) -> None:
    if earlier is not None and earlier.state in BEGUN:
        run.ledger.outcome(run.filing, earlier, "done", f"found as comment {found.id} after a lost answer")
        return
    run.adopt(kind, name, target=ticket_id, digest="", answer=f"already there as comment {found.id}")


def link_digest(link: RemoteLink, issue: IssueRef) -> str:
    """Return what tells one link on one issue from another."""
    return digest([issue.id, link.global_id, link.url, link.title, link.summary, link.relationship, link.resolved])


def _maybe(run: Run, message: str) -> UnknownOutcomeError:
    case = run.filing.case_id
    return UnknownOutcomeError(
        message,
        hint=f"`bridge file {case}` looks again; `bridge file {case} --recreate` sends it again if you are sure that it is missing",
    )


def _leave_all(run: Run, kind: WriteKind, targets: Iterable[str], error: BridgeError) -> None:
    for target in targets:
        run.undone.append(Undone(kind=kind, target=target, state="intent", why=f"not tried: {error.message}", hint=error.hint))
