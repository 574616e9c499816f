"""From the tables of a case to everything that was found: pure, deterministic, in one call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.analysis import log_statements as tell
from bridge.analysis import statements as say
from bridge.analysis.attributes import items_of
from bridge.analysis.cohort import Account, Membership, accounts_of, cohort, membership, related_tickets
from bridge.analysis.compare import broken_steps
from bridge.analysis.comparison import BrokenSteps
from bridge.analysis.concentration import Concentrations, concentrations
from bridge.analysis.contrast import Contrasts, contrasts
from bridge.analysis.events import Events, account_events, changes_of, micros
from bridge.analysis.excerpts import excerpts
from bridge.analysis.impact import impact
from bridge.analysis.inputs import AnalysisInputs
from bridge.analysis.log_tables import ORDINARY, log_lines, log_names, rank, with_texts
from bridge.analysis.novelty import Novelties, novelties
from bridge.analysis.onset import Step, find_onset
from bridge.analysis.opportunities import comparable, sharing, units
from bridge.analysis.severity import severity
from bridge.analysis.statistics import ALPHA
from bridge.analysis.triage import Facts, triage
from bridge.analysis.workaround import workaround
from bridge.errors import InputError
from bridge.logs.miner import ALGORITHM as TEMPLATES
from bridge.model.finding import Analysis
from bridge.model.investigation import SqlEvidence

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.change import Change
    from bridge.model.finding import Cohort, Finding, FindingKind, Impact, Onset, Workaround
    from bridge.model.investigation import Investigation

__all__ = ["ALGORITHM", "AnalysisInputs", "affected_accounts", "analyse", "read_evidence"]

ALGORITHM = "analysis-2026-11"
_TESTED = ("onset", "concentration", "contrast", "novelty", "sequence")
"""Methods with a null hypothesis: they share the 5 %."""
_OF_LOGS = frozenset({"novelty", "sequence"})
"""Methods that compare the logs of the window with those of the baseline; they need no cohort."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The evidence as arrays: the same for any tickets."""

    source: str
    """Name of the account-events evidence."""
    events: Events
    members: Membership
    minimum: int
    accounts: dict[str, Account]
    population: pa.Table | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explained:
    """What explains the failures, each with what was searched."""

    concentrations: Concentrations
    contrasts: Contrasts
    step: Step | None
    onset_level: str
    """finding, note, or nothing."""
    control: str
    """The control group in words."""
    elsewhere: int
    """Affected accounts that failed only outside of what the contrast looked at."""
    skipped: tuple[str, ...]
    """Attributes that were not searched."""
    possible: Array
    """bool, an event row each: it could have failed."""
    conditions: str
    """What makes an event an opportunity, in words."""


def affected_accounts(inputs: AnalysisInputs, read: Read | None = None) -> tuple[str, ...]:
    """Return the ids of the affected accounts, sorted: fetch their tickets, then call `analyse` with them.

    Empty when the investigation has no cohort rule. `read` is what `read_evidence` gave for these tables.
    """
    read = read or read_evidence(inputs)
    return () if read is None else tuple(read.events.accounts[i] for i in np.flatnonzero(read.members.affected))


def analyse(inputs: AnalysisInputs, read: Read | None = None) -> Analysis:
    """Return everything that was found; InputError when a table lacks a column that its kind promises (all at once).

    `read` is what `read_evidence` gave for these tables: of millions of rows it is most of the work.
    """
    read = read or read_evidence(inputs)
    wanted = frozenset(inputs.investigation.findings)
    voice = _voice(inputs, read, wanted)
    told = _logs(inputs, wanted, voice)
    if read is None:
        notes = () if inputs.investigation.cohort is None else (f"evidence '{inputs.investigation.cohort.source}' is missing: no cohort",)
        return Analysis(
            cohort=None,
            impact=None,
            onset=None,
            concentrations=(),
            contrasts=(),
            novelties=told.novel.found,
            excerpts=(),
            severity=None,
            workaround=None,
            findings=say.numbered(told.findings),
            sequences=told.broken.found,
            algorithm=ALGORITHM,
            templates=told.templates,
            notes=notes,
        )
    return _with_cohort(inputs, read, wanted, voice, told)


def _with_cohort(inputs: AnalysisInputs, read: Read, wanted: frozenset[str], voice: say.Voice, told: _Told) -> Analysis:
    investigation, events, members = inputs.investigation, read.events, read.members
    related = related_tickets(events, members, inputs.tickets, inputs.candidate_tickets, investigation)
    who = cohort(events, members, read.accounts, investigation, read.minimum, inputs.tickets, related)
    notes = [*events.notes, *_ticket_notes(inputs)]
    findings: list[Finding] = [say.about_cohort(who, len(events.at), voice, read.source)]
    around = workaround(investigation, inputs.tables, inputs.evidence_ids)
    explained: _Explained | None = None
    much: Impact | None = None
    how_bad = None
    shown: tuple[Any, ...] = ()
    if who.affected:
        explained = _explain(inputs, read, wanted, voice)
        began = None if explained.step is None else explained.step.onset.first_failure
        much = impact(events, who, read.accounts, inputs.window, began, explained.possible)
        how_bad = severity(investigation, who, much, around, inputs.policy)
        findings += _impact_findings(much, who, voice, read.source)
        findings += _explained_findings(explained, wanted, voice, read.source)
        shown = excerpts(
            events,
            who,
            log_lines([(n, inputs.tables[n]) for n in log_names(investigation, "window") if n in inputs.tables]),
            explained.concentrations.inside,
        )
    findings += told.findings
    if around is not None and who.affected:
        findings.append(
            say.about_workaround(around, voice, None if investigation.workaround is None else investigation.workaround.evidence)
        )
    if how_bad is not None:
        findings.append(say.about_severity(how_bad, voice))
    weighed = None if explained is None else triage(_facts(who, explained, told, around, findings))
    if weighed is not None:
        findings.append(say.about_triage(weighed, voice, read.source))
    return Analysis(
        cohort=who,
        impact=much,
        onset=_onset(explained),
        concentrations=() if explained is None else explained.concentrations.found,
        contrasts=() if explained is None else explained.contrasts.found,
        novelties=told.novel.found,
        sequences=told.broken.found,
        triage=weighed,
        excerpts=shown,
        severity=how_bad,
        workaround=around,
        findings=say.numbered(findings),
        related=related,
        algorithm=ALGORITHM,
        templates=told.templates,
        notes=tuple(notes),
    )


def read_evidence(inputs: AnalysisInputs) -> Read | None:
    """Return the inputs as arrays; None without a cohort rule or its evidence."""
    rule = inputs.investigation.cohort
    if rule is None or rule.source not in inputs.tables:
        return None
    minimum = inputs.parameters.get(rule.failing, 1)
    if not isinstance(minimum, int) or isinstance(minimum, bool):
        raise InputError(f"parameter '{rule.failing}' is {minimum!r}, not a whole number", where=f"investigation {inputs.investigation.id}")
    name, population = _view(inputs, "accounts")
    changes_name, changes = _view(inputs, "changes")
    events = account_events(inputs.tables[rule.source], inputs.window, rule.source, inputs.seed)
    return Read(
        source=rule.source,
        events=events,
        members=membership(events, minimum),
        minimum=minimum,
        accounts=accounts_of(population, name),
        population=population,
        changes=changes_of(changes, changes_name),
    )


def _view(inputs: AnalysisInputs, view: str) -> tuple[str, pa.Table | None]:
    """Return the evidence that holds a standard view, by its declaration."""
    for item in inputs.investigation.evidence:
        if isinstance(item, SqlEvidence) and item.view == view and item.name in inputs.tables:
            return item.name, inputs.tables[item.name]
    return view, None


def _voice(inputs: AnalysisInputs, read: Read | None, wanted: frozenset[str]) -> say.Voice:
    tested = [method for method in _TESTED if method in wanted and (method not in _OF_LOGS or _comparable_logs(inputs.investigation))]
    if read is None:
        tested = [method for method in tested if method in _OF_LOGS]
    return say.Voice(
        case_id=inputs.case_id,
        currency=inputs.currency,
        evidence_ids=inputs.evidence_ids,
        subject=inputs.investigation.subject,
        methods=max(1, len(tested)),
    )


def _explain(inputs: AnalysisInputs, read: Read, wanted: frozenset[str], voice: say.Voice) -> _Explained:
    """Find when in the day, since when, and what they share: each narrows what the next one compares with."""
    events, everything = read.events, np.ones(len(read.events.at), dtype=bool)
    piled = Concentrations()
    if "concentration" in wanted:
        piled = concentrations(events, read.changes, minimum=max(1, read.minimum), seed=inputs.seed, methods=voice.methods)
    possible = everything if piled.inside is None else piled.inside
    words = "all events" if piled.inside is None else f"events {say.window_words(piled.found[0])}"
    # Accounts below the rule's minimum are neither affected nor control: their few failures say nothing about the time.
    judged = (read.members.affected | read.members.control)[events.account]
    step = find_onset(events, possible & judged, read.changes, inputs.window, seed=inputs.seed)
    since = possible
    if step is not None and step.p_value * voice.methods <= ALPHA:
        since = possible & (events.at >= micros(step.onset.first_failure))
    shared, control = Contrasts(), "the control group"
    skipped: tuple[str, ...] = ()
    if "contrast" in wanted:
        group, narrowed = comparable(events, read.members, since)
        control = (
            f"accounts without a failure that had {words}{'' if since is possible else ' since it began'}"
            if narrowed
            else "exposed accounts without a failure"
        )
        table, affected, chosen, own = units(events, read.members, group, since, read.population, inputs.investigation.not_causes)
        items = items_of(table, ("none",))
        skipped = items.skipped
        shared = contrasts(items, affected, event_attributes=own, methods=voice.methods)
        if shared.found and shared.found[0].affected * 2 >= shared.found[0].affected_total:
            rows = possible & sharing(events, chosen, items, shared.found[0], own)
            words = f"{words} with {say.and_words(shared.found[0].conditions)}"
            step = find_onset(events, rows, read.changes, inputs.window, seed=inputs.seed) or step
    return _Explained(
        concentrations=piled,
        contrasts=shared,
        step=step,
        onset_level=_onset_level(step, voice),
        control=control,
        elsewhere=int(np.count_nonzero(read.members.affected)) - shared.affected,
        skipped=skipped,
        possible=possible,
        conditions=words,
    )


def _onset_level(step: Step | None, voice: say.Voice) -> str:
    """Return finding where the step holds; note where nothing failed before but too few days tell; else nothing."""
    if step is None:
        return "nothing"
    if say.holds(voice.corrected(step.p_value)):
        return "finding"
    clean = step.onset.failures_before == 0 and step.onset.exposure_before > 0
    share = step.exposure_after / max(1, step.exposure_after + step.onset.exposure_before)
    return "note" if clean and share ** min(step.failures, 20) <= ALPHA / 10 else "nothing"


def _onset(explained: _Explained | None) -> Onset | None:
    """Return the typed onset; without a step that holds it still says first and last seen, and names no change."""
    if explained is None or explained.step is None:
        return None
    onset = explained.step.onset
    return onset if explained.onset_level != "nothing" else replace(onset, change=None, gap_seconds=None, rivals=())


def _impact_findings(much: Impact, who: Cohort, voice: say.Voice, source: str) -> list[Finding]:
    unknown = sum(1 for account in who.affected if not account.plan and account.name == account.account_id)
    caveats = (f"{unknown} affected accounts are missing from the accounts view: their revenue counts as 0.",) if unknown else ()
    return [say.about_impact(much, voice, source, caveats)]


def _explained_findings(explained: _Explained, wanted: frozenset[str], voice: say.Voice, source: str) -> list[Finding]:
    made: list[Finding] = []
    names = (source, "population")
    if "onset" in wanted:
        made.append(say.about_onset(explained.step, explained.onset_level, voice, source, explained.conditions))
    if "concentration" in wanted:
        piled = explained.concentrations
        made += [say.about_concentration(piled, item, voice, source) for item in piled.found] or [
            say.no_concentration(piled, voice, source)
        ]
    if "contrast" in wanted:
        shared = explained.contrasts
        searched = f"not searched: {', '.join(explained.skipped)}" if explained.skipped else ""
        made += [
            say.about_contrast(shared, item, voice, names, (explained.control, explained.elsewhere), searched) for item in shared.found
        ]
        made += [say.explained_contrast(shared, item, shared.found[by], voice, names) for item, by in shared.explained]
        if not shared.found:
            made.append(say.no_contrast(shared, voice, names, searched))
    return made


def _comparable_logs(investigation: Investigation) -> bool:
    return bool(log_names(investigation, "baseline"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the logs of the window and of the baseline tell."""

    novel: Novelties
    broken: BrokenSteps
    findings: list[Finding]
    templates: str = ""
    """The algorithm of the template ids."""


def _logs(inputs: AnalysisInputs, wanted: frozenset[str], voice: say.Voice) -> _Told:
    """Compare the logs of the window with those of the baseline, where the investigation selects both."""
    methods = [method for method in _TESTED if method in wanted & _OF_LOGS]
    now = [name for name in log_names(inputs.investigation, "window", around=False) if name in inputs.tables]
    before = [name for name in log_names(inputs.investigation, "baseline") if name in inputs.tables]
    if not now or not before:
        what = {"novelty": "new log templates", "sequence": "missing steps"}
        texts = [f"Not searched for {what[method]}: the investigation selects no logs of a baseline to compare with." for method in methods]
        said = [say.nothing(kind, text, "", voice, []) for kind, text in zip(_kinds(methods), texts, strict=True)]
        return _Told(novel=Novelties(), broken=BrokenSteps(), findings=said)
    names = (*now, *before)
    tables, template_texts = with_texts([inputs.tables[name] for name in names], inputs.templates)
    known = dict(zip(names, tables, strict=True))
    lines, old = (log_lines([(name, known[name]) for name in some]) for some in (now, before))
    novel, broken, said = Novelties(), BrokenSteps(), []
    if "novelty" in methods:
        novel = novelties(lines, old, methods=voice.methods, texts=template_texts)
        told = [tell.about_novelty(novel, item, voice, names) for item in novel.found]
        said += told if any(item.level == "finding" for item in told) else [*told, tell.no_novelty(novel, voice, names)]
    if "sequence" in methods:
        sides = (_with_attributes([known[name] for name in some]) for some in (before, now))
        broken = broken_steps(*sides, methods=voice.methods, texts=template_texts)
        steps = [tell.about_sequence(broken, item, voice, names) for item in broken.found]
        said += steps if any(item.level == "finding" for item in steps) else [*steps, tell.no_sequence(broken, voice, names)]
    return _Told(novel=novel, broken=broken, findings=said, templates=TEMPLATES)


def _kinds(methods: list[str]) -> list[FindingKind]:
    kinds: tuple[FindingKind, ...] = ("novelty", "sequence")
    return [kind for kind in kinds if kind in methods]


def _with_attributes(tables: list[pa.Table]) -> pa.Table:
    """Return log events of several selections as one table, with the attributes that tell where in the code they were written."""
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="permissive")


def _facts(who: Cohort, explained: _Explained, told: _Told, around: Workaround | None, findings: list[Finding]) -> Facts:
    """Return what holds, for the triage."""
    step = explained.step
    return Facts(
        cohort=who,
        onset=None if step is None or explained.onset_level != "finding" else step.onset,
        version_separates=step is not None and step.version is not None and step.decisive,
        concentrations=explained.concentrations.found,
        contrasts=explained.contrasts.found,
        errors=tuple(item for item in told.novel.found if rank(item) < ORDINARY),
        sequences=told.broken.found,
        workaround=around,
        cite={finding.kind: finding.evidence for finding in reversed(findings)},
    )


def _ticket_notes(inputs: AnalysisInputs) -> list[str]:
    strangers = [ticket.id for ticket in inputs.tickets if ticket.account_id is None]
    return [f"written by nobody of a known account: {', '.join(strangers)}"] if strangers else []
