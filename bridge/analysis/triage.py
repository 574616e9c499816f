"""Triage: user error, configuration, or defect; isolated or systemic: the evidence for and against each, and what it adds up to.

No model and no score that hides its parts: every reason has a weight of 1 or 2, and a label needs one strong reason, a net
weight of 2 and a lead of 1 over the others; else it is undecided. Reasons repeat what other findings hold; nothing is tested here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bridge.analysis.statistics import wilson
from bridge.model.finding import Nature, Reason, Scale, Triage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.model.finding import BrokenStep, Cohort, Concentration, Contrast, NovelTemplate, Onset, Workaround

NATURES: tuple[Nature, ...] = ("defect", "configuration", "user error")
SCALES: tuple[Scale, ...] = ("systemic", "isolated")
RELEASES = frozenset({"release", "deploy", "deployment", "migration", "build", "rollout", "version"})
SETTINGS = frozenset({"flag", "config", "configuration", "setting", "settings", "feature", "toggle", "permission", "policy"})
SEVERAL = 3
"""Accounts from which it is not one customer's matter."""
MANY = 20
"""Accounts with such events from which it says much that all but one or two are well."""
_MOST = 0.8
_HALF = 0.5
_NET, _LEAD = 2, 1
_STRONG = 2
_SWITCH = frozenset({"true", "false", "on", "off", "yes", "no", "enabled", "disabled", "0", "1"})


Label = TypeVar("Label", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the other findings hold; each only where it holds after correction."""

    cohort: Cohort
    onset: Onset | None
    version_separates: bool
    """The failing rows carry the version that the change brought, and others don't."""
    concentrations: tuple[Concentration, ...]
    contrasts: tuple[Contrast, ...]
    errors: tuple[NovelTemplate, ...]
    """New errors and warnings."""
    sequences: tuple[BrokenStep, ...]
    workaround: Workaround | None
    cite: Mapping[str, tuple[str, ...]]
    """Evidence ids by kind of finding."""


def triage(facts: Facts) -> Triage:
    """Weigh what was found."""
    reasons = (*_scale(facts), *_time(facts), *_shared(facts), *_logs(facts), *_again(facts))
    return Triage(nature=_best(reasons, NATURES) or "undecided", scale=_best(reasons, SCALES) or "undecided", reasons=reasons)


def _best(reasons: Sequence[Reason], labels: Sequence[Label]) -> Label | None:
    """Return the label with a strong reason, enough net weight and a lead; None: undecided."""
    net: Counter[str] = Counter()
    for reason in reasons:
        net[reason.about] += reason.weight if reason.speaks_for else -reason.weight
    first, *others = sorted(labels, key=lambda label: -net[label])
    strong = any(reason.about == first and reason.speaks_for and reason.weight >= _STRONG for reason in reasons)
    return first if strong and net[first] >= _NET and net[first] - net[others[0]] >= _LEAD else None


def _scale(facts: Facts) -> list[Reason]:
    affected = facts.cohort.affected
    count, failures = len(affected), sum(account.failures for account in affected)
    most = max((account.failures for account in affected), default=0)
    cite = facts.cite.get("cohort", ())
    found = []
    if count >= SEVERAL:
        share = wilson(count, max(1, facts.cohort.population))
        words = f"{count:,} of {facts.cohort.population:,} accounts are affected (95 %: {share.low:.1%} to {share.high or 1:.1%})"
        found += [
            _reason("systemic", True, words, _STRONG, cite),
            _reason("user error", False, f"{count:,} accounts do the same wrong thing only seldom", _STRONG, cite),
        ]
        found.append(_reason("isolated", False, words, _STRONG, cite))
    else:
        words = f"only {count} of {facts.cohort.exposed:,} accounts with such events {'is' if count == 1 else 'are'} affected"
        found += [_reason("isolated", True, words, _STRONG, cite), _reason("systemic", False, words, 1, cite)]
        others, well = _STRONG if facts.cohort.exposed >= MANY else 1, facts.cohort.exposed - count
        found.append(_reason("user error", True, words, others, cite))
        if well > 0:
            said = "the other account with such events is well" if well == 1 else f"the other {well:,} accounts with such events are well"
            found.append(_reason("defect", False, said, 1, cite))
    if failures and count >= SEVERAL and most >= _MOST * failures:
        found.append(_reason("isolated", True, f"one account has {most:,} of the {failures:,} failures", _STRONG, cite))
    return found


def _time(facts: Facts) -> list[Reason]:
    onset, cite = facts.onset, facts.cite.get("onset", ())
    if onset is None:
        words = "no beginning stands out: failures are spread over the window, as they are where people err"
        return [_reason("user error", True, words, 1, cite), _reason("defect", False, words, 1, cite)]
    found = []
    if onset.change is not None:
        change = " ".join(part for part in (onset.change.kind, onset.change.name, onset.change.version or "") if part)
        kind = onset.change.kind.casefold()
        gap = f"it began after {change}, with {onset.failures_before:,} failures in {onset.exposure_before:,} events before"
        weight = _STRONG if not onset.failures_before else 1
        if kind in SETTINGS:
            found.append(_reason("configuration", True, gap, weight, cite))
        elif kind in RELEASES:
            found.append(_reason("defect", True, gap, weight, cite))
            if facts.version_separates:
                found.append(_reason("defect", True, f"events with version {onset.change.version} fail, others don't", _STRONG, cite))
        if onset.rivals:
            about: Nature = "configuration" if kind in SETTINGS else "defect"
            found.append(_reason(about, False, f"{len(onset.rivals)} other changes lie as near", 1, cite))
        found.append(_reason("user error", False, f"it began for all of them after {change}", 1, cite))
    else:
        found.append(_reason("defect", False, "it began after no change that is known", 1, cite))
    return found


def _shared(facts: Facts) -> list[Reason]:
    cite = facts.cite.get("contrast", ())
    found = []
    for item in facts.contrasts[:1]:
        words = " and ".join(f"{condition.attribute} = {condition.value}" for condition in item.conditions)
        said = f"{item.affected:,} of {item.affected_total:,} affected accounts have {words}, of the others {item.control:,} of {item.control_total:,}"
        switched = any(condition.value.casefold() in _SWITCH for condition in item.conditions)
        found.append(_reason("configuration", True, said, _STRONG if switched else 1, cite))
        if item.control:
            found.append(_reason("configuration", False, f"{item.control:,} accounts have {words} and are well", 1, cite))
    if not facts.contrasts and facts.cohort.affected:
        found.append(_reason("configuration", False, "affected accounts share no attribute that others don't have", 1, cite))
    for pile in facts.concentrations[:1]:
        when = f"minutes after {pile.event}" if pile.event else "at one time of day"
        said = f"{pile.inside:,} of {pile.total:,} failures lie {when}, on {pile.days} days"
        place = facts.cite.get("concentration", ())
        found += [_reason("defect", True, said, 1, place), _reason("user error", False, said, 1, place)]
    return found


def _logs(facts: Facts) -> list[Reason]:
    found = []
    if facts.errors:
        first = facts.errors[0]
        said = f"{first.service} writes an error that {'is new' if not first.traces_before else 'comes more often'}, in {first.traces:,} of {first.traces_total:,}"
        found.append(_reason("defect", True, said, _STRONG, facts.cite.get("novelty", ())))
    sure = [step for step in facts.sequences if not step.usual]
    if sure:
        said = f"a step of {sure[0].service} that normally follows is missing, in {sure[0].traces:,} of {sure[0].traces_total:,} traces"
        found.append(_reason("defect", True, said, _STRONG, facts.cite.get("sequence", ())))
    return found


def _again(facts: Facts) -> list[Reason]:
    done = facts.workaround
    if done is None or not done.tried or wilson(done.worked, done.tried).low < _HALF:
        return []
    said = f"the same again worked {done.worked:,} of {done.tried:,} times: what customers had entered was right"
    return [_reason("user error", False, said, 1, facts.cite.get("workaround", ()))]


def _reason(about: Nature | Scale, speaks_for: bool, statement: str, weight: int, evidence: tuple[str, ...]) -> Reason:  # noqa: FBT001  read as a table
    return Reason(about=about, speaks_for=speaks_for, statement=statement, weight=weight, evidence=evidence)
