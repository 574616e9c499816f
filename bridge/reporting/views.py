"""Sentences computed from the facts: title, summary, steps. Every one degrades when a finding is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.model.change import Change
from bridge.model.finding import Analysis, Concentration, Condition, Contrast, NovelTemplate, Onset
from bridge.reporting import formats
from bridge.reporting.facts import ReportFacts, masked_analysis

TITLE_LENGTH = 100
_TRUE = frozenset({"true", "yes", "1", "on"})
_CUTS = (" although ", " while ", " but ", ", ", " even though ", " (")
_SHORT = 48
_FIRST_WORD = re.compile(r"(?:The|A|An|It|No|Some|Every|All|Each|This|These|When|After)\b")
_PLAIN_WORD = re.compile(r"[a-z]+(?=[ ,:;.]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The reproduction steps as far as the findings give them."""

    start: tuple[str, ...]
    """The start state: account, flags, version."""
    actions: tuple[str, ...]
    """Numbered steps, each one action."""
    observe: str
    note: str
    """What these steps are worth."""
    concrete: bool = False
    """True when every step names what it acts on."""


def sentence(text: str) -> str:
    """Return `text` with a full stop, and a capital unless it begins with a name (ts-order-service, snapshot_cache_v2)."""
    text = text.strip()
    if not text:
        return ""
    if _PLAIN_WORD.match(text):
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _inside(text: str) -> str:
    """Return a sentence as it stands after a colon: an article or a common word begins small."""
    text = text.strip()
    return text[0].lower() + text[1:] if _FIRST_WORD.match(text) else text


def change_name(change: Change) -> str:
    """Release reporting 4.18.0."""
    return " ".join(part for part in (change.kind, change.name, change.version or "") if part)


def condition_words(condition: Condition) -> str:
    """Return a flag as its name, everything else as attribute = value."""
    return condition.attribute if condition.value.lower() in _TRUE else f"{condition.attribute} = {condition.value}"


def conditions_words(contrast: Contrast) -> str:
    """Return all conditions of a contrast."""
    return " and ".join(condition_words(condition) for condition in contrast.conditions)


def main_concentration(analysis: Analysis) -> Concentration | None:
    """Return the concentration to name first: after an event before time of day when both hold as much."""
    found = analysis.concentrations
    if not found:
        return None
    most = max(item.inside / max(item.total, 1) for item in found)
    near = [item for item in found if item.inside / max(item.total, 1) >= 0.9 * most]  # as much: within a tenth
    return next((item for item in near if item.axis == "after event"), near[0])


def concentration_words(item: Concentration) -> str:
    """In the 15 minutes after job cache-refresh; between 02:00 and 02:15 UTC."""
    if item.axis == "time of day":
        return f"between {formats.clock(item.start_minute)} and {formats.clock(item.end_minute)} UTC"
    event = item.event or "the event"
    if item.start_minute == 0:
        return f"in the {item.end_minute} minutes after {event}"
    return f"{item.start_minute} to {item.end_minute} minutes after {event}"


def _concentration_short(item: Concentration) -> str:
    if item.axis == "time of day":
        return f"{formats.clock(item.start_minute)}-{formats.clock(item.end_minute)} UTC"
    event = item.event or "the event"
    return f"after {event.partition(' ')[2] or event}"


def _since(onset: Onset | None) -> str:
    if onset is None:
        return ""
    if onset.change is None:
        return f", since {formats.day(onset.first_failure)}"
    return f", since {onset.change.name} {onset.change.version or ''}".rstrip()


def _what(facts: ReportFacts) -> tuple[str, ...]:
    """Return what fails, longest wording first."""
    investigation = facts.investigation
    subject = investigation.subject.strip() or investigation.id
    subject = subject[0].upper() + subject[1:]
    if investigation.fails:
        return (f"{subject} {investigation.fails}",)
    short = investigation.observed.strip().rstrip(".")
    for cut in _CUTS:
        short = short.split(cut)[0]
    return (f"{subject}: {short}", f"{subject} fail") if short and len(short) <= _SHORT else (f"{subject} fail",)


def novelty_title(item: NovelTemplate, since: str) -> str:
    """Service: new error 'template', in 41 of 300 traces."""
    before = f", {formats.number(item.traces_before)} of {formats.number(item.traces_before_total)} before"
    tail = f"' in {formats.number(item.traces)} of {formats.number(item.traces_total)} traces"
    kind = "new" if item.traces_before == 0 else "more frequent"
    head = f"{item.service}: {kind} {item.level or 'event'} '"
    for extra in (before + since, before, ""):
        room = TITLE_LENGTH - len(head) - len(tail) - len(extra)
        if room >= min(len(item.template), 30):  # fewer characters name nothing
            return f"{head}{_cut(item.template, room)}{tail}{extra}"
    return _cut(f"{head}{item.template}{tail}", TITLE_LENGTH)


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def title(facts: ReportFacts) -> str:
    """Return one line of at most 100 characters: what, where or when, on which condition, since when."""
    analysis = facts.analysis
    if analysis.cohort is None and analysis.novelties:
        return novelty_title(analysis.novelties[0], _since(analysis.onset))
    if analysis.cohort is not None and not analysis.cohort.affected:
        return _cut(f"{_what(facts)[-1].split(':')[0]}: no affected account found", TITLE_LENGTH)
    concentration = main_concentration(analysis)
    contrast = analysis.contrasts[0] if analysis.contrasts else None
    long_when = f" {concentration_words(concentration)}" if concentration else ""
    short_when = f" {_concentration_short(concentration)}" if concentration else ""
    who = f" with {conditions_words(contrast)}" if contrast else ""
    long_who = f" for {contrast.unit}{who}" if contrast else ""
    since = _since(analysis.onset)
    choices = (
        (long_when, long_who, since),
        (short_when, long_who, since),
        (short_when, who, since),
        (short_when, who, ""),
        ("", who, since),
        ("", "", since),
        ("", "", ""),
    )
    for what in _what(facts):
        for when, whom, then in choices:
            text = " ".join(f"{what}{when}{whom}{then}".split())
            if len(text) <= TITLE_LENGTH:
                return text
    return _cut(_what(facts)[-1], TITLE_LENGTH)


def summary(facts: ReportFacts) -> tuple[str, ...]:
    """Return at most five sentences: what, how many, since when, when in the day, for whom."""
    analysis, investigation = facts.analysis, facts.investigation
    said: list[str] = []
    if investigation.observed:
        fails = f" {investigation.fails}" if investigation.fails else ""
        said.append(sentence(f"{investigation.subject}{fails}: {_inside(investigation.observed)}"))
    if analysis.cohort is not None:
        said.append(_how_many(facts))
    if analysis.cohort is None and analysis.novelties:
        said.append(_novelty_sentence(analysis))
    if analysis.onset is not None:
        said.append(_onset_sentence(analysis.onset))
    concentration = main_concentration(analysis)
    if concentration is not None:
        share = formats.of(concentration.inside, concentration.total, "failures of all accounts")
        said.append(f"{share} lie {concentration_words(concentration)}, on {_count(concentration.days, 'day')}.")
    if analysis.contrasts:
        said.append(_contrast_sentence(analysis.contrasts[0]))
    if not said:
        said.append(f"Nothing was found between {formats.instant(facts.case.window.start)} and {formats.instant(facts.case.window.end)}.")
    return tuple(said[:5])


def _count(count: int, noun: str) -> str:
    return f"{formats.number(count)} {noun}" if count == 1 else f"{formats.number(count)} {noun}s"


def _how_many(facts: ReportFacts) -> str:
    cohort, impact = facts.analysis.cohort, facts.analysis.impact
    if cohort is None or not cohort.affected:
        exposed = "" if cohort is None else f" among {formats.number(cohort.exposed)} that had such events"
        return f"No account is affected by the rule{exposed}."
    silent = sum(account.silent for account in cohort.affected)
    money = f", {formats.money(impact.arr, facts.currency)} a year" if impact and "revenue" not in facts.policy.leave_out else ""
    accounts = "account is" if len(cohort.affected) == 1 else "accounts are"
    head = f"{formats.number(len(cohort.affected))} of {formats.number(cohort.population)} {accounts} affected"
    share = f" ({formats.percent(len(cohort.affected) / cohort.population)}{money})" if cohort.population else ""
    tail = (
        f"; {formats.number(silent)} of them {'has' if silent == 1 else 'have'} not written (silent)."
        if silent
        else "; all of them have written."
    )
    return head + share + tail


def _onset_sentence(onset: Onset) -> str:
    text = f"First seen {formats.instant(onset.first_failure)}"
    if onset.change is not None and onset.gap_seconds is not None:
        text += f", {formats.duration(onset.gap_seconds)} after {change_name(onset.change)} (not proven to be the cause)"
    watched = max(onset.exposure_before, onset.events_before if not onset.failures_before else 0)
    before = f"; {formats.number(onset.failures_before)} of {formats.number(watched)} failed before" if watched else ""
    return f"{text}{before}."


def _contrast_sentence(item: Contrast) -> str:
    whose = "affected accounts" if item.unit == "accounts" else "failing events"
    inside = formats.of(item.affected, item.affected_total, whose)
    others = formats.of(item.control, item.control_total, "others")
    return f"{inside} have {conditions_words(item)}, against {others}."


def _novelty_sentence(analysis: Analysis) -> str:
    new = sum(item.traces_before == 0 for item in analysis.novelties)
    more = len(analysis.novelties) - new
    parts = [_count(new, "log template") + " not seen in the baseline"] if new else []
    parts += [_count(more, "log template") + " more frequent than in the baseline"] if more else []
    services = sorted({item.service for item in analysis.novelties})
    return f"{' and '.join(parts)}, from {', '.join(services[:5])}{' and others' if len(services) > 5 else ''}."  # noqa: PLR2004  # a sentence, not a list


_NOT_RUN = "These steps are derived from the findings below. bridge has not run them."


def problem(facts: ReportFacts) -> str:
    """Return what fails in a few words, without figures, names of accounts or causes: for customers."""
    return _what(facts)[-1].split(":")[0]


def steps(facts: ReportFacts) -> Steps | None:
    """Return the steps that the findings suggest; None when neither the investigation nor the logs name an action."""
    if not facts.investigation.action:
        return _logged_steps(facts)
    analysis, investigation = facts.analysis, facts.investigation
    start = []
    if analysis.contrasts:
        first = analysis.contrasts[0]
        where = "an account" if first.unit == "accounts" else "an event"
        shown = analysis.cohort and analysis.cohort.affected and "accounts" not in facts.policy.leave_out
        example = f" (for example {analysis.cohort.affected[0].account_id})" if shown and analysis.cohort else ""
        start.append(f"{where} with {conditions_words(first)}{example}")
    elif analysis.cohort and analysis.cohort.affected:
        first_id = analysis.cohort.affected[0].account_id
        start.append("an affected account" + ("" if "accounts" in facts.policy.leave_out else f", for example {first_id}"))
    if analysis.onset and analysis.onset.change:
        start.append(f"{change_name(analysis.onset.change)} or later")
    actions = []
    concentration = main_concentration(analysis)
    if concentration is not None and concentration.axis == "after event":
        actions.append(f"Wait for {concentration.event or 'the event'} to run.")
        actions.append(f"{investigation.action.strip().rstrip('.')}, so that it runs {concentration_words(concentration)}.")
    elif concentration is not None:
        actions.append(f"{investigation.action.strip().rstrip('.')}, so that it runs {concentration_words(concentration)}.")
    else:
        actions.append(sentence(investigation.action))
    actions.append("Look at the result of this run.")
    return Steps(
        start=tuple(start), actions=tuple(actions), observe=sentence(investigation.observed), note=_NOT_RUN, concrete=len(start) > 0
    )


def _logged_steps(facts: ReportFacts) -> Steps | None:
    """Return what to repeat and where to look, from the log lines of the strongest new template that has a trace."""
    analysis = masked_analysis(facts)
    lines = [line for item in analysis.novelties for line in item.exemplars if line.trace_id]
    if not lines:
        return None
    first = lines[0]
    services = [line.service for line in lines if line.trace_id == first.trace_id and line.service]
    named = ", ".join(dict.fromkeys(services))
    account = f"account {first.account_id}" if first.account_id else ""
    where = f"the system that writes these logs, as it was at {formats.instant(first.at)}"
    source = next((item.source for item in facts.evidence if item.dialect == "logs"), "")
    return Steps(
        start=tuple(part for part in (account, where) if part),
        actions=(
            f"Take the request of trace {first.trace_id} from the logs{f' {source}' if source else ''}; it goes through {named}.",
            "Send the same request again, for the same account." if account else "Send the same request again.",
            f"Look in the logs of {first.service} for the first line shown under Evidence, with the new trace.",
        ),
        observe=sentence(facts.investigation.observed),
        note=_NOT_RUN,
        concrete=True,
    )
