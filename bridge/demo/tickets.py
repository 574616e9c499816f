"""The demo's help desk: who wrote what and when, as JSON-able values in the shape of the sandbox's seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np

from bridge.demo.accounts import Account
from bridge.demo.company import Company, build
from bridge.demo.exports import EXPIRED, FAILING, OWN_FILTER
from bridge.demo.names import PEOPLE, slug
from bridge.demo.phrases import (
    ABOUT_THE_DEFECT,
    AGENT_ANSWER,
    BY_AFFECTED,
    BY_ANYONE,
    INTERNAL_NOTES,
    SECOND_THOUGHTS,
    Phrase,
)
from bridge.demo.phrases import EXPIRED as EXPIRED_WORDS
from bridge.demo.phrases import OWN_FILTER as OWN_FILTER_WORDS
from bridge.demo.truth import Truth

AGENT = 1
FIRST_TICKET = 1001
_FIRST_USER = 2001
_FIRST_ORGANIZATION = 5001

About = Literal["defect", "own filter", "expired credentials", "something else"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTicket:
    """One ticket and what it is really about."""

    account: int
    """Index into the company's accounts."""
    about: About
    at: datetime
    phrase: Phrase
    language: str
    person: int
    """0 or 1: which of the account's two people writes."""


def demo_tickets(truth: Truth) -> tuple[DemoTicket, ...]:
    """Return all tickets in order of their time; the n-th has the id 1001 + n. Each is written after what it is about."""
    company = build(truth)
    draw = random.Random(f"tickets {truth.seed}")
    made = [*_about_the_defect(draw, company), *_about_other_things(draw, company)]
    return tuple(sorted(made, key=lambda ticket: (ticket.at, ticket.account)))


def seed(truth: Truth) -> dict[str, Any]:
    """Return what the sandbox's help desk starts with: organizations (all accounts), users, tickets. Times are ISO 8601 UTC.

    The shape is that of `bridge.sandbox.seed.SandboxSeed`; the tracker's project is left to its default.
    """
    company = build(truth)
    tickets = demo_tickets(truth)
    writers = sorted({(ticket.account, ticket.person) for ticket in tickets})
    users = {who: _FIRST_USER + number for number, who in enumerate(writers)}
    draw = random.Random(f"desk {truth.seed}")
    return {
        "organizations": [
            {"id": _FIRST_ORGANIZATION + index, "name": account.name, "external_id": account.id, "domain_names": [account.domain]}
            for index, account in enumerate(company.accounts)
        ],
        "users": [_user(company, users[who], *who) for who in writers],
        "tickets": [
            _ticket(draw, company, ticket, number=FIRST_TICKET + index, user=users[ticket.account, ticket.person], turn=index)
            for index, ticket in enumerate(tickets)
        ],
    }


def _about_the_defect(draw: random.Random, company: Company) -> list[DemoTicket]:
    truth, roles = company.truth, company.roles
    extra = truth.tickets - truth.wrote
    authors = [*roles.writers, *(roles.writers[index % truth.wrote] for index in draw.sample(range(truth.wrote), min(extra, truth.wrote)))]
    pools = {language: _pool(draw, phrases) for language, phrases in ABOUT_THE_DEFECT.items()}
    made: list[DemoTicket] = []
    for turn, account in enumerate(authors):
        language = company.accounts[account].language
        if not pools[language]:
            language = "de" if language == "en" else "en"
        again = turn >= truth.wrote
        at = _after(draw, company, FAILING, account, later=again)
        made.append(DemoTicket(account=account, about="defect", at=at, phrase=pools[language].pop(0), language=language, person=int(again)))
    return made


def _pool(draw: random.Random, phrases: Sequence[Phrase]) -> list[Phrase]:
    """Mix the phrases, those with hostile characters first, so that they are always used."""
    hostile, plain = list(phrases[:4]), list(phrases[4:])
    draw.shuffle(plain)
    return [*hostile, *plain]


def _about_other_things(draw: random.Random, company: Company) -> list[DemoTicket]:
    """Eight by default: two about an own filter, one about expired credentials, two by affected accounts, three by anyone."""
    truth, roles = company.truth, company.roles
    silent = [account for account in roles.affected if account not in roles.writers]
    busy = {*roles.affected, *roles.once, *roles.empty_filter, *roles.expired}
    anyone = draw.sample([account for account in range(truth.accounts) if account not in busy], 3)
    plan: list[tuple[int, About, dict[str, Phrase]]] = [
        (account, "own filter", _by_language(OWN_FILTER_WORDS, turn)) for turn, account in enumerate(roles.empty_filter[:2])
    ]
    plan += [(account, "expired credentials", EXPIRED_WORDS) for account in roles.expired[:1]]
    for turn, account in enumerate((roles.writers[0], silent[0])):
        plan.append((account, "something else", _by_language(BY_AFFECTED, turn)))
    plan += [(account, "something else", _by_language(BY_ANYONE, turn)) for turn, account in enumerate(anyone)]
    kinds = {"own filter": OWN_FILTER, "expired credentials": EXPIRED}
    made = []
    for account, about, words in plan[: truth.other_tickets]:
        language = company.accounts[account].language
        at = _after(draw, company, kinds[about], account, later=about == "own filter") if about in kinds else _any_time(draw, truth)
        made.append(DemoTicket(account=account, about=about, at=at, phrase=words[language], language=language, person=0))
    return made


def _by_language(words: dict[str, tuple[Phrase, ...]], turn: int) -> dict[str, Phrase]:
    return {language: phrases[turn % len(phrases)] for language, phrases in words.items()}


def _after(draw: random.Random, company: Company, kind: int, account: int, *, later: bool = False) -> datetime:
    """Return a moment hours after the account's first (or last) export of a kind, before the workspace's now."""
    exports, truth = company.exports, company.truth
    ends = exports.end[(exports.kind == kind) & (exports.account == account)]
    event = datetime.fromtimestamp(int(np.max(ends) if later else np.min(ends)) / 1e6, tz=UTC)
    latest = truth.as_of - timedelta(hours=1)
    wait = timedelta(minutes=draw.randint(4 * 60, 30 * 60))
    at = event + wait if event + wait < latest else event + (latest - event) * draw.uniform(0.3, 0.9)
    return at.replace(second=draw.randint(0, 59), microsecond=0)


def _any_time(draw: random.Random, truth: Truth) -> datetime:
    return truth.start + timedelta(days=draw.randint(1, truth.days - 1), minutes=draw.randint(7 * 60, 18 * 60), seconds=draw.randint(0, 59))


def _person(account: Account, index: int, turn: int) -> tuple[str, str]:
    names = PEOPLE[account.language]
    name = names[(index + 7 * turn) % len(names)]
    return name, f"{slug(name).replace('-', '.')}@{account.domain}"


def _user(company: Company, number: int, account: int, person: int) -> dict[str, Any]:
    name, mail = _person(company.accounts[account], account, person)
    return {"id": number, "name": name, "email": mail, "organization_id": _FIRST_ORGANIZATION + account, "role": "end-user"}


def _ticket(draw: random.Random, company: Company, ticket: DemoTicket, *, number: int, user: int, turn: int) -> dict[str, Any]:
    subject, body = ticket.phrase
    account = company.accounts[ticket.account]
    name, mail = _person(account, ticket.account, ticket.person)
    if turn % 3 == 0:
        body += f"\n\n{'Viele Grüße' if ticket.language == 'de' else 'Kind regards'}\n{name}\n{account.name}\n{mail}\n+1 (303) 555-01{turn % 90 + 10}"
    comments = _comments(draw, company, ticket, user, turn)
    status = "new" if not comments else ("open", "open", "pending", "hold")[turn % 4]
    if ticket.about == "something else" and comments:
        status = "solved"
    updated = max([ticket.at, *(comment[0] for comment in comments)])
    tags = {
        "defect": ["export"],
        "own filter": ["export", "filter"],
        "expired credentials": ["export", "storage"],
        "something else": ["general"],
    }
    return {
        "id": number,
        "subject": subject,
        "description": body,
        "requester_id": user,
        "created_at": ticket.at.isoformat(),
        "updated_at": updated.isoformat(),
        "status": status,
        "priority": draw.choice(
            (None, "low", "normal", "normal", "high", "urgent") if ticket.about == "defect" else (None, "low", "normal")
        ),
        "tags": [*tags[ticket.about], ticket.language],
        "comments": [
            {"author_id": author, "body": words, "public": public, "created_at": at.isoformat()} for at, author, words, public in comments
        ],
        "assignee_id": AGENT if comments else None,
    }


def _comments(draw: random.Random, company: Company, ticket: DemoTicket, user: int, turn: int) -> list[tuple[datetime, int, str, bool]]:
    """Every other ticket was answered, some customers wrote again, and on a few an agent left a note for colleagues."""
    if turn % 2:
        return []
    room = company.truth.as_of - ticket.at
    made = [(0.3, AGENT, AGENT_ANSWER[ticket.language], True)]
    if ticket.about == "defect":
        if turn % 4 == 0:
            made.append((0.5, AGENT, INTERNAL_NOTES[turn // 4 % len(INTERNAL_NOTES)], False))
        if turn % 6 == 0:
            made.append((0.7, user, draw.choice(SECOND_THOUGHTS[ticket.language]), True))
    return [
        ((ticket.at + min(room, timedelta(hours=20)) * share).replace(microsecond=0), author, words, public)
        for share, author, words, public in made
    ]
