"""Cohort: who is affected by the investigation's rule, who of them wrote, and who was left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.analysis.events import moment, require
from bridge.model.finding import AffectedAccount, Cohort, LeftOut, RelatedTicket
from bridge.text.symptoms import matching_phrases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from bridge.analysis.events import Events
    from bridge.model.investigation import Investigation
    from bridge.model.ticket import Ticket

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One row of the accounts view."""

    account_id: str
    name: str
    plan: str
    region: str
    arr: Decimal
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The rule's verdict by exposed account, in the order of `Events.accounts`."""

    failures: Any
    """int64 counts."""
    affected: Any
    """bool."""
    control: Any
    """bool: exposed, nothing failed."""


def accounts_of(table: pa.Table | None, name: str = "population") -> dict[str, Account]:
    """Read the accounts view by id, sorted; money in the workspace's currency, a year."""
    if table is None:
        return {}
    require(table, ("account_id",), name)
    rows = {str(row["account_id"]): row for row in table.to_pylist() if row["account_id"] is not None}
    return {
        key: Account(
            account_id=key,
            name=str(row.get("name") or key),
            plan=str(row.get("plan") or ""),
            region=str(row.get("region") or ""),
            arr=_money(row.get("arr")),
            seats=int(row.get("seats") or 0),
        )
        for key, row in sorted(rows.items())
    }


def membership(events: Events, minimum: int) -> Membership:
    """Apply the rule: at least `minimum` failing events."""
    failures = events.per_account(events.failed)
    return Membership(failures=failures, affected=failures >= max(1, minimum), control=failures == 0)


def related_tickets(
    events: Events, members: Membership, tickets: Sequence[Ticket], candidates: Sequence[Ticket], investigation: Investigation
) -> tuple[RelatedTicket, ...]:
    """Return candidates by affected accounts, written since their first failure, whose words match a symptom."""
    first = _first_failure(events, members)
    known = {ticket.id for ticket in tickets}
    related = []
    for ticket in sorted({ticket.id: ticket for ticket in candidates}.values(), key=lambda t: (t.created_at, t.id)):
        began = first.get(ticket.account_id or "")
        if began is None or ticket.created_at < moment(began):
            continue
        phrases = matching_phrases(f"{ticket.subject}\n{ticket.body}", investigation.symptoms)
        if phrases:
            why = "writes of " + ", ".join(f"'{phrase}'" for phrase in phrases)
            related.append(
                RelatedTicket(
                    ticket_id=ticket.id, account_id=str(ticket.account_id), subject=ticket.subject, why=why, included=ticket.id in known
                )
            )
    return tuple(related)


def cohort(
    events: Events,
    members: Membership,
    accounts: Mapping[str, Account],
    investigation: Investigation,
    minimum: int,
    tickets: Sequence[Ticket],
    related: Sequence[RelatedTicket],
) -> Cohort:
    """Put the cohort together; tickets of the case and related ones count for the account that wrote them."""
    written: dict[str, list[str]] = {}
    for account_id, ticket_id in [(t.account_id, t.id) for t in tickets] + [(r.account_id, r.ticket_id) for r in related]:
        if account_id is not None and ticket_id not in written.setdefault(account_id, []):
            written[account_id].append(ticket_id)
    total = events.per_account()
    first, last = _first_failure(events, members), _last_failure(events)
    affected = []
    for index in np.flatnonzero(members.affected):
        key = events.accounts[index]
        account = accounts.get(key) or unknown(key)
        affected.append(
            AffectedAccount(
                account_id=key,
                name=account.name,
                plan=account.plan,
                region=account.region,
                arr=account.arr,
                seats=account.seats,
                failures=int(members.failures[index]),
                events=int(total[index]),
                first_failure=moment(first[key]),
                last_failure=moment(last[key]),
                tickets=tuple(sorted(written.get(key, ()))),
            )
        )
    return Cohort(
        rule=f"at least {minimum} failing {investigation.subject} in the window",
        affected=tuple(sorted(affected, key=lambda a: (-a.arr, a.account_id))),
        left_out=_left_out(events, members, accounts, minimum, {t.account_id for t in tickets}, written),
        population=max(len(accounts), len(events.accounts)),
        exposed=len(events.accounts),
        control=int(np.count_nonzero(members.control)),
    )


def unknown(account_id: str) -> Account:
    """Return an account that has events and no row in the accounts view."""
    return Account(account_id=account_id, name=account_id, plan="", region="", arr=ZERO, seats=0)


def _left_out(
    events: Events,
    members: Membership,
    accounts: Mapping[str, Account],
    minimum: int,
    writers: set[str | None],
    written: Mapping[str, Sequence[str]],
) -> tuple[LeftOut, ...]:
    position = {key: index for index, key in enumerate(events.accounts)}
    total = events.per_account()
    below = {events.accounts[i] for i in np.flatnonzero((members.failures > 0) & ~members.affected)}
    out = []
    for key in sorted(below | {writer for writer in writers if writer is not None}):
        index = position.get(key)
        if index is not None and members.affected[index]:
            continue
        if index is None:
            why = "no events in the window"
        elif members.failures[index]:
            why = f"{members.failures[index]} failing of {total[index]} events, the rule asks for {minimum}"
        else:
            why = f"none of its {total[index]} events failed by the rule"
        account = accounts.get(key) or unknown(key)
        out.append(LeftOut(account_id=key, name=account.name, why=why, tickets=tuple(sorted(written.get(key, ())))))
    return tuple(out)


def _first_failure(events: Events, members: Membership) -> dict[str, int]:
    """Return microseconds of the first failure by affected account."""
    rows = np.flatnonzero(events.failed)[::-1]
    first = dict(zip(events.account[rows].tolist(), events.at[rows].tolist(), strict=True))
    return {events.accounts[index]: first[index] for index in np.flatnonzero(members.affected).tolist()}


def _last_failure(events: Events) -> dict[str, int]:
    rows = np.flatnonzero(events.failed)
    last = dict(zip(events.account[rows].tolist(), events.at[rows].tolist(), strict=True))
    return {events.accounts[index]: at for index, at in last.items()}


def _money(value: object) -> Decimal:
    if value is None:
        return ZERO
    return (value if isinstance(value, Decimal) else Decimal(str(value))).quantize(ZERO)
