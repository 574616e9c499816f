"""Follow a filed issue: what became of it reaches every linked ticket, each occasion once; answers wait as drafts.

An occasion is a word (in progress, fixed, released, won't fix, ...), a detail (the version) and a cycle (how often
the issue was opened again). Its note on a ticket is one write of the ledger with a marker line of its own, so it
is exactly-once as every other note is. Own echoes (comments that carry our marker) are never taken for a
question. A deleted or hidden issue is told and never made again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, RetryLaterError
from bridge.filing import memory
from bridge.filing.duplicates import close_duplicates, settle_on_the_oldest
from bridge.filing.link import link_and_tell, own_note, say_once
from bridge.filing.plan import digest
from bridge.filing.run import Undone
from bridge.filing.words import Occasion, language, note, occasion
from bridge.text.redact.kinds import DOMAIN, IP
from bridge.text.redact.redactor import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.filing.memory import Draft, Seen
    from bridge.filing.plan import FilingPlan
    from bridge.filing.run import Run
    from bridge.filing.settings import FilingSettings
    from bridge.model.filing import IssueRef, IssueState
    from bridge.model.ticket import Ticket

    Answers = Callable[[Occasion, str, Mapping[str, str]], str | None]
    """Gives the text of an answer to a customer by occasion, language and values; None where none is wanted."""

QUIET = frozenset({"waiting"})
"""Words that are not told on tickets: nothing has happened yet."""
GONE = "deleted or hidden"
_QUESTION = 1500
_OUTAGES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What one look at an issue came to."""

    case_id: str
    issue: IssueRef
    word: str
    detail: str
    status: str
    changed: bool
    """True when this run saw something that the last one did not."""
    told: tuple[str, ...]
    """Tickets that got a note in this run."""
    notices: tuple[str, ...]
    """What a person should know: moved, deleted, merged, questions."""
    drafts: tuple[Draft, ...]
    """Answers that wait for approval."""
    writes: int
    undone: tuple[Undone, ...]


def follow(run: Run, *, settings: FilingSettings, plans: Sequence[FilingPlan], answers: Answers) -> Followed:
    """Look once. `plans` are those of the filing's cases: they say how tickets are linked again where that is needed.

    Raises AccessError or RetryLaterError when the tracker can't be asked; failures on tickets are in `undone`.
    """
    known = run.ledger.issue(run.filing.fingerprint)
    if known is None:
        raise BridgeError(f"{run.filing.case_id} is not filed", hint=f"file it: bridge file {run.filing.case_id}")
    notices: list[str] = []
    before = memory.seen(run.ledger, run.filing.fingerprint)
    issue = _present(run, known[0], before, notices)
    if issue is None:
        return _gone(run, known[0], before, notices)
    state, said = _judged(run, issue, before, settings, notices)
    for plan in plans:
        # The ledger alone says whether anything is missing: after a move, a duplicate, or a filing that broke off.
        link_and_tell(run, plan, state.ref)
    closed = [key for key in close_duplicates(run) if not any(key in notice for notice in notices)]
    notices += [
        f"{key} is a second filing of this: its tickets are on {state.ref.key}, and it was closed as its duplicate" for key in closed
    ]
    memory.drop_overtaken(run.ledger, run.filing, said.name)
    found = run.tickets.many(run.ledger.linked(run.filing.fingerprint))
    # Of a duplicate the note tells what became of the issue that was followed until now.
    told = _tell(run, issue.key if said.word == "duplicate" else state.ref.key, state, said, found, notices, answers)
    facts = broken_links(run, state.ref, plans, found)
    notices += [fact for fact in facts if before is None or fact not in before.noticed]
    trouble = tuple(fact for fact, mended in facts.items() if mended)
    now = replace(_seen(run, state, said, before), trouble=trouble, noticed=tuple(facts))
    memory.remember(run.ledger, run.filing, now)
    return Followed(
        case_id=run.filing.case_id,
        issue=state.ref,
        word=said.word,
        detail=said.detail,
        status=state.status,
        changed=before is None or (before.word, before.detail, before.cycle) != (said.word, said.detail, said.cycle),
        told=told,
        notices=tuple(notices),
        drafts=tuple(item for item in memory.drafts(run.ledger) if item.fingerprint == run.filing.fingerprint),
        writes=run.writes,
        undone=tuple(run.undone),
    )


def send_draft(run: Run, draft: Draft) -> None:
    """Send an approved answer, once, whatever happens on the way."""
    text = draft.body
    flat = " ".join(text.split())
    say_once(
        run,
        "reply",
        f"{draft.ticket_id}|{draft.occasion}",
        draft.ticket_id,
        text,
        lambda comments: next((item for item in comments if item.public and " ".join(item.body.split()) == flat), None),
        public=True,
    )
    memory.close_draft(run.ledger, run.filing, draft.id, "sent")


def _present(run: Run, known: IssueRef, before: Seen | None, notices: list[str]) -> IssueRef | None:
    """Return the issue under its present key, after settling on the oldest of several; None when it is gone."""
    state = run.tracker.states([known.id]).get(known.id)
    if state is None:
        notices.append(f"{known.key} was deleted, or is not shown to this user any more; nothing was made in its place")
        return None
    if before is not None and GONE in before.trouble:
        notices.append(f"{known.key} is there again")
    issue = state.ref
    if issue.key != known.key:
        notices.append(f"{known.key} was moved: it is {issue.key} now")
        run.ledger.retarget(run.filing, issue)
    kept = settle_on_the_oldest(run, issue)
    if kept.id != issue.id:
        notices.append(f"{issue.key} was filed twice: {kept.key} is older and stays, {issue.key} is closed as its duplicate")
    return kept


def _judged(run: Run, issue: IssueRef, before: Seen | None, settings: FilingSettings, notices: list[str]) -> tuple[IssueState, Occasion]:
    """Return the issue to go on with and what to tell; a duplicate is followed to its target."""
    states = run.tracker.states([issue.id])
    state = states.get(issue.id)
    if state is None:
        raise RetryLaterError(f"{issue.key} vanished while it was looked at", hint="run `bridge follow` again")
    cycle = before.cycle if before else 0
    was_done = before is not None and before.word in {"fixed", "released", "won't fix", "cannot reproduce", "closed"}
    reopened = was_done and state.category != "done"
    cycle += reopened
    target = run.tracker.states([state.duplicate_of]).get(state.duplicate_of) if state.duplicate_of else None
    said = occasion(
        state,
        cycle=cycle,
        statuses=settings.statuses,
        resolutions=settings.resolutions,
        target=target.ref.key if target else "",
    )
    if said.word == "duplicate" and target is not None and target.ref.id != issue.id:
        notices.append(f"{issue.key} was closed as a duplicate of {target.ref.key}, which is followed from now on")
        run.ledger.retarget(run.filing, target.ref)
        return target, said
    if (reopened and said.word == "waiting") or (before is not None and before.word == "reopened" and said.word == "waiting"):
        said = replace(said, word="reopened")
    return state, said


def _seen(run: Run, state: IssueState, said: Occasion, before: Seen | None) -> Seen:
    now = run.clock.now()
    same = before is not None and (before.word, before.detail, before.cycle) == (said.word, said.detail, said.cycle)
    due = state.due or min((version.due for version in state.fix_versions if version.due and not version.released), default=None)
    return memory.Seen(
        seen_at=now,
        changed_at=before.changed_at if before is not None and same else now,
        word=said.word,
        detail=said.detail,
        status=state.status,
        cycle=said.cycle,
        due=due,
    )


def broken_links(run: Run, issue: IssueRef, plans: Sequence[FilingPlan], found: Mapping[str, Ticket]) -> dict[str, bool]:
    """Return what no longer holds between the issue and its tickets, in words, and whether it can be mended.

    `found` are the linked tickets as they are.
    """
    names = {ticket.link.global_id: ticket.ticket_id for plan in plans for ticket in plan.tickets}
    written = [write.name for write in run.ledger.writes(run.filing.fingerprint) if write.kind == "remote-link" and write.state == "done"]
    there = {link.global_id for link in run.tracker.remote_links(issue)} if written else set()
    facts = {f"the link to {names.get(name, name)} is gone from {issue.key}": True for name in written if name not in there}
    linked = run.ledger.linked(run.filing.fingerprint)
    for name in linked:
        ticket = found.get(name)
        if ticket is None:
            facts[f"{name} does not exist any more, or is not shown to this user"] = False
            continue
        target = run.tickets.merged_into(ticket)
        if target is not None:
            link = "" if target in linked else f"; to link that: bridge add {run.filing.case_id} {target}"
            facts[f"{name} was merged into {target}{link}"] = bool(link)
        elif ticket.status != "closed" and ticket.issue_key != issue.key and run.is_done("ticket-issue", name):
            facts[f"{name} carries {ticket.issue_key or 'no issue'}, not {issue.key}"] = True
    return facts


def _gone(run: Run, issue: IssueRef, before: Seen | None, notices: list[str]) -> Followed:
    now = run.clock.now()
    base = before or memory.Seen(seen_at=now, changed_at=now, word="waiting", detail="", status="", cycle=0, due=None)
    memory.remember(run.ledger, run.filing, replace(base, seen_at=now, trouble=(GONE,)))
    return Followed(
        case_id=run.filing.case_id,
        issue=issue,
        word=base.word,
        detail=GONE,
        status=base.status,
        changed=before is None or GONE not in before.trouble,
        told=(),
        notices=tuple(notices),
        drafts=(),
        writes=run.writes,
        undone=tuple(run.undone),
    )


def _tell(
    run: Run,
    key: str,
    state: IssueState,
    said: Occasion,
    found: Mapping[str, Ticket],
    notices: list[str],
    answers: Answers,
) -> tuple[str, ...]:
    """Write the occasion's note on every ticket that has none, and keep a draft for its customer."""
    linked = run.ledger.linked(run.filing.fingerprint)
    wanted = [ticket for ticket in linked if said.word not in QUIET and not run.is_done("status-note", f"{ticket}|{said.name}")]
    if not wanted:
        return ()
    question = _question(run, state) if said.word == "needs information" else ""
    if question:
        notices.append(f"{state.ref.key} needs information: {question}")
    text = note(key, state.status, said, question=question)
    marker = f"[{run.filing.marker} {said.slug} {digest(said.name)[:6]}]"
    told: list[str] = []
    outages = 0
    for name in wanted:
        try:
            target = _place(run, name, found, notices)
            if target is None:
                continue
            _draft(run, target, said, answers)  # first: a process that ends after the note would not come back to it
            body = f"{text}\n{state.ref.url}\n{marker}"
            writes = run.writes
            say_once(run, "status-note", f"{name}|{said.name}", target.id, body, own_note(marker))
            if run.writes > writes:
                told.append(name)
        except BridgeError as error:
            run.leave("status-note", name, error, name=f"{name}|{said.name}")
            outages = outages + 1 if isinstance(error, RetryLaterError) else 0
            if outages == _OUTAGES:
                break
        else:
            outages = 0
    return tuple(told)


def _place(run: Run, name: str, found: Mapping[str, Ticket], notices: list[str]) -> Ticket | None:
    """Return the ticket to write on: where a merged one went; None when nothing can be written any more."""
    ticket = found.get(name)
    if ticket is None:
        return None
    target = run.tickets.merged_into(ticket)
    if target is not None:
        there = run.tickets.many([target]).get(target)
        if there is None:
            notices.append(f"{name} was merged into {target}, which does not exist any more")
        return there if there is not None and there.status != "closed" else None
    if ticket.status == "closed":
        notices.append(f"{name} is closed: the help desk takes no more notes there")
        return None
    return ticket


def _draft(run: Run, ticket: Ticket, said: Occasion, answers: Answers) -> None:
    spoken = language(f"{ticket.subject}\n{ticket.body}")
    values = {"name": ticket.requester_name, "subject": ticket.subject, "version": said.detail, "ticket": ticket.id}
    body = answers(said, spoken, values)
    if body:
        memory.keep_draft(run.ledger, run.filing, ticket_id=ticket.id, occasion=said.name, language=spoken, body=body, at=run.clock.now())


def _question(run: Run, state: IssueState) -> str:
    """Return the newest comment on the issue that is not ours, as one line, without credentials and personal values."""
    comments = [item for item in run.tracker.comments(state.ref) if run.filing.marker not in item.body]
    return redactor(keep=(IP, DOMAIN)).redact(" ".join(comments[-1].body.split()))[:_QUESTION] if comments else ""
