"""The answer to what is different now: the shapes of `bridge.analysis.compare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.model.finding import BrokenStep, Effect, LogLine

Kind = Literal["missing", "new", "more", "latency", "value", "gone", "fewer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is different now. Counts are of the comparison's unit; `group` is who it points to."""

    kind: Kind
    group: str
    statement: str
    """May hold log text: untrusted."""
    template_id: str
    template: str
    aliases: tuple[str, ...] = ()
    """Ids that the template had before it widened, as far as they were recorded."""
    follows: str | None = None
    """missing, latency: the template that it normally comes directly after."""
    follows_group: str | None = None
    instead: str | None = None
    """missing: the template that most often comes in its place; None: nothing comes."""
    field: str | None = None
    position: str | None = None
    """Where in the code the event is written, when the logs say so."""
    follows_position: str | None = None
    instead_position: str | None = None
    count: float
    total: int
    count_before: float
    total_before: int
    effect: Effect
    p_value: float
    q_value: float
    first: int = 0
    """Units in which nothing else of this list went wrong earlier."""
    usual: bool = False
    """missing: what comes instead came there before, too, only less often: maybe other things are asked for."""
    exemplars: tuple[LogLine, ...] = ()
    exemplars_before: tuple[LogLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRank:
    """A group and how much points to it, the most suspicious first."""

    group: str
    first: int
    """Units that broke here first."""
    findings: int
    q_value: float
    """Of its best finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer, and what it was looked for in."""

    by: str
    unit: str
    algorithm: str
    groups: tuple[GroupRank, ...]
    findings: tuple[Difference, ...]
    lines: int
    lines_before: int
    units: int
    units_before: int
    tried: int
    """Hypotheses of all kinds."""
    not_compared: tuple[str, ...] = ()
    """Groups that only one side holds, and questions that need traces where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSteps:
    """What breaks in the traces of a case's logs, and what was tried."""

    found: tuple[BrokenStep, ...] = ()
    tried: int = 0
    traces: int = 0
    traces_before: int = 0
    best_q: float = 1.0
    seen: int | None = None
    """Traces with a step that never broke before which would have been seen broken."""
