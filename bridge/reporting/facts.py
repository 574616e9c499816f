"""Everything a report is made of, and the part of it that a template may see."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis, Excerpt, NovelTemplate
from bridge.model.investigation import Investigation
from bridge.model.ticket import Ticket

_MAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,63}")
MASK = "[e-mail]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What workflow hands over; `build` reads nothing else."""

    case: Case
    investigation: Investigation
    analysis: Analysis
    evidence: tuple[Provenance, ...]
    currency: str
    """ISO code: EUR."""
    created_at: datetime
    """When the report's figures were taken: the workspace's clock, so that building again gives the same bytes."""
    bridge_version: str
    failures: tuple[datetime, ...] = ()
    """Times of the cohort's failing events, for the hour-by-day picture; empty: no such picture."""
    changes: tuple[Change, ...] = ()
    """All changes of the window, for the marks on the timeline."""
    attachments: tuple[str, ...] = ()
    """Names of further files that go with the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """What a report may show of a ticket: no message, no comment, no person."""

    id: str
    url: str
    account: str
    created_at: datetime
    priority: str
    status: str
    subject: str
    """The customer's words, addresses masked."""
    part: str
    """affected, or why the account is left out."""


def masked(text: str, known: tuple[str, ...]) -> str:
    """Return `text` without e-mail addresses and without the exact personal values in `known`."""
    for value in known:
        text = text.replace(value, MASK)
    return _MAIL.sub(MASK, text)


def personal_values(tickets: tuple[Ticket, ...]) -> tuple[str, ...]:
    """Return the people's names and addresses of the tickets, longest first; single words are too common to mask."""
    values = {ticket.requester_email.strip() for ticket in tickets}
    values |= {ticket.requester_name.strip() for ticket in tickets if " " in ticket.requester_name.strip()}
    values |= {comment.author.strip() for ticket in tickets for comment in ticket.comments if " " in comment.author.strip()}
    return tuple(sorted((value for value in values if len(value) >= 5), key=lambda value: (-len(value), value)))  # noqa: PLR2004  # shorter ones are words


def ticket_views(facts: ReportFacts) -> tuple[TicketView, ...]:
    """Return the case's tickets, oldest first."""
    known = personal_values(facts.case.tickets)
    parts: dict[str, str] = {}
    if facts.analysis.cohort:
        for left in facts.analysis.cohort.left_out:
            parts.update(dict.fromkeys(left.tickets, f"left out: {left.why}"))
        for account in facts.analysis.cohort.affected:
            parts.update(dict.fromkeys(account.tickets, "affected"))
    views = [
        TicketView(
            id=ticket.id,
            url=ticket.url,
            account=ticket.account_name or ticket.account_id or "unknown account",
            created_at=ticket.created_at,
            priority=ticket.priority or "none",
            status=ticket.status,
            subject=masked(ticket.subject, known),
            part=parts.get(ticket.id, "in the case"),
        )
        for ticket in facts.case.tickets
    ]
    return tuple(sorted(views, key=lambda view: (view.created_at, view.id)))


def masked_analysis(facts: ReportFacts) -> Analysis:
    """Return the analysis with personal values masked in log lines and templates."""
    known = personal_values(facts.case.tickets)

    def excerpt(value: Excerpt) -> Excerpt:
        return replace(value, lines=tuple(replace(line, message=masked(line.message, known)) for line in value.lines))

    def novelty(value: NovelTemplate) -> NovelTemplate:
        exemplars = tuple(replace(line, message=masked(line.message, known)) for line in value.exemplars)
        return replace(value, template=masked(value.template, known), exemplars=exemplars)

    analysis = facts.analysis
    return replace(
        analysis,
        excerpts=tuple(excerpt(value) for value in analysis.excerpts),
        novelties=tuple(novelty(value) for value in analysis.novelties),
        related=tuple(replace(value, subject=masked(value.subject, known)) for value in analysis.related),
    )


def quoted(facts: ReportFacts) -> tuple[str, ...]:
    """Return the words in the report that are not ours: gates about our wording leave them out."""
    analysis = masked_analysis(facts)
    texts = {view.subject for view in ticket_views(facts)} | {view.account for view in ticket_views(facts)}
    texts |= {item.template for item in analysis.novelties} | {item.subject for item in analysis.related}
    if analysis.cohort:
        texts |= {account.name for account in analysis.cohort.affected} | {left.name for left in analysis.cohort.left_out}
    return tuple(sorted((text.strip() for text in texts if text.strip()), key=lambda text: (-len(text), text)))
