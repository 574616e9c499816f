"""Everything a report is made of, and the part of it that a template may see."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TypeVar, cast

from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.evidence import Provenance
from bridge.model.finding import AffectedAccount, Analysis, LeftOut, LogLine
from bridge.model.investigation import Investigation
from bridge.model.privacy import Policy
from bridge.model.reproduction import Reproduction
from bridge.model.ticket import Ticket
from bridge.text.redact.kinds import EMAIL, KNOWN, ORGANIZATION, PERSON
from bridge.text.redact.pseudonyms import Labels, labelled
from bridge.text.redact.redactor import Redactor, redactor

LEFT_OUT = "(left out)"
_SHORTEST = 5
"""Shorter names are words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """An issue that may be about the same thing, as `bridge similar` ranked it."""

    id: str
    title: str
    verdict: str
    why: str
    score: float


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
    available: frozenset[str] = frozenset({"accounts", "changes"})
    """Sources that are there at all: accounts, changes, target; the score's ceiling follows from them."""
    seen: tuple[datetime, datetime] | None = None
    """First and last log event of what is new, where no onset was determined."""
    alike: tuple[Alike, ...] | None = None
    """Issues that may be the same; None: nobody has looked."""
    searched: str = ""
    """Where issues that may be the same were looked for."""
    promise: str = ""
    """What the customer was promised, in an analyst's words; `none`: nothing; empty: nobody has said."""


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
    """Return the mask for a case: its people are known values, and its accounts where they are left out."""
    cohort = analysis.cohort if analysis else None
    rows: tuple[AffectedAccount | LeftOut, ...] = (*cohort.affected, *cohort.left_out) if cohort else ()
    more: set[str] = set()
    if "account_names" in policy.leave_out:
        more |= {ticket.account_name or "" for ticket in tickets} | {row.name for row in rows}
    if "accounts" in policy.leave_out:
        more |= {ticket.account_id or "" for ticket in tickets} | {row.account_id for row in rows}
    if more:
        policy = replace(policy, known=(*policy.known, *sorted(value for value in more if len(value) >= _SHORTEST)))
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


_AS_IT_IS = frozenset(
    [
        "id",
        "kind",
        "level",
        "name",
        "account_id",
        "ticket_id",
        "trace_id",
        "template_id",
        "evidence",
        "plan",
        "region",
        "tickets",
        "file",
        "day",
        "axis",
        "unit",
        "trend",
        "policy",
        "check",
        "service",
        "attribute",
        "value",
        "q_value",
        "method",
        "route",
    ]
)
"""Fields that hold ids, our own words or attributes of accounts: names of accounts go through `Mask.account` instead."""


def masked_analysis(facts: ReportFacts, mask: Mask | None = None) -> Analysis:
    """Return the analysis as the report's readers may see it: every text in it is masked, and what the policy leaves out is gone."""
    mask = mask or mask_of(facts)
    gone = facts.policy.leave_out
    analysis = _masked(facts.analysis, mask)
    cohort = analysis.cohort
    if cohort:
        affected = tuple(replace(account, name=mask.account(account.name)) for account in cohort.affected)
        left_out = () if "accounts" in gone else tuple(replace(left, name=mask.account(left.name)) for left in cohort.left_out)
        cohort = replace(cohort, affected=affected, left_out=left_out)
    if "log_lines" in gone:
        novelties = tuple(replace(item, exemplars=()) for item in analysis.novelties)
        analysis = replace(analysis, excerpts=(), novelties=novelties)
    elif "accounts" in gone:
        excerpts = tuple(replace(item, lines=_nobodys(item.lines)) for item in analysis.excerpts)
        novelties = tuple(replace(item, exemplars=_nobodys(item.exemplars)) for item in analysis.novelties)
        analysis = replace(analysis, excerpts=excerpts, novelties=novelties)
    if "revenue" in gone:
        analysis = replace(analysis, findings=tuple(finding for finding in analysis.findings if finding.kind != "impact"))
    related = () if "subjects" in gone else analysis.related
    return replace(analysis, cohort=cohort, related=related)


def _nobodys(lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
    return tuple(replace(line, account_id=None) for line in lines)


_T = TypeVar("_T")


def _masked(value: _T, mask: Mask) -> _T:
    """Return a value of the model with every text in it masked, fields of `_AS_IT_IS` left alone."""
    if isinstance(value, str):
        return cast("_T", mask.words(value))
    if isinstance(value, tuple):
        return cast("_T", tuple(_masked(item, mask) for item in value))
    if is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value) if field.init and field.name not in _AS_IT_IS}
        new = {name: _masked(item, mask) for name, item in old.items() if isinstance(item, str | tuple) or is_dataclass(item)}
        changed = {name: item for name, item in new.items() if item != old[name]}
        return replace(value, **changed) if changed else value
    return value


def masked_alike(facts: ReportFacts) -> tuple[Alike, ...] | None:
    """Return the issues that may be the same, their titles masked; a destination outside sees none of them."""
    if facts.alike is None or "subjects" in facts.policy.leave_out:
        return None
    mask = mask_of(facts)
    return tuple(replace(item, title=mask.words(item.title), why=mask.words(item.why)) for item in facts.alike)


def masked_counts(facts: ReportFacts) -> dict[str, int]:
    """Return how many values of each kind are masked in the report's texts."""
    mask = mask_of(facts)
    masked_analysis(facts, mask)
    for ticket in facts.case.tickets:
        mask.subject(ticket.subject)
        mask.account(ticket.account_name or "")
    return dict(sorted(mask.counts.items()))


def kinds_found(facts: ReportFacts) -> dict[str, int]:
    """Return how many values of each kind the report's texts hold, whatever is done with them."""
    return masked_counts(replace(facts, policy=replace(facts.policy, keep=())))


def masked_reproduction(facts: ReportFacts) -> Reproduction | None:
    """Return the reproduction with personal values masked in all its texts; its account is gone where accounts are left out."""
    if facts.reproduction is None:
        return None
    given = facts.reproduction
    if facts.policy.key:
        # Its requests hold pseudonyms already; masked once more, a person would have two labels.
        given = replace(
            given, steps=tuple(replace(step, words=labelled(step.words)) for step in given.steps), oracle=labelled(given.oracle)
        )
    made = _masked(given, mask_of(facts))
    return replace(made, account="(left out)") if "accounts" in facts.policy.leave_out else made


def quoted(facts: ReportFacts) -> tuple[str, ...]:
    """Return the words in the report that are not ours: gates about our wording leave them out."""
    analysis = masked_analysis(facts)
    texts = {view.subject for view in ticket_views(facts)} | {view.account for view in ticket_views(facts)}
    texts |= {item.template for item in analysis.novelties} | {item.subject for item in analysis.related}
    texts |= {text for item in analysis.sequences for text in (item.missing, item.follows, item.instead or "")}
    texts |= {text for item in masked_alike(facts) or () for text in (item.title, item.why)}
    if analysis.cohort:
        texts |= {account.name for account in analysis.cohort.affected} | {left.name for left in analysis.cohort.left_out}
    return tuple(sorted((text.strip() for text in texts if text.strip()), key=lambda text: (-len(text), text)))
