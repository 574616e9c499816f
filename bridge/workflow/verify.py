"""Is it fixed? The stored scenario on a later version, as often as the recorded rate asks for, and the verdict on the issue."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from bridge.disk import write_text
from bridge.errors import RefusedError
from bridge.filing.ledger import Ledger
from bridge.filing.verdict import VerdictNote, is_told, tell_verdict
from bridge.model.reproduction import FixVerdict, StepChange, Verification
from bridge.reporting.facts import case_mask
from bridge.reproduction.atoms import route
from bridge.reproduction.scenario import Played
from bridge.reproduction.statistics import wilson
from bridge.workflow.codec import to_json
from bridge.workflow.events import StepStarted
from bridge.workflow.follow import filing_settings, run_of
from bridge.workflow.replaying import Runner
from bridge.workflow.reproduction_settings import TargetSettings, target
from bridge.workflow.reproduction_store import FOLDER, OpenTarget, Stored, clean_runs_needed, load_scenario

if TYPE_CHECKING:
    from bridge.workflow.context import Context

_VERSION: Final = re.compile(r"version|build|commit|revision|release", re.IGNORECASE)
"""Of what a target says about itself: the rest (users, times) is no other version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What verifying would send."""

    case_id: str
    target: str
    url: str
    routes: tuple[str, ...]
    most_runs: int
    issue: str
    """Key of the issue that would get a comment; empty: the case is not filed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """What became of the comment."""

    state: Literal["written", "already", "not filed", "no answer"]
    """already: the issue says it; no answer: the verdict is none, so there is nothing to say."""
    issue: str
    writes: int


def plan_verify(context: Context, case_id: str, target_name: str) -> Planned:
    """Say what would be sent, where and how often. Sends nothing."""
    stored = load_scenario(context, case_id, target_name)
    system = _system(context, stored, target_name)
    return Planned(
        case_id=case_id,
        target=system.name,
        url=system.url,
        routes=tuple(route(step.request) for step in stored.scenario.steps),
        most_runs=clean_runs_needed(stored.seen, stored.runs),
        issue=filed_as(context, case_id),
    )


def verify(context: Context, case_id: str, target_name: str, open_target: OpenTarget) -> Verification:
    """Run until it fails or enough runs were clean: fixed, still failing, or can't tell. RefusedError when a rule stops it."""
    stored = load_scenario(context, case_id, target_name)
    system = _system(context, stored, target_name)
    runner = Runner(target=open_target(system, stored.hosts), settings=system, clock=context.clock)
    needed = clean_runs_needed(stored.seen, stored.runs)
    kept = [step.index for step in stored.scenario.steps]
    played: list[Played] = []
    for number in range(needed):
        context.emit(StepStarted(source="verify", what=f"run {number + 1} of {needed}"))
        played.append(runner.run(stored.scenario, kept, dict(stored.clocks), dict(stored.waits)))
        if played[-1].outcome in {"seen", "invalid", "other"}:
            break
    made = _judged(context, stored, system, played, needed)
    try:
        made = replace(made, environment=runner.about())
    except RefusedError:
        made = replace(made, environment={})
    write_text(context.cases.folder(case_id) / FOLDER / "verified.json", to_json(made))
    return made


def _system(context: Context, stored: Stored, target_name: str) -> TargetSettings:
    return target(context.workspace, target_name, hosts=stored.hosts, confirmed=frozenset(stored.confirmed))


def _judged(context: Context, stored: Stored, system: TargetSettings, played: list[Played], needed: int) -> Verification:
    seen, runs = sum(p.seen for p in played), len(played)
    _, high = wilson(seen, runs)
    odd = next((p for p in played if p.outcome in {"invalid", "other"}), None)
    verdict: FixVerdict = "still failing" if seen else "can't tell" if odd else "fixed"
    sentences = {
        "fixed": f"fixed: {runs} clean runs of {needed} needed at the recorded rate ({stored.seen} of {stored.runs}); 0 of {runs} failed",
        "still failing": f"still failing: seen in run {runs} of at most {needed}",
        "can't tell": f"can't tell: {odd.detail if odd else ''}",
    }
    numbers = {step.index: at for at, step in enumerate(stored.scenario.steps, start=1)}
    return Verification(
        case_id=stored.case_id,
        verdict=verdict,
        sentence=sentences[verdict],
        seen=seen,
        runs=runs,
        needed=needed,
        high=high,
        at=context.clock.now(),
        target=system.name,
        steps=tuple(
            StepChange(number=numbers[step.index], route=route(step.request), before=step.recorded, now=step.status)
            for step in played[-1].steps
        ),
    )


def filed_as(context: Context, case_id: str) -> str:
    """Return the key of the case's issue, empty when it is not filed. Asks the ledger only."""
    if not context.ledger_path.exists():
        return ""
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        filing = ledger.filing_of(case_id)
        known = ledger.issue(filing.fingerprint) if filing else None
        return known[0].key if known else ""


def note_of(made: Verification) -> VerdictNote:
    """Return the comment: the verdict, what it rests on, and each step then and now. No time: the same verdict is the same text."""
    versions = tuple(f"{name} {value}" for name, value in sorted(made.environment.items()) if _VERSION.search(name))
    where = f"{made.target} ({', '.join(versions)})" if versions else made.target
    lines = [f"The reproduction of {made.case_id} was run again on {where}: {made.sentence}."]
    lines += [f"{step.number}. {step.route}: {step.before} then, {step.now} now" for step in made.steps]
    if made.verdict == "fixed":
        lines.append(
            f"{made.needed} clean runs leave less than 1 % doubt at the lower end of the recorded rate; the rate now is below {made.high:.0%}."
        )
    return VerdictNote(target=made.target, told=(made.verdict, *versions), text="\n".join(lines))


def _masked(context: Context, case_id: str, note: VerdictNote) -> VerdictNote:
    """Return the note as the tracker's readers may see it: routes and versions come from elsewhere, so it is masked as the report is."""
    privacy = context.workspace.privacy
    mask = case_mask(
        context.cases.load(case_id).tickets, privacy.policy(privacy.tracker, case_id=case_id), context.cases.load_analysis(case_id)
    )
    return replace(note, text=mask.words(note.text))


def is_commented(context: Context, made: Verification) -> bool:
    """Tell whether the issue says this already. Asks the ledger only."""
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        filing = ledger.filing_of(made.case_id)
        return filing is not None and is_told(ledger, filing.fingerprint, note_of(made))


def comment(context: Context, made: Verification, *, recreate: bool = False) -> Commented:
    """Put the verdict on the issue, once; the same verdict again writes nothing."""
    if made.verdict == "can't tell":
        return Commented(state="no answer", issue=filed_as(context, made.case_id), writes=0)
    issue = filed_as(context, made.case_id)
    if not issue:
        return Commented(state="not filed", issue="", writes=0)
    settings = filing_settings(context)
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        filing = ledger.filing_of(made.case_id)
        if filing is None or is_told(ledger, filing.fingerprint, note_of(made)):
            return Commented(state="already", issue=issue, writes=0)
        run = replace(run_of(context, ledger, filing, settings), recreate=recreate)
        with ledger.hold(filing):
            written = tell_verdict(run, _masked(context, made.case_id, note_of(made)))
        return Commented(state="written" if written else "already", issue=issue, writes=run.writes)
