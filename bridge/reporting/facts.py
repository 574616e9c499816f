"""Everything a report is made of, and the part of it that a template may see."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis, Cohort, LogLine
from bridge.model.investigation import Investigation
from bridge.model.privacy import Policy
from bridge.model.reproduction import Reproduction
from bridge.model.ticket import Ticket
from bridge.text.redact.kinds import EMAIL, KNOWN, ORGANIZATION, PERSON
from bridge.text.redact.pseudonyms import Labels
from bridge.text.redact.redactor import Redactor, redactor

LEFT_OUT = "(left out)"
_SHORTEST = 5
"""Shorter names are words."""


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
    reproduction: Reproduction | None = None
    """What a machine has run; None: nothing was reproduced yet."""
    policy: Policy = field(default_factory=Policy)
    """What the report's readers may see."""


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


def masked(text: str, known: tuple[str, ...], policy: Policy | None = None, counts: Counter[str] | None = None) -> str:
    """Return `text` without what the policy does not keep; `known` are exact personal values. The one place where reports are masked."""
    return _redactor(known, policy or Policy()).redact(text, counts)


@lru_cache(maxsize=16)
def _redactor(known: tuple[str, ...], policy: Policy) -> Redactor:
    people = [(value, EMAIL if "@" in value else PERSON) for value in known]
    return redactor([*people, *((value, KNOWN) for value in policy.known)], key=policy.key, keep=policy.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """The policy at work on one case; counts what it masks."""

    policy: Policy
    known: tuple[str, ...]
    counts: Counter[str] = field(default_factory=Counter)

    def words(self, text: str) -> str:
        """Return text in words: subjects, log lines, statements."""
        return masked(text, self.known, self.policy, self.counts)

    def subject(self, text: str) -> str:
        """Return a ticket's subject."""
        return LEFT_OUT if "subjects" in self.policy.leave_out else self.words(text)

    def account(self, name: str) -> str:
        """Return an account's name, or a label that is the same wherever the account is named."""
        if "account_names" not in self.policy.leave_out or not name:
            return name
        self.counts[ORGANIZATION] += 1
        return Labels(key=self.policy.key).of(ORGANIZATION, name)


def mask_of(facts: ReportFacts) -> Mask:
    """Return the mask for a case's report."""
    return case_mask(facts.case.tickets, facts.policy, facts.analysis)


def case_mask(tickets: tuple[Ticket, ...], policy: Policy, analysis: Analysis | None) -> Mask:
    """Return the mask for a case: its people are known values, and its accounts where their names are left out."""
    if "account_names" in policy.leave_out:
        cohort = analysis.cohort if analysis else None
        names = {ticket.account_name or "" for ticket in tickets}
        if cohort:
            names |= {account.name for account in cohort.affected} | {left.name for left in cohort.left_out}
        policy = replace(policy, known=(*policy.known, *sorted(name for name in names if len(name) >= _SHORTEST)))
    return Mask(policy=policy, known=personal_values(tickets))


def personal_values(tickets: tuple[Ticket, ...]) -> tuple[str, ...]:
    """Return the people's names and addresses of the tickets, longest first; single words are too common to mask."""
    values = {ticket.requester_email.strip() for ticket in tickets}
    values |= {ticket.requester_name.strip() for ticket in tickets if " " in ticket.requester_name.strip()}
    values |= {comment.author.strip() for ticket in tickets for comment in ticket.comments if " " in comment.author.strip()}
    return tuple(sorted((value for value in values if len(value) >= _SHORTEST), key=lambda value: (-len(value), value)))


def ticket_views(facts: ReportFacts) -> tuple[TicketView, ...]:
    """Return the case's tickets, oldest first."""
    mask = mask_of(facts)
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
            account=mask.account(ticket.account_name or ticket.account_id or "unknown account"),
            created_at=ticket.created_at,
            priority=ticket.priority or "none",
            status=ticket.status,
            subject=mask.subject(ticket.subject),
            part=parts.get(ticket.id, "in the case"),
        )
        for ticket in facts.case.tickets
    ]
    return tuple(sorted(views, key=lambda view: (view.created_at, view.id)))


def masked_analysis(facts: ReportFacts, mask: Mask | None = None) -> Analysis:
    """Return the analysis as the report's readers may see it: log lines, templates, subjects, statements and names of accounts."""
    mask = mask or mask_of(facts)
    logged = "log_lines" not in facts.policy.leave_out

    def lines(values: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
        return tuple(replace(line, message=mask.words(line.message)) for line in values) if logged else ()

    def cohort(value: Cohort) -> Cohort:
        return replace(
            value,
            affected=tuple(replace(account, name=mask.account(account.name)) for account in value.affected),
            left_out=tuple(replace(left, name=mask.account(left.name)) for left in value.left_out),
        )

    analysis = facts.analysis
    return replace(
        analysis,
        cohort=cohort(analysis.cohort) if analysis.cohort else None,
        excerpts=tuple(replace(value, lines=lines(value.lines)) for value in analysis.excerpts) if logged else (),
        novelties=tuple(
            replace(value, template=mask.words(value.template), exemplars=lines(value.exemplars)) for value in analysis.novelties
        ),
        related=tuple(replace(value, subject=mask.subject(value.subject)) for value in analysis.related),
        findings=tuple(replace(value, statement=mask.words(value.statement)) for value in analysis.findings),
    )


def masked_counts(facts: ReportFacts) -> dict[str, int]:
    """Return how many values of each kind are masked in the report's texts."""
    mask = mask_of(facts)
    masked_analysis(facts, mask)
    for ticket in facts.case.tickets:
        mask.subject(ticket.subject)
        mask.account(ticket.account_name or "")
    return dict(sorted(mask.counts.items()))


def masked_reproduction(facts: ReportFacts) -> Reproduction | None:
    """Return the reproduction with personal values masked in what its steps send."""
    made, mask = facts.reproduction, mask_of(facts)
    return replace(made, steps=tuple(replace(step, words=mask.words(step.words)) for step in made.steps)) if made else None


def quoted(facts: ReportFacts) -> tuple[str, ...]:
    """Return the words in the report that are not ours: gates about our wording leave them out."""
    analysis = masked_analysis(facts)
    texts = {view.subject for view in ticket_views(facts)} | {view.account for view in ticket_views(facts)}
    texts |= {item.template for item in analysis.novelties} | {item.subject for item in analysis.related}
    if analysis.cohort:
        texts |= {account.name for account in analysis.cohort.affected} | {left.name for left in analysis.cohort.left_out}
    return tuple(sorted((text.strip() for text in texts if text.strip()), key=lambda text: (-len(text), text)))
