"""Follow what was filed: every filing once, its tickets told, and what else a person should know."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from string import Template
from typing import TYPE_CHECKING

from bridge import resources
from bridge.errors import BridgeError, InputError, NotFoundError
from bridge.filing import memory
from bridge.filing.follow import Followed, send_draft
from bridge.filing.follow import follow as follow_filing
from bridge.filing.ledger import Filing, Ledger
from bridge.filing.run import Run
from bridge.filing.settings import FilingSettings, read_settings
from bridge.model.window import Window
from bridge.text.symptoms import matching_phrases
from bridge.workflow.events import StepStarted, Warned
from bridge.workflow.filing import events, make

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.filing.memory import Draft
    from bridge.filing.plan import FilingPlan
    from bridge.filing.words import Occasion
    from bridge.workflow.case_store import CaseStore
    from bridge.workflow.context import Context

_REPLIES = "replies"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """A ticket that may belong to a case that is filed."""

    case_id: str
    ticket_id: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one round of following came to."""

    followed: tuple[Followed, ...]
    new_tickets: tuple[NewTicket, ...]
    drafts: tuple[Draft, ...]
    """All answers that wait for approval."""
    failed: tuple[str, ...]
    """Cases that could not be looked at, and why."""

    @property
    def writes(self) -> int:
        """Return how many outside writes the round made."""
        return sum(item.writes for item in self.followed)


def follow(context: Context, case_ids: Sequence[str] = ()) -> Look:
    """Look at the issues of these cases, or of all, once; one that fails does not stop the others."""
    settings = filing_settings(context)
    followed: list[Followed] = []
    failed: list[str] = []
    new: list[NewTicket] = []
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        for filing in wanted(ledger, context.cases, case_ids):
            context.emit(StepStarted(source=filing.case_id, what="following"))
            plans = plans_of(context, ledger, filing)
            try:
                with ledger.hold(filing):
                    answers = answers_of(context)
                    followed.append(
                        follow_filing(run_of(context, ledger, filing, settings), settings=settings, plans=plans, answers=answers)
                    )
                new += _new_tickets(context, ledger, filing)
            except BridgeError as error:
                failed.append(f"{filing.case_id}: {error.message}")
                context.emit(Warned(message=failed[-1]))
        waiting = memory.drafts(ledger)
    return Look(followed=tuple(followed), new_tickets=tuple(new), drafts=waiting, failed=tuple(failed))


def waiting_drafts(context: Context) -> tuple[Draft, ...]:
    """Return the answers that wait for approval, from the ledger alone."""
    if not context.ledger_path.exists():
        return ()
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        return memory.drafts(ledger)


def send(context: Context, numbers: Sequence[str], *, text: str = "") -> tuple[Draft, ...]:
    """Send these drafts to their customers: the person who names them approves them. NotFoundError names unknown ones.

    `text` replaces the words of the one draft that is named.
    """
    if text and len(numbers) != 1:
        raise InputError("a text of your own is for one draft", hint="bridge follow --send D3 --text answer.txt")
    sent: list[Draft] = []
    settings = filing_settings(context)
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        chosen = [memory.draft(ledger, number) for number in numbers]
        for draft in chosen:
            if draft.state == "dropped":
                raise InputError(f"draft D{draft.id} was overtaken by a later one", hint="see them: bridge follow --drafts")
            if draft.state == "open" and "|needs information|" in draft.occasion and not text:
                raise InputError(
                    f"draft D{draft.id} needs the question in your words", hint=f"bridge follow --send D{draft.id} --text answer.txt"
                )
            filing = next(item for item in ledger.filings() if item.fingerprint == draft.fingerprint)
            chosen_text = replace(draft, body=text.strip()) if text else draft
            with ledger.hold(filing):
                if draft.state == "open":
                    send_draft(run_of(context, ledger, filing, settings), chosen_text)
            sent.append(chosen_text)
    return tuple(sent)


def drop(context: Context, numbers: Sequence[str]) -> tuple[Draft, ...]:
    """Throw these drafts away."""
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        chosen = [memory.draft(ledger, number) for number in numbers]
        for draft in chosen:
            filing = next(item for item in ledger.filings() if item.fingerprint == draft.fingerprint)
            with ledger.hold(filing):
                memory.close_draft(ledger, filing, draft.id, "dropped")
    return tuple(chosen)


def wanted(ledger: Ledger, cases: CaseStore, case_ids: Sequence[str]) -> tuple[Filing, ...]:
    """Return the filings of these cases, or all that have an issue; NotFoundError names a case that is not there or not filed."""
    for case_id in case_ids:
        if ledger.filing_of(case_id) is None:
            cases.load(case_id)  # an id that is not there is told as such
            raise NotFoundError(f"{case_id} is not filed", hint=f"file it: bridge file {case_id}")
    kept = {filing.fingerprint for case_id in case_ids if (filing := ledger.filing_of(case_id)) is not None}
    return tuple(filing for filing in ledger.filings() if ledger.issue(filing.fingerprint) and (not case_ids or filing.fingerprint in kept))


def filing_settings(context: Context) -> FilingSettings:
    """Return the checked settings for filing."""
    tracker = context.workspace.tracker_config()
    return read_settings(tracker.values, context.workspace.filing, where=tracker.where)


def run_of(context: Context, ledger: Ledger, filing: Filing, settings: FilingSettings) -> Run:
    """Return a run over the workspace's ports."""
    return Run(
        ledger=ledger,
        filing=filing,
        tracker=context.connections.tracker(),
        tickets=context.connections.tickets(),
        clock=context.clock,
        emit=events(context.emit),
        recreate=False,
        settle_seconds=settings.settle_seconds,
    )


def plans_of(context: Context, ledger: Ledger, filing: Filing) -> tuple[FilingPlan, ...]:
    """Return the plans of a filing's cases, as far as their folders are there."""
    found: list[FilingPlan] = []
    for case_id in ledger.cases_of(filing.fingerprint):
        try:
            found.append(make(context, context.cases.load(case_id), ledger))
        except BridgeError as error:
            context.emit(Warned(message=f"{case_id}: {error.message}"))
    return tuple(found)


def answers_of(context: Context) -> Callable[[Occasion, str, Mapping[str, str]], str | None]:
    """Return what makes an answer: templates/replies/<word>.<language>.txt, the workspace's over the built-in ones."""
    folders = (context.workspace.root / "templates" / _REPLIES, resources.folder("templates") / _REPLIES)

    def answer(said: Occasion, language: str, values: Mapping[str, str]) -> str | None:
        for folder in folders:
            path = folder / f"{said.slug}.{language}.txt"
            if path.is_file():
                # safe_substitute: a customer's $ stays a $, an unknown name stays visible for the person who approves.
                return Template(path.read_text(encoding="utf-8")).safe_substitute(values).strip()
        return None

    return answer


def _new_tickets(context: Context, ledger: Ledger, filing: Filing) -> list[NewTicket]:
    """Find tickets of affected accounts, opened since, that tell of the same symptom and belong to nothing yet."""
    found: list[NewTicket] = []
    linked = set(ledger.linked(filing.fingerprint))
    for case_id in ledger.cases_of(filing.fingerprint):
        try:
            case, analysis = context.cases.load(case_id), context.cases.load_analysis(case_id)
            symptoms = context.catalog.get(case.investigation).symptoms
        except BridgeError:
            continue  # its folder is not here, or is told about where the plan is made
        known = linked | {ticket.id for ticket in case.tickets} | {item.ticket_id for item in analysis.related}
        accounts = [account.account_id for account in analysis.cohort.affected] if analysis.cohort else []
        now = context.clock.now() + timedelta(minutes=5)
        if not accounts or now <= case.created_at:  # a clock that was set back
            continue
        for ticket in context.connections.tickets().of_accounts(accounts, Window(start=case.created_at, end=now)):
            words = matching_phrases(f"{ticket.subject}\n{ticket.body}", symptoms)
            if ticket.id not in known and words:
                found.append(NewTicket(case_id=case_id, ticket_id=ticket.id, subject=ticket.subject, why=", ".join(words)))
    return found
