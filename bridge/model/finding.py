"""Findings: statements with effect, uncertainty and the evidence they cite, and the typed facts behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from bridge.model.change import Change
from bridge.model.window import Window

FindingKind = Literal["cohort", "impact", "onset", "concentration", "contrast", "novelty", "sequence", "workaround", "severity", "triage"]
Level = Literal["finding", "note", "nothing"]
"""finding: holds after correction; note: shown, decides nothing; nothing: searched and not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float | None
    """None: unbounded."""
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How big it is, in words a person can check."""

    name: str
    """share of accounts, risk ratio, rate ratio, ..."""
    value: float | None
    """None: unbounded (a rate ratio against zero)."""
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One statement with its proof; `level == 'nothing'` says what was searched and what would have been seen."""

    id: str
    """F1, F2, ... in the order of importance."""
    kind: FindingKind
    level: Level
    statement: str
    effect: Effect | None = None
    p_value: float | None = None
    q_value: float | None = None
    """Corrected over everything that was tried in the case."""
    evidence: tuple[str, ...] = ()
    searched: str = ""
    check: str = ""
    """A command that shows the rows behind it."""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedAccount:
    """One account of the cohort. Money is in the workspace's currency, a year."""

    account_id: str
    name: str
    plan: str
    region: str
    arr: Decimal
    seats: int
    failures: int
    events: int
    """All its events in the window, failing or not."""
    first_failure: datetime
    last_failure: datetime
    tickets: tuple[str, ...] = ()
    """Tickets about this defect; empty: a silent account."""

    @property
    def silent(self) -> bool:
        """Tell whether nobody of this account wrote."""
        return not self.tickets


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An account that could be taken for affected and is not, and why."""

    account_id: str
    name: str
    why: str
    tickets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who is affected by the investigation's rule."""

    rule: str
    affected: tuple[AffectedAccount, ...]
    """Sorted by arr, biggest first, then account_id."""
    left_out: tuple[LeftOut, ...]
    """Accounts of the case's tickets that are not affected, and accounts below the rule's minimum."""
    population: int
    """All accounts of the view."""
    exposed: int
    """Accounts with at least one event in the window."""
    control: int
    """Exposed accounts without any failing event: what the cohort is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """Affected and all accounts that carry one value (a plan, a region)."""

    value: str
    affected: int
    population: int
    arr: Decimal
    """Revenue of the affected ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """Failing and all events of one UTC day."""

    day: str
    failures: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """How many, how much, how often."""

    accounts: int
    population: int
    share: Effect
    silent: int
    arr: Decimal
    arr_silent: Decimal
    population_arr: Decimal
    seats: int
    plans: tuple[GroupCount, ...]
    regions: tuple[GroupCount, ...]
    failures: int
    events: int
    """All events of the affected accounts since the first failure."""
    frequency: Effect
    """Failures per affected account and day since the onset, with its Poisson interval."""
    days: tuple[DayCount, ...]
    trend: Literal["rising", "steady", "falling", "too few to tell"]
    users: int | None = None
    """Different users of affected accounts with a failure, where the events name them (user_id or user); None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """When it began and after what."""

    first_failure: datetime
    last_failure: datetime
    began: Window
    """It began in here: from the last opportunity that did not fail to the first failure."""
    change: Change | None
    """The nearest change before the first opportunity to fail; a candidate, not a proven cause."""
    gap_seconds: float | None
    """From the change to the first failure."""
    rivals: tuple[Change, ...]
    """Other changes that lie as near."""
    exposure_before: int
    """Opportunities before the onset: events that could have failed, under the conditions of those that did."""
    failures_before: int
    rate_bound_before: float | None
    """95 % upper bound of the failure rate before (rule of three when none failed)."""
    events_before: int = 0
    """All events of the window before the first failure, whatever their conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """Failures pile up in one stretch of the day, or shortly after recurring events."""

    axis: Literal["time of day", "after event"]
    start_minute: int
    """Minute of the UTC day, or minutes after the event."""
    end_minute: int
    """Exclusive."""
    event: str | None
    """The recurring event: `job cache-refresh`."""
    inside: int
    total: int
    load_share: float
    """Share of all events (failing or not) that lie inside: what chance would give."""
    days: int
    """Days that carry a failure inside."""
    ratio: Effect
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """attribute = value."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What affected accounts (or failing events) share and comparable others don't."""

    conditions: tuple[Condition, ...]
    """One, or a pair where the pair is itself better than each of its parts."""
    unit: Literal["accounts", "events"]
    affected: int
    affected_total: int
    control: int
    control_total: int
    ratio: Effect
    p_value: float
    q_value: float
    confounded: tuple[Condition, ...] = ()
    """Attributes that separate the same units equally well: named together, not chosen between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log event as evidence, with the place where a reader can open it."""

    at: datetime
    level: str
    service: str
    account_id: str | None
    trace_id: str | None
    message: str
    file: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NovelTemplate:
    """A log template that is new, or much more frequent, against the baseline. Counts traces, not lines."""

    template_id: str
    template: str
    service: str
    level: str
    lines: int
    traces: int
    accounts: int
    traces_total: int
    lines_before: int
    traces_before: int
    traces_before_total: int
    """Exposure of the baseline."""
    rate_bound_before: float | None
    ratio: Effect
    q_value: float
    exemplars: tuple[LogLine, ...]
    masked: str = ""
    """Most of its lines with their values masked, whatever else was mined: the name of the defect in fingerprints. Empty: the
    same as `template` (findings of before)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenStep:
    """In these traces the event that normally follows is missing. Counts traces, not lines. Texts are untrusted."""

    service: str
    """Whose event is missing: who is blamed."""
    missing: str
    """Template of the event that normally comes."""
    follows: str
    """Template of the event after which it is missed."""
    follows_service: str
    instead: str | None
    """What most often comes in its place; None: nothing comes."""
    usual: bool
    """What comes instead came there before, too, only less often: maybe other things are asked for."""
    position: str | None
    """Line of code that writes it, where the logs say so."""
    follows_position: str | None
    traces: int
    traces_total: int
    traces_before: int
    traces_before_total: int
    first: int
    """Traces in which nothing else went missing earlier."""
    ratio: Effect
    p_value: float
    q_value: float
    exemplars: tuple[LogLine, ...]
    exemplars_before: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The log lines of one exemplar failure, in time order."""

    key: str
    """The failing event's key, or the trace."""
    why: str
    """Why this one is shown."""
    lines: tuple[LogLine, ...]
    left_out: int = 0
    """Lines of the same failure that are not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """The level and the rule that gave it."""

    level: str
    """S1 to S4."""
    rule: str
    policy: str
    """Dated id of the policy: `gitlab-2026-11`."""
    criteria: tuple[str, ...] = ()
    """Every criterion that was judged, with its value."""


Nature = Literal["defect", "configuration", "user error"]
Scale = Literal["isolated", "systemic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One piece of evidence that speaks for or against something."""

    about: Nature | Scale
    speaks_for: bool
    statement: str
    weight: int
    """2: strong, 1: weak."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What it most likely is, and why: never a bare label. A person decides."""

    nature: Nature | Literal["undecided"]
    scale: Scale | Literal["undecided"]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workaround:
    """A way around, and how often it worked among those who tried."""

    statement: str
    worked: int
    tried: int
    evidence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How often one thing is told of now, against before. A loud account counts once a week."""

    subject: str
    """The symptom's name, the words that group the tickets, the error's template. May hold customers' words: untrusted."""
    kind: str
    """symptom (of an investigation), signal (the same error), words (alike tickets), error (of the logs)."""
    unit: str
    """What is counted: accounts, tickets, traces."""
    words: tuple[str, ...]
    """The words that group it."""
    counts: tuple[int, ...]
    """By week, oldest first; the last one ends now."""
    members: tuple[str, ...]
    """Tickets of the last week."""
    answer: Literal["new", "rising", "flat", "too few to tell"]
    statement: str
    recent: int
    recent_days: float
    before: int
    before_days: float
    change: Change | None
    """new: the change since which it is told of."""
    effect: Effect
    dispersion: float
    """Variance over mean that the test allows for."""
    p_value: float
    q_value: float
    tried: int
    """Comparisons of all series together."""
    needed: int | None
    """too few to tell: the count that would be enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedTicket:
    """A further ticket of an affected account that seems to be about the same thing."""

    ticket_id: str
    account_id: str
    subject: str
    why: str
    """The words that matched."""
    included: bool
    """True when it belongs to the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything the analysis found: findings.json."""

    cohort: Cohort | None
    impact: Impact | None
    onset: Onset | None
    concentrations: tuple[Concentration, ...]
    contrasts: tuple[Contrast, ...]
    novelties: tuple[NovelTemplate, ...]
    excerpts: tuple[Excerpt, ...]
    severity: Severity | None
    workaround: Workaround | None
    findings: tuple[Finding, ...]
    related: tuple[RelatedTicket, ...] = ()
    sequences: tuple[BrokenStep, ...] = ()
    triage: Triage | None = None
    algorithm: str = ""
    """Dated id of the analysis: results of different ids are not compared."""
    templates: str = ""
    """Dated id of what made the template ids; empty: no logs were compared, or by masks alone (findings of before)."""
    notes: tuple[str, ...] = field(default=())
