"""What a reproduction came to: verdict.json, and what a report shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Verdict = Literal["reproduced", "flaky", "not reproduced", "candidate invalid", "blocked"]
FixVerdict = Literal["fixed", "still failing", "can't tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproductionStep:
    """One request of the smallest sequence, in words."""

    number: int
    recorded_as: int
    """Its number in the recording, from 1."""
    method: str
    route: str
    words: str
    """What it sends, without ids: `name = "EMEA only", field = "region"`."""
    uses: tuple[int, ...]
    """Numbers of the steps whose answers it needs."""
    status: int
    clock: datetime | None = None
    """What the target's clock has to show; None: it does not matter."""
    wait: float = 0.0
    """Seconds that have to pass before it; 0: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """One case's reproduction on one target."""

    case_id: str
    verdict: Verdict
    sentence: str
    """The verdict in words, with n of N and interval."""
    oracle: str
    seen: int
    runs: int
    low: float
    high: float
    """95 % Wilson interval of the rate."""
    target: str
    """Its name in the workspace."""
    url: str
    at: datetime
    account: str
    chosen: str
    """Why this session and this failure."""
    recorded: int
    """Requests of the session up to the failure."""
    kept: int
    links_proven: int
    links_guessed: int
    replays: int
    requests: int
    """Everything that was sent."""
    minimal: bool = True
    """No single request can be left out; False: the search ended before that was known."""
    steps: tuple[ReproductionStep, ...] = ()
    times: str = ""
    """Which recorded times and gaps matter."""
    control_seen: int = 0
    """How often the failing request alone, with what it needs, showed the same: false failures, when it is rare."""
    control_runs: int = 0
    limits: tuple[str, ...] = ()
    """What could not be known or was left out."""
    other_failures: tuple[str, ...] = ()
    """Seen on the way, not this bug."""
    differences: tuple[str, ...] = ()
    """Not reproduced: what answered otherwise than recorded."""
    created: tuple[str, ...] = ()
    """What the runs made on the target and left there: `report reports/report_1f`."""
    environment: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    data: str = ""
    """What data.sql holds, in words; empty: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """One step of a later run against what the reproduction saw."""

    number: int
    route: str
    before: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The same scenario against a later version."""

    case_id: str
    verdict: FixVerdict
    sentence: str
    seen: int
    runs: int
    needed: int
    """Clean runs that prove the fix at the recorded rate."""
    high: float
    """Upper bound of the rate now."""
    at: datetime
    target: str
    steps: tuple[StepChange, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """What the target says about itself."""
    comment: str = ""
    """What became of the comment on the issue: written, already, not written; empty: there is nothing to say, or no issue."""
