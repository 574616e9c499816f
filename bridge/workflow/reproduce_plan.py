"""Before anything is sent: which recorded failure, which requests, which rules."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import InputError, NotFoundError
from bridge.model.exchange import Exchange, Recording
from bridge.reporting.facts import personal_values
from bridge.reproduction import safety
from bridge.reproduction.atoms import json_of, route
from bridge.reproduction.capture import scrub
from bridge.reproduction.identities import anonymous, without_stand_ins
from bridge.reproduction.links import entity_slice, scenario_of
from bridge.reproduction.oracle import Check, Oracle, of_error, parse_check, propose
from bridge.reproduction.pages import absent_oracle, lost
from bridge.reproduction.people import Pseudonyms
from bridge.reproduction.scenario import Scenario
from bridge.reproduction.search import CONFIRM, DETECTION, MEASURE, Search, Trust
from bridge.reproduction.sources import read as read_recording
from bridge.text.redact.kinds import EMAIL, ORGANIZATION, PERSON
from bridge.text.redact.known import kind_of
from bridge.workflow.data_slice import Load
from bridge.workflow.evidence_store import EvidenceStore
from bridge.workflow.reproduction_settings import DataSettings, TargetSettings, read, target

if TYPE_CHECKING:
    from bridge.model.finding import Analysis
    from bridge.workflow.context import Context

_ERROR = 500
_KEY_FIELDS = ("id", "key", "uuid")


OpenRows = Callable[[str, str], AbstractContextManager[Load]]


def no_rows(product: str, address: str) -> AbstractContextManager[Load]:
    """Refuse: nothing was given that writes rows."""
    raise InputError(f"rows can't be loaded into {product} {address.partition('@')[2]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the caller asked for."""

    target: str
    har: Path | None = None
    session: str = "account"
    """account, user or trace: whose requests before the failure are taken."""
    anchor: int | None = None
    """Number of the failing request in the recording, from 1; None: found from the case."""
    checks: tuple[str, ...] = ()
    """What its answer shows; empty: proposed from the case."""
    absent: int | None = None
    """Number of the recorded request whose thing stands on none of the failing request's pages."""
    gaps: float | None = None
    """Recorded gaps times this, on a target without a test clock; None: none, then kept, then stretched."""
    open_rows: OpenRows = no_rows
    """Opens the target's sandbox database: product and address."""
    confirmed: frozenset[str] = frozenset()
    runs: int = MEASURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Ready to be shown, or sent."""

    scenario: Scenario
    settings: TargetSettings
    account: str
    chosen: str
    """Why this failure of this session."""
    limits: tuple[str, ...]
    """What the record can't tell, and what was left out."""
    source: str
    slice_size: int
    known: tuple[str, ...]
    """Recorded identities: they must not be in any artefact."""
    people: Pseudonyms
    """One map for requests and rows; the report's labels carry the same digits."""
    data: DataSettings | None = None

    @property
    def writes(self) -> int:
        """How many of the requests may write."""
        return sum(safety.danger(step.request) != "read" for step in self.scenario.steps)

    def cost(self, count: int) -> int:
        """Return what one replay of so many steps sends at most: with a clock it is set before each, and given back."""
        return count * (2 if self.settings.clock else 1) + (self.settings.reset is not None) + (self.settings.clock is not None)

    @property
    def estimate(self) -> tuple[int, int]:
        """Replays and requests, about: the whole a few times, then mostly small ones (a logarithm of the length).

        What bounds them is the budget of requests, `settings.rules.requests`: there the search stops, and says so.
        """
        count = len(self.scenario.steps)
        search, short = 3 * count.bit_length() + 6, CONFIRM + MEASURE + 4 * count.bit_length()
        sent = (DETECTION + 1) * self.cost(count) + search * self.cost(count // 6 + 1) + short * self.cost(8)
        return DETECTION + 1 + search + short, sent


def prepare(context: Context, case_id: str, wanted: Wanted) -> Prepared:
    """Choose the failure, cut the session, find the links. Reads files only."""
    settings = read(context.workspace)
    if wanted.absent is not None and wanted.anchor is None:
        raise InputError("--absent needs the last page, too", hint="--absent N --anchor M: what request N made stands on no page up to M")
    people_map = _people(context, case_id)
    recordings = _recordings(context, settings.files(context.workspace.root), wanted, people_map)
    found = _by_number(recordings[0], wanted) if wanted.anchor is not None else _from_case(context, case_id, recordings, wanted)
    recording, anchor, chosen, oracle = found
    steps = _session(recording, anchor, wanted.session)
    scenario = scenario_of(steps, oracle, settings.aliases)
    system = target(context.workspace, wanted.target, hosts=recording.hosts, confirmed=wanted.confirmed)
    scenario, left_out = _permitted(scenario, system)
    people = anonymous(scenario.steps)
    linked = {step.index: [link.target for link in scenario.links if link.consumer == step.index] for step in scenario.steps}
    scenario = replace(scenario, steps=tuple(without_stand_ins(step, linked[step.index]) for step in people.steps))
    search = Search(run=lambda _: False, trust=Trust(), producers=scenario.producers(), fixed=scenario.oracle.kept)
    limits = [*recording.notes, *left_out]
    if system.reset is None:
        limits.append("the target has no reset: what an earlier run left there may help a later one to fail")
    return Prepared(
        scenario=scenario,
        settings=system,
        account=anchor.account,
        chosen=chosen,
        limits=tuple(limits),
        source=recording.source,
        slice_size=len(search.closure(entity_slice(scenario))),
        known=people.recorded,
        people=people_map,
        data=settings.data,
    )


def _people(context: Context, case_id: str) -> Pseudonyms:
    """Return the case's map: keyed as its report is; without a key of the workspace, with one for this run alone."""
    privacy = context.workspace.privacy
    policy = privacy.policy(privacy.tracker, case_id=case_id)
    known = [(value, kind_of(value)) for value in policy.known]
    try:
        case = context.cases.load(case_id)
    except NotFoundError:
        case = None  # a failing request that was named needs no case
    if case is not None:
        known += [(value, EMAIL if "@" in value else PERSON) for value in personal_values(case.tickets)]
        if "account_names" in policy.leave_out:
            known += [(ticket.account_name, ORGANIZATION) for ticket in case.tickets if ticket.account_name]
    return Pseudonyms(key=policy.key or os.urandom(32), known=tuple(known))


def _recordings(context: Context, files: Sequence[Path], wanted: Wanted, people: Pseudonyms) -> list[Recording]:
    paths = [wanted.har] if wanted.har else list(files)
    if not paths:
        raise NotFoundError(
            "no recording to reproduce from",
            where=context.workspace.origin("reproduction.recordings"),
            hint="name one: --har FILE, or set reproduction.recordings in bridge.yaml (see docs/reproduction.md)",
        )
    key = os.urandom(32)
    return [scrub(read_recording(_text(path), name=path.name), key, people) for path in paths]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
    except (OSError, EOFError) as error:
        raise NotFoundError(f"the recording can't be read: {error}", where=str(path)) from error


_Found = tuple[Recording, Exchange, str, Oracle]


def _by_number(recording: Recording, wanted: Wanted) -> _Found:
    number = wanted.anchor or 0
    if not 1 <= number <= len(recording.exchanges):
        raise InputError(f"there is no request {number}", where=recording.source, hint=f"it has 1 to {len(recording.exchanges)}")
    anchor = recording.exchanges[number - 1]
    checks = tuple(parse_check(text) for text in wanted.checks)
    if wanted.absent is not None:
        if not 1 <= wanted.absent < number:
            raise InputError(f"request {wanted.absent} is not before request {number}", where=recording.source)
        return (
            recording,
            anchor,
            "named by the caller",
            absent_oracle(recording.exchanges, recording.exchanges[wanted.absent - 1], anchor, checks),
        )
    return recording, anchor, "named by the caller", _oracle(anchor, checks)


def _oracle(anchor: Exchange, checks: tuple[Check, ...]) -> Oracle:
    made = replace(of_error(anchor), checks=checks)
    if anchor.response.status < _ERROR and not checks and not made.error:
        raise InputError(
            f"request {anchor.index + 1} answered {anchor.response.status}: nothing tells this failure from a success",
            hint="say what is wrong in its answer: --check 'rows == 0' --check 'source_rows > 0'",
        )
    body = json_of(anchor.response.body, anchor.response.header("content-type"))
    wrong = [check for check in checks if not check.holds(body)]
    if wrong:
        raise InputError(
            f"the recorded answer of request {anchor.index + 1} does not show {wrong[0]}", hint=f"it shows: {anchor.response.body[:200]}"
        )
    return made


def _from_case(context: Context, case_id: str, recordings: Sequence[Recording], wanted: Wanted) -> _Found:
    """Look for the case's failing events in the recordings: an answer whose id is the event's key."""
    analysis = context.cases.load_analysis(case_id)
    failing, healthy = _keys(context, case_id, analysis)
    order = {account.account_id: rank for rank, account in enumerate(analysis.cohort.affected)} if analysis.cohort else {}
    candidates = []
    for recording in recordings:
        shown = [exchange for exchange in recording.exchanges if _key(exchange) in failing]
        if shown:
            candidates.append((order.get(shown[0].account, len(order)), recording.source, recording, shown))
    if not candidates:
        missing = from_lost(recordings, failing, order)
        if missing is not None:
            return missing
        raise NotFoundError(
            f"no recording shows a failing event of {case_id} ({len(failing)} were looked for in {len(recordings)} recordings)",
            hint="name the failing request yourself: --har FILE --anchor N --check 'rows == 0'",
        )
    candidates.sort(key=lambda found: found[:2])
    _, _, recording, shown = candidates[0]
    anchor = shown[0]
    same = [e for e in shown if route(e.request) == route(anchor.request)]
    fine = [
        e
        for e in recording.exchanges
        if route(e.request) == route(anchor.request) and _key(e) not in failing and e.response.status == anchor.response.status
    ]
    checks = tuple(parse_check(text) for text in wanted.checks) or propose(same, fine)
    rank = order.get(anchor.account)
    place = f"affected account {rank + 1} of {len(order)} by revenue" if rank is not None else "an account of the case"
    events = len({_key(e) for e in shown})
    chosen = (
        f"{anchor.account or 'the session'} is {place}, and of those with a recording the first; request {anchor.index + 1} is the first of its recorded answers "
        f"that show one of the case's {len(failing)} failing events ({events} shown, {len(healthy)} other events of these accounts are fine)"
    )
    return recording, anchor, chosen, _oracle(anchor, checks)


def from_lost(recordings: Sequence[Recording], failing: frozenset[str], order: Mapping[str, int]) -> _Found | None:
    """Look for failing events that are things which were made and then stand on no page of their list."""
    found = [(order.get(made.account, len(order)), recording.source, made.index, recording, made, page)
             for recording in recordings for made, page in lost(recording.exchanges, failing)]  # fmt: skip
    if not found:
        return None
    _, _, _, recording, made, page = min(found, key=lambda each: each[:3])
    chosen = (
        f"request {made.index + 1} made one of the case's {len(failing)} failing things, and no page of its list shows it up to request "
        f"{page.index + 1}; of {len(found)} such things that of the affected account with the highest revenue, the first"
    )
    return recording, page, chosen, absent_oracle(recording.exchanges, made, page)


def _keys(context: Context, case_id: str, analysis: Analysis) -> tuple[frozenset[str], frozenset[str]]:
    case = context.cases.load(case_id)
    investigation = context.catalog.get(case.investigation)
    if investigation.cohort is None or analysis.cohort is None:
        raise InputError(
            f"'{case.investigation}' counts no failing events", hint="name the failing request yourself: --har FILE --anchor N"
        )
    _, table = EvidenceStore(context.cases.folder(case_id)).table(investigation.cohort.source)
    affected = {account.account_id for account in analysis.cohort.affected}
    rows = [
        (str(key), bool(failed))
        for key, account, failed in zip(table["key"].to_pylist(), table["account_id"].to_pylist(), table["failed"].to_pylist(), strict=True)
        if account in affected
    ]
    return frozenset(key for key, failed in rows if failed), frozenset(key for key, failed in rows if not failed)


def _key(exchange: Exchange) -> str:
    """Return the id of what a GET answered, empty for anything else."""
    body = json_of(exchange.response.body, exchange.response.header("content-type")) if exchange.request.method == "GET" else None
    return next((str(body[name]) for name in _KEY_FIELDS if name in body), "") if isinstance(body, dict) else ""


def _session(recording: Recording, anchor: Exchange, session: str) -> tuple[Exchange, ...]:
    wanted = getattr(anchor, session)
    return tuple(e for e in recording.exchanges if e.index <= anchor.index and (not wanted or getattr(e, session) == wanted))


def _permitted(scenario: Scenario, system: TargetSettings) -> tuple[Scenario, list[str]]:
    """Leave out what needs a confirmation that was not given, with everything that needs it; the failing request stays."""
    danger = safety.unconfirmed(scenario.steps, system.rules)
    if not danger:
        return scenario, []
    gone = {step.index for step in scenario.steps if route(step.request) in danger and step.index not in scenario.oracle.kept}
    needed = Search(run=lambda _: False, trust=Trust(), producers=scenario.producers(), fixed=scenario.oracle.kept).closure(
        scenario.oracle.kept
    )
    gone -= set(needed)
    producers = scenario.producers()
    grew = True
    while grew:
        more = {index for index, needs in producers.items() if needs & gone} - gone
        grew = bool(more)
        gone |= more
    steps = tuple(step for step in scenario.steps if step.index not in gone)
    links = tuple(link for link in scenario.links if link.consumer not in gone and link.producer not in gone)
    names = ", ".join(f"{name} ({kind})" for name, kind in danger.items())
    told = [f"{len(gone)} requests are left out because they need a confirmation or an answer of one that does: {names}"] if gone else []
    return replace(scenario, steps=steps, links=links), told
