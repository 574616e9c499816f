"""What a report holds of what engineers ask for: 100 points, computed from the case's facts and never from its prose.

The weights follow what developers rated as most helpful (Bettenburg et al., FSE 2008): steps, traces, test cases. A part
is out of reach when the source it is computed from is not there: its points are taken from the ceiling, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.model.finding import Analysis, Concentration, Contrast, NovelTemplate
from bridge.reporting import views
from bridge.reporting.build import Report
from bridge.reporting.facts import ReportFacts
from bridge.reporting.nodes import Heading

TOTAL = 100
MINIMUM = 70
"""Percent of what is reachable that filing asks for, unless bridge.yaml says otherwise."""
_SENTENCES = 5
_STEPS = 2
_SECTIONS = 4
_PLACEHOLDER = re.compile(r"(?i)\b(?:tbd|todo|xxx|lorem)\b|<[a-z_ ]+>|\?{3}")
_OUT_OF_REACH = {
    "target": "no test system is in bridge.yaml (reproduction.targets)",
    "accounts": "this investigation counts no accounts",
    "changes": "this investigation reads no changes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing a report should hold."""

    id: str
    """R1 to R9 for the engineer, I1 to I4 impact, T1 to T3 where it comes from, F1 and F2 form."""
    what: str
    points: float
    share: float
    """How much of it is there, 0 to 1."""
    command: str
    """What would obtain it."""
    unreachable: str = ""
    """Why it can't be had here; empty: it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The points of one report."""

    parts: tuple[Part, ...]

    @property
    def points(self) -> float:
        """Return what the report has, of 100."""
        return round(sum(part.points * part.share for part in self.parts), 1)

    @property
    def ceiling(self) -> float:
        """Return what can be had here: 100 without the parts whose source is not there."""
        return round(sum(part.points for part in self.parts if part.share or not part.unreachable), 1)

    @property
    def percent(self) -> float:
        """Return the points as percent of the ceiling."""
        return round(100 * self.points / self.ceiling, 1) if self.ceiling else 0.0

    @property
    def missing(self) -> tuple[Part, ...]:
        """Return what could be had and is not all there, most points first."""
        open_parts = [part for part in self.parts if part.share < 1 and not part.unreachable]
        return tuple(sorted(open_parts, key=lambda part: (-part.points * (1 - part.share), part.id)))

    @property
    def out_of_reach(self) -> tuple[Part, ...]:
        """Return what can't be had here."""
        return tuple(part for part in self.parts if part.unreachable and not part.share)

    def sentence(self) -> str:
        """Return it in words: 74 of the 79 points that can be had here (93.7 %)."""
        return f"{self.points:g} of the {self.ceiling:g} points that can be had here ({self.percent:g} %)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What all parts are judged from."""

    facts: ReportFacts
    report: Report

    def part(self, id_: str, points: float, what: str, held: object, command: str, *, needs: str = "") -> Part:
        """Return one part; `held` is a truth or a share."""
        share = float(held) if isinstance(held, float) else float(bool(held))
        gone = _OUT_OF_REACH[needs] if needs and needs not in self.facts.available else ""
        return Part(id=id_, what=what, points=points, share=share, command=command, unreachable=gone)

    @property
    def analysis(self) -> Analysis:
        return self.facts.analysis

    @property
    def again(self) -> str:
        case = self.facts.case
        return f"bridge investigate {' '.join(case.requested)} --with {case.investigation} --refresh"

    @property
    def reproduce(self) -> str:
        return f"bridge reproduce {self.facts.case.id} --target NAME --send"

    @property
    def entry(self) -> str:
        return f"bridge investigations show {self.facts.investigation.id}"


def score(facts: ReportFacts, report: Report) -> Score:
    """Return the points of a case's report."""
    sheet = _Sheet(facts=facts, report=report)
    groups = (_steps, _ran, _excerpt, _smallest, _behaviour, _picture, _version, _when, _impact, _contrast, _sources, _form)
    return Score(parts=tuple(part for group in groups for part in group(sheet)))


def _steps(sheet: _Sheet) -> Iterator[Part]:
    facts, made, derived = sheet.facts, sheet.facts.reproduction, views.steps(sheet.facts)
    ran = made.steps if made else ()
    texts = [step.words for step in ran] if ran else [*derived.actions] if derived else []
    start = bool(made and made.account and made.target) if ran else bool(derived and len(derived.start) >= _STEPS)
    targets = all(step.method and step.route for step in ran) if ran else bool(derived and derived.concrete)
    yield sheet.part("R1", 4, "at least 2 numbered steps", max(len(ran), len(texts)) >= _STEPS, sheet.reproduce)
    yield sheet.part("R1", 4, "a start state: account, environment, flags", start, sheet.reproduce)
    yield sheet.part("R1", 4, "every step is one action with a target", texts and targets, sheet.reproduce)
    held = bool(texts) and not any(_PLACEHOLDER.search(text) for text in texts)
    yield sheet.part("R1", 4, "no placeholder is left in the steps", held, f"bridge report {facts.case.id} --template bug_report")


def _ran(sheet: _Sheet) -> Iterator[Part]:
    made = sheet.facts.reproduction
    ran = made if made and made.steps and made.seen else None
    yield sheet.part("R2", 4, "a machine ran the steps: n of N", ran and ran.runs, sheet.reproduce, needs="target")
    yield sheet.part("R2", 2, "on which system", ran and ran.target, sheet.reproduce, needs="target")
    yield sheet.part("R2", 2, "at which time (UTC)", ran and ran.at, sheet.reproduce, needs="target")
    yield sheet.part("R2", 2, "with which version of the tool", ran and sheet.facts.bridge_version, sheet.reproduce, needs="target")


def _excerpt(sheet: _Sheet) -> Iterator[Part]:
    analysis = sheet.analysis
    lines = [line for item in analysis.excerpts for line in item.lines]
    lines += [line for item in analysis.novelties for line in item.exemplars]
    shown = lines and "log_lines" not in sheet.facts.policy.leave_out
    yield sheet.part("R3", 6, "log lines or a stack in a code block", shown, f"{sheet.again}   # with logs in bridge.yaml")
    yield sheet.part("R3", 3, "their time in UTC", shown, sheet.again)
    yield sheet.part("R3", 3, "a trace or request id", shown and any(line.trace_id for line in lines), f"{sheet.again}   # fields.trace_id")


def _smallest(sheet: _Sheet) -> Iterator[Part]:
    made = sheet.facts.reproduction
    files = set(made.files if made else ()) & {"test_reproduction.py", "reproduce.sh", "reproduce.hurl", "run.har"}
    yield sheet.part("R4", 7, "the smallest failing case, attached and runnable", files, sheet.reproduce, needs="target")
    yield sheet.part("R4", 4, "k of K requests kept", made and made.steps and made.recorded, sheet.reproduce, needs="target")


def _behaviour(sheet: _Sheet) -> Iterator[Part]:
    facts, analysis = sheet.facts, sheet.analysis
    exact = facts.investigation.observed and (analysis.excerpts or analysis.novelties or (facts.reproduction and facts.reproduction.oracle))
    expected = facts.investigation.expected
    counted = (analysis.impact and analysis.impact.failures) or analysis.novelties
    origin = (expected and expected.source) or (analysis.cohort and analysis.cohort.control)
    yield sheet.part("R5", 4, "the exact status or message", exact, f"{sheet.entry}   # observed")
    yield sheet.part("R5", 3, "how often it was observed", counted, sheet.again)
    yield sheet.part("R6", 3, "what was expected", expected or (analysis.cohort and analysis.cohort.control), f"{sheet.entry}   # expected")
    yield sheet.part("R6", 4, "where the expectation comes from", origin, f"{sheet.entry}   # expected.source")


def _picture(sheet: _Sheet) -> Iterator[Part]:
    images = [name for name in sheet.report.pictures if name.endswith(".svg")]
    yield sheet.part("R7", 1, "a picture", images, f"{sheet.again}   # an investigation with impact")
    yield sheet.part("R7", 2, "its text alternative", images, f"{sheet.again}   # an investigation with impact")


def _version(sheet: _Sheet) -> Iterator[Part]:
    analysis, made = sheet.analysis, sheet.facts.reproduction
    onset = analysis.onset
    version = (onset and onset.change and onset.change.version) or (made and made.environment.get("version"))
    place = (analysis.impact and analysis.impact.regions) or (made and made.target) or any(item.service for item in analysis.novelties)
    yield sheet.part("R8", 2, "version, build or commit", version, f"{sheet.again}   # view changes with versions", needs="changes")
    yield sheet.part("R8", 2, "environment and region", place, sheet.again)
    flags = [condition for item in analysis.contrasts for condition in item.conditions]
    yield sheet.part("R8", 1, "flags, or that none matters", flags or _looked(analysis, "contrast"), sheet.again, needs="accounts")


def _looked(analysis: Analysis, kind: str) -> bool:
    """Tell whether a kind of finding was looked for and reported, found or not."""
    return any(finding.kind == kind for finding in analysis.findings)


def _when(sheet: _Sheet) -> Iterator[Part]:
    onset, seen = sheet.analysis.onset, sheet.facts.seen
    yield sheet.part("R9", 1, "when it was first seen", onset or seen, sheet.again)
    yield sheet.part("R9", 1, "when it was last seen", onset or seen, sheet.again)
    said = onset and (onset.change or not onset.rivals)
    yield sheet.part("R9", 2, "the change before it, or that none is known", said, sheet.again, needs="changes")
    gap = onset and (onset.change is None or onset.gap_seconds is not None)
    yield sheet.part("R9", 2, "the time between them", gap, sheet.again, needs="changes")


def _impact(sheet: _Sheet) -> Iterator[Part]:
    analysis, impact = sheet.analysis, sheet.analysis.impact
    yield sheet.part("I1", 2, "n of N accounts", analysis.cohort, sheet.again, needs="accounts")
    attached = "affected.csv" in sheet.report.attachments or (analysis.cohort and not analysis.cohort.affected)
    yield sheet.part("I1", 1, "the list of them, attached", attached, sheet.again, needs="accounts")
    yield sheet.part(
        "I1", 2, "by tier and revenue", impact and impact.plans, f"{sheet.again}   # view accounts: plan, arr", needs="accounts"
    )
    ratios = [item.ratio for item in analysis.novelties]
    yield sheet.part("I2", 1, "how often, as a number", impact or ratios, sheet.again)
    measured = (impact and impact.frequency.interval) or any(ratio.interval for ratio in ratios)
    yield sheet.part("I2", 2, "with its interval", measured, sheet.again)
    yield sheet.part("I3", 2, "severity with the rule that gave it", analysis.severity, sheet.again, needs="accounts")
    around = f"{sheet.entry}   # workaround"
    yield sheet.part("I3", 1, "a workaround, or that none was found", analysis.workaround or _looked(analysis, "workaround"), around)


def _contrast(sheet: _Sheet) -> Iterator[Part]:
    analysis = sheet.analysis
    near: tuple[Concentration, ...] = analysis.concentrations
    shared = analysis.contrasts or analysis.novelties or near
    nothing = _looked(analysis, "contrast") or _looked(analysis, "sequence")
    yield sheet.part("I4", 1, "what the affected share and others do not", shared or nothing, sheet.again)
    tested: tuple[Contrast | NovelTemplate | Concentration, ...] = (*analysis.contrasts, *analysis.novelties, *near)
    effects = [item.ratio for item in tested]
    yield sheet.part("I4", 1, "how strong it is", effects or nothing, sheet.again)
    yield sheet.part("I4", 1, "the test behind it", effects or nothing, sheet.again)


def _sources(sheet: _Sheet) -> Iterator[Part]:
    facts, case = sheet.facts, sheet.facts.case.id
    yield sheet.part("T1", 1, "source tickets, linked", facts.case.tickets, f"bridge add {case} TICKET")
    yield sheet.part(
        "T1",
        1,
        "what the customer was promised, or that nothing was",
        facts.promise,
        f'bridge report {case} --promise "none"   # or what, and until when',
    )
    by_id = {source.id: source for source in facts.evidence}
    stated = [finding for finding in sheet.analysis.findings if any(char.isdigit() for char in finding.statement)]
    traced = sum(bool(finding.evidence) and all(id_ in by_id and by_id[id_].digest for id_ in finding.evidence) for finding in stated)
    share = traced / len(stated) if stated else 0.0
    yield sheet.part("T2", 3, "numbers with query, parameters, rows and digest", share, sheet.again)
    yield sheet.part("T3", 1, "issues that may be the same, with verdict", facts.alike is not None, f"bridge similar {case}")
    yield sheet.part("T3", 1, "what the method can't tell", facts.investigation.cannot_tell, f"{sheet.entry}   # cannot_tell")


def _form(sheet: _Sheet) -> Iterator[Part]:
    short = 0 < len(sheet.report.title) <= views.TITLE_LENGTH
    yield sheet.part("F1", 0.5, "a title of at most 100 characters", short, "bridge templates check")
    yield sheet.part(
        "F1", 0.5, "a summary of at most 5 sentences", 0 < len(views.summary(sheet.facts)) <= _SENTENCES, "bridge templates check"
    )
    sections = sum(isinstance(block, Heading) for block in sheet.report.document.children)
    yield sheet.part("F2", 0.5, "sections and items", sections >= _SECTIONS, "bridge templates check")
    yield sheet.part("F2", 0.5, "one defect in one report", bool(sheet.facts.investigation.id), sheet.again)
