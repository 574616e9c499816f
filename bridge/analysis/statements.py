"""Findings in plain words: what holds, how sure, what was searched, and how to look at the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.analysis.statistics import ALPHA, wilson
from bridge.model.finding import Effect, Finding, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from bridge.analysis.concentration import Concentrations
    from bridge.analysis.contrast import Contrasts
    from bridge.analysis.onset import Step
    from bridge.model.change import Change
    from bridge.model.finding import (
        Cohort,
        Concentration,
        Condition,
        Contrast,
        FindingKind,
        Impact,
        Onset,
        Severity,
        Triage,
        Workaround,
    )

_MINUTES_A_DAY = 1440
_SECONDS_A_DAY = 86_400
_NAMED = 3
"""Accounts that a statement names; all of them stand in the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What every statement needs to cite its rows."""

    case_id: str
    currency: str
    evidence_ids: Mapping[str, str]
    subject: str
    methods: int
    """Methods with a test that were tried in this case: their q-values are multiplied by it."""

    def cite(self, *names: str) -> tuple[str, ...]:
        """Return the evidence ids of names, those that have one."""
        return tuple(dict.fromkeys(self.evidence_ids[name] for name in names if name in self.evidence_ids))

    def check(self, name: str) -> str:
        """Return the command that shows the rows of an evidence."""
        return f"bridge show {self.case_id or 'CASE'} --evidence {name}"

    def corrected(self, q: float) -> float:
        """Return a method's q-value corrected for the other methods, too."""
        return min(1.0, q * self.methods)


def nothing(kind: FindingKind, statement: str, searched: str, voice: Voice, names: Sequence[str]) -> Finding:
    """Say that something was searched and not found."""
    return Finding(
        id="",
        kind=kind,
        level="nothing",
        statement=statement,
        searched=searched,
        evidence=voice.cite(*names),
        check=voice.check(names[0]) if names else "",
    )


def about_cohort(cohort: Cohort, events: int, voice: Voice, source: str) -> Finding:
    """N accounts are affected, so many of them silent."""
    searched = f"{events:,} events of {cohort.exposed:,} accounts; rule: {cohort.rule}"
    if not cohort.affected:
        seen = f"{events:,} events of {cohort.exposed:,} accounts were looked at" if events else "there are no events in the window at all"
        return nothing("cohort", f"No account is affected by the rule: {cohort.rule}; {seen}.", searched, voice, [source])
    silent = sum(account.silent for account in cohort.affected)
    wrote = len(cohort.affected) - silent
    left = f" {len(cohort.left_out)} further accounts were looked at and left out." if cohort.left_out else ""
    wrong = [item for item in cohort.left_out if item.tickets]
    if wrong:
        named = "; ".join(f"{item.account_id} ({', '.join(item.tickets)}): {item.why}" for item in wrong[:_NAMED])
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        left += f" Of the tickets' accounts these are not affected: {named}{more}."
    return Finding(
        id="",
        kind="cohort",
        level="finding",
        statement=(
            f"{len(cohort.affected):,} of {cohort.population:,} accounts are affected ({cohort.rule}): "
            f"{wrote:,} wrote, {silent:,} are silent.{left}"
        ),
        evidence=voice.cite(source, "population"),
        searched=searched,
        check=voice.check(source),
    )


def about_impact(impact: Impact, voice: Voice, source: str, caveats: tuple[str, ...] = ()) -> Finding:
    """Revenue, how often, and where it goes."""
    low, high = _percent(impact.share)
    trend = {"too few to tell": "too few days or failures to tell a trend"}.get(impact.trend, impact.trend)
    users = "" if impact.users is None else f"{impact.users:,} user{'' if impact.users == 1 else 's'} saw it; "
    return Finding(
        id="",
        kind="impact",
        level="finding",
        statement=(
            f"{_money(impact.arr, voice)} a year and {impact.seats:,} seats are affected, {_money(impact.arr_silent, voice)} of it in silent accounts; "
            f"{users}{impact.failures:,} of their {impact.events:,} events since the first failure failed "
            f"({impact.frequency.value or 0:.2g} a day and account, {_span(impact.frequency.interval)}), {trend}."
        ),
        effect=impact.share,
        evidence=voice.cite(source, "population"),
        searched=f"share of accounts {low} to {high} (95 %)",
        check=voice.check(source),
        caveats=caveats,
    )


def about_onset(step: Step | None, level: str, voice: Voice, source: str, conditions: str) -> Finding:
    """When it began, and after what."""
    if step is None:
        return nothing("onset", "Nothing failed, so nothing began.", "", voice, [source])
    onset, q = step.onset, voice.corrected(step.p_value)
    searched = (
        f"{step.exposure_after + onset.exposure_before:,} events that could have failed ({conditions}), in {step.blocks} stretches of time; "
        "every time was tried as the step"
    )
    if level == "nothing":
        return replace(nothing("onset", _no_onset(step), searched, voice, [source, "changes"]), p_value=step.p_value, q_value=q)
    before = (
        f"not once in {_events_before(onset)}"
        if not onset.failures_before
        else f"{onset.failures_before:,} of {onset.exposure_before:,} such events before"
    )
    bound = (
        f" (a former rate of at most {onset.rate_bound_before:.2g})"
        if onset.rate_bound_before is not None and not onset.failures_before
        else ""
    )
    share = step.failures / max(1, step.exposure_after)
    caveats = ["A change before the first failure is a candidate, not a proven cause."] if onset.change else []
    if onset.rivals:
        caveats.append("Other changes in the same gap: " + "; ".join(_change(change) for change in onset.rivals[:5]) + ".")
    if onset.rate_bound_before is not None and not onset.failures_before and onset.rate_bound_before > share / 2:
        caveats.append(
            f"A short time before: {onset.exposure_before:,} events can't rule out that up to {onset.rate_bound_before:.0%} failed then, too."
        )
    if level == "note":
        caveats.append(f"Too few stretches of time with failures to tell a beginning from a burst ({step.blocks} in all).")
    return Finding(
        id="",
        kind="onset",
        level="finding" if level == "finding" else "note",
        statement=f"It began between {_time(onset.began.start)} and {_time(onset.began.end)}{_after(step)}: {before}{bound}, "
        f"{step.failures:,} of {step.exposure_after:,} since ({share:.0%}).",
        effect=Effect(name="failing share since", value=share, interval=wilson(step.failures, step.exposure_after)),
        p_value=step.p_value,
        q_value=q,
        evidence=voice.cite(source, "changes"),
        searched=searched,
        check=voice.check(source),
        caveats=tuple(caveats),
    )


def _events_before(onset: Onset) -> str:
    """Say how much was watched before: all events, and those that could have failed."""
    if onset.events_before > onset.exposure_before:
        return f"{onset.events_before:,} events before, {onset.exposure_before:,} of them under the same conditions"
    return f"{onset.exposure_before:,} such events before"


def _after(step: Step) -> str:
    change = step.onset.change
    if change is None:
        return ", after no change that is known"
    gap = _duration(step.onset.gap_seconds or 0.0)
    text = f"; the first failure came {gap} after {_change(change)}"
    if step.version is not None:
        v = step.version
        text += f" ({v.column} {v.version}: {v.failures:,} of {v.events:,} failed, all others: {v.other_failures:,} of {v.other_events:,})"
    near = len(step.onset.rivals)
    return (
        f"{text}; {'no other change lies' if not near else 'one other change lies' if near == 1 else f'{near} other changes lie'} as near"
    )


def _no_onset(step: Step) -> str:
    seen = f"first seen {_time(step.onset.first_failure)}, last {_time(step.onset.last_failure)}"
    if step.onset.exposure_before == 0:
        return f"It may have begun before the window: the first event that could fail did ({seen})."
    return f"No beginning stands out: failures are spread over the window as chance would ({seen})."


def about_concentration(found: Concentrations, item: Concentration, voice: Voice, source: str) -> Finding:
    """Failures pile up."""
    q = voice.corrected(item.p_value)
    statement = f"{item.inside:,} of {item.total:,} failures of all accounts lie {window_words(item)}, on {item.days} days; {item.load_share:.1%} of all events lie there."
    caveats = () if item.inside == item.total else (f"{item.total - item.inside:,} failures lie outside.",)
    return Finding(
        id="",
        kind="concentration",
        level="finding",
        statement=statement,
        effect=item.ratio,
        p_value=item.p_value,
        q_value=q,
        evidence=voice.cite(source, *(["changes"] if item.event else [])),
        searched=_concentration_searched(found),
        check=voice.check(source),
        caveats=caveats,
    )


def no_concentration(found: Concentrations, voice: Voice, source: str) -> Finding:
    """Nothing piles up, or there is too little to tell."""
    if not found.tried:
        text = f"Too few to tell whether failures pile up at some time: {found.accounts} affected accounts, 5 are needed."
        return nothing("concentration", text, "", voice, [source])
    power = (
        f"{found.seen} of {found.accounts} affected accounts failing in the same quarter of an hour would have been seen"
        if found.seen
        else "too few failures to see any"
    )
    text = f"Failures follow the load: no time of day and no recurring event stands out ({power})."
    return replace(nothing("concentration", text, _concentration_searched(found), voice, [source]), q_value=voice.corrected(found.best_p))


def _concentration_searched(found: Concentrations) -> str:
    return f"windows of 5 to 60 minutes over {', '.join(found.tried)}, against the load of all events; one failure each of {found.accounts} affected accounts"


def about_contrast(found: Contrasts, item: Contrast, voice: Voice, names: Sequence[str], groups: tuple[str, int], searched: str) -> Finding:
    """What they share; `groups` are the control group in words, and how many affected accounts failed elsewhere only."""
    control, elsewhere = groups
    apart = (f"{elsewhere:,} affected accounts failed at other times only and were not compared.",) if elsewhere else ()
    same = f" {and_words(item.confounded)} would explain it as well." if item.confounded else ""
    base = item.control / max(1, item.control_total)
    return Finding(
        id="",
        kind="contrast",
        level="finding",
        statement=(
            f"{item.affected:,} of {item.affected_total:,} affected accounts have {and_words(item.conditions)}, "
            f"of {control} {item.control:,} of {item.control_total:,} ({base:.1%}).{same}"
        ),
        effect=item.ratio,
        p_value=item.p_value,
        q_value=voice.corrected(item.q_value),
        evidence=voice.cite(*names),
        searched=f"{found.tried:,} values and pairs; {searched}".rstrip("; "),
        check=voice.check(names[0]),
        caveats=("What affected accounts share need not be the cause.", *apart),
    )


def explained_contrast(found: Contrasts, item: Contrast, by: Contrast, voice: Voice, names: Sequence[str]) -> Finding:
    """A rule that separates, too, and tells nothing new."""
    return Finding(
        id="",
        kind="contrast",
        level="note",
        statement=(
            f"{and_words(item.conditions)}: {item.affected:,} of {item.affected_total:,} affected, {item.control:,} of {item.control_total:,} others; "
            f"explained by {and_words(by.conditions)}."
        ),
        effect=item.ratio,
        p_value=item.p_value,
        q_value=voice.corrected(item.q_value),
        evidence=voice.cite(*names),
        searched=f"{found.tried:,} values and pairs",
        check=voice.check(names[0]),
    )


def no_contrast(found: Contrasts, voice: Voice, names: Sequence[str], searched: str) -> Finding:
    """They share nothing that others don't have, or there is too little to tell."""
    if not found.tried:
        text = f"Too few to tell what affected accounts share: {found.affected} affected and {found.control} others (3 of each, with attributes, are needed)."
        return nothing("contrast", text, searched, voice, names)
    seen = (
        f"a value that 10 % of the others have would have been seen if {found.seen} of {found.affected} affected accounts had it"
        if found.seen
        else "too few accounts to see even a perfect split"
    )
    text = f"No attribute or pair of attributes sets affected accounts apart ({seen})."
    return replace(
        nothing("contrast", text, f"{found.tried:,} values and pairs; {searched}".rstrip("; "), voice, names),
        q_value=voice.corrected(found.best_q),
    )


def about_triage(item: Triage, voice: Voice, source: str) -> Finding:
    """Say what it most likely is, with what speaks for it and what against."""
    nature = "Undecided whether user error, configuration, or defect" if item.nature == "undecided" else f"Most likely a {item.nature}"
    scale = "isolated or systemic can't be told" if item.scale == "undecided" else item.scale
    natures = ("defect", "configuration", "user error")
    if item.nature == "undecided":
        sides = [_said(item, one, speaks_for=speaks) for one in natures for speaks in (True, False)]
    else:
        own = [_said(item, item.nature, speaks_for=True), _said(item, item.nature, speaks_for=False)]
        sides = own + [_said(item, one, speaks_for=True) for one in natures if one != item.nature]
    return Finding(
        id="",
        kind="triage",
        level="note" if item.nature == "undecided" else "finding",
        statement=" ".join([f"{nature}, {scale}.", *(side for side in sides if side)]),
        searched=f"{len(item.reasons)} reasons: the other findings of this case, each for or against user error, configuration, defect, isolated, systemic",
        evidence=tuple(dict.fromkeys(cited for reason in item.reasons for cited in reason.evidence)),
        check=voice.check(source),
        caveats=("It adds up what was found and proves nothing: a person decides.",),
    )


def _said(item: Triage, about: str, *, speaks_for: bool) -> str:
    reasons = [reason.statement for reason in item.reasons if reason.about == about and reason.speaks_for is speaks_for]
    return f"{'For' if speaks_for else 'Against'} {about}: {'; '.join(reasons)}." if reasons else ""


def about_workaround(item: Workaround, voice: Voice, name: str | None) -> Finding:
    """How often it worked."""
    if not item.tried:
        return Finding(id="", kind="workaround", level="note", statement=f"{item.statement}: nobody is known to have tried it.")
    return Finding(
        id="",
        kind="workaround",
        level="finding",
        statement=f"{item.statement}: worked {item.worked:,} of {item.tried:,} times.",
        effect=Effect(name="share that worked", value=item.worked / item.tried, interval=_share(item.worked, item.tried)),
        evidence=voice.cite(name) if name else (),
        searched=f"{item.tried:,} tries",
        check=voice.check(name) if name else "",
    )


def about_severity(item: Severity, voice: Voice) -> Finding:
    """The level and its rule."""
    return Finding(
        id="",
        kind="severity",
        level="finding",
        statement=f"Severity {item.level}: {item.rule}.",
        searched="; ".join(item.criteria),
        evidence=voice.cite("population"),
        check=voice.check("population"),
        caveats=(f"Policy {item.policy}: effect only, the order of work is a person's decision.",),
    )


def numbered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return them as F1, F2, ...: what holds first, then notes, then what was not found; each group keeps its order."""
    rank = {"finding": 0, "note": 1, "nothing": 2}
    ordered = sorted(findings, key=lambda finding: rank[finding.level])
    return tuple(replace(finding, id=f"F{number}") for number, finding in enumerate(ordered, 1))


def window_words(item: Concentration) -> str:
    """Return `between 02:00 and 02:15 UTC`, or `0 to 15 minutes after job cache-refresh`."""
    if item.axis == "time of day":
        return f"between {_clock(item.start_minute)} and {_clock(item.end_minute)} UTC"
    return f"{item.start_minute} to {item.end_minute} minutes after {item.event}"


def and_words(conditions: Sequence[Condition]) -> str:
    """Return `plan = enterprise and seats >= 120`."""
    return " and ".join(
        f"{c.attribute} {c.value}" if c.value.startswith((">= ", "< ", "not set")) else f"{c.attribute} = {c.value}" for c in conditions
    )


def holds(q: float) -> bool:
    """Tell whether a corrected value holds."""
    return q <= ALPHA


def _change(change: Change) -> str:
    return f"{change.kind} {change.name}{f' {change.version}' if change.version else ''} ({_time(change.at)})"


def _clock(minute: int) -> str:
    return f"{minute % _MINUTES_A_DAY // 60:02d}:{minute % 60:02d}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _duration(seconds: float) -> str:
    if seconds < 2 * 60:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * _SECONDS_A_DAY else f"{seconds / _SECONDS_A_DAY:.0f} days"


def _money(value: Decimal, voice: Voice) -> str:
    return f"{value:,.2f} {voice.currency}"


def _percent(effect: Effect) -> tuple[str, str]:
    interval = effect.interval
    return ("0 %", "100 %") if interval is None else (f"{interval.low:.1%}", f"{interval.high or 1.0:.1%}")


def _span(interval: Interval | None) -> str:
    if interval is None:
        return "no interval"
    return f"{interval.low:.2g} to {interval.high:.2g}" if interval.high is not None else f"at least {interval.low:.2g}"


def _share(successes: int, total: int) -> Interval:
    return wilson(successes, total)
