"""What a template sees: names for values and functions for what Markdown can't say by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.model.evidence import Provenance
from bridge.model.finding import Concentration, Contrast, Excerpt, LogLine
from bridge.model.window import Window
from bridge.reporting import formats, views
from bridge.reporting.charts import Chart
from bridge.reporting.facts import LEFT_OUT, ReportFacts, mask_of, masked_alike, masked_analysis, masked_reproduction, ticket_views
from bridge.reporting.links import allowed
from bridge.reporting.safe import Safe, code_block, code_span, escaped, printed


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """The case without its tickets: those are `tickets`, cut to what may be shown."""

    id: str
    created_at: datetime
    requested: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def linker(known: frozenset[str]) -> Callable[[object, str], Safe]:
    """Return `link(words, url)`: a link where the address is allowed, else the words alone."""

    def link(words: object, url: str) -> Safe:
        text = printed(words)
        if not allowed(url, known):
            return text
        address = re.sub(r"([<>\\])", r"\\\1", url)
        return Safe(f"[{text}](<{address}>)")

    return link


def picturer(charts: Mapping[str, Chart]) -> Callable[[str], Safe]:
    """Return `picture(name)`: the picture with its text alternative; nothing when the case has none."""

    def picture(name: str) -> Safe:
        chart = charts.get(name)
        if chart is None:
            return Safe("")
        return Safe(f'\n![{escaped(chart.alt)}](pictures/{chart.name} "{escaped(chart.caption)}")\n')

    return picture


def log_line(line: LogLine) -> str:
    """2026-03-11T02:04:11.113Z ERROR exports trace=4bf9 account=acct_71 message."""
    parts = [formats.stamp(line.at), line.level, line.service]
    parts += [f"trace={line.trace_id}"] if line.trace_id else []
    parts += [f"account={line.account_id}"] if line.account_id else []
    message = line.message.rstrip("\n").replace("\r\n", "\n").replace("\n", "\n    ")
    return " ".join(part for part in parts if part) + " " + message


def log_block(excerpt: Excerpt) -> Safe:
    """Return an excerpt's lines as one code block."""
    return code_block(lines(excerpt.lines) or "(no lines)")


def lines(found: Sequence[LogLine]) -> str:
    """Return log lines as text, one under the other."""
    return "\n".join(log_line(line) for line in found)


def places(found: Sequence[LogLine]) -> str:
    """logs/exports/a.log at byte 1,234."""
    return "; ".join(f"{line.file} at byte {formats.number(line.offset)}" for line in found)


def _parameters(source: Provenance) -> str:
    def value(given: object) -> str:
        return ", ".join(map(str, given)) if isinstance(given, list) else str(given)

    return "; ".join(f"{name} = {value(given)}" for name, given in source.parameters.items())


def functions(facts: ReportFacts, charts: Mapping[str, Chart]) -> dict[str, Callable[..., Any]]:
    """Return the functions a template may call."""
    known = frozenset(ticket.url for ticket in facts.case.tickets)

    def money(value: Decimal) -> str:
        return LEFT_OUT if "revenue" in facts.policy.leave_out else formats.money(value, facts.currency)

    def change(value: Any) -> str:
        return views.change_name(value)

    def conditions(value: Contrast) -> str:
        return views.conditions_words(value)

    def when(value: Concentration) -> str:
        return views.concentration_words(value)

    return {
        "code": code_block,
        "mono": code_span,
        "link": linker(known),
        "picture": picturer(charts),
        "log_block": log_block,
        "lines": lines,
        "minute": formats.minute,
        "places": places,
        "number": formats.number,
        "whole": formats.whole,
        "money": money,
        "percent": formats.percent,
        "of": formats.of,
        "time": formats.instant,
        "day": formats.day,
        "duration": formats.duration,
        "effect": formats.effect,
        "interval": formats.interval,
        "share_interval": formats.share_interval,
        "probability": formats.probability,
        "clock": formats.clock,
        "iso": formats.stamp,
        "sentence": views.sentence,
        "change_name": change,
        "conditions": conditions,
        "when": when,
        "parameters": _parameters,
    }


def values(facts: ReportFacts) -> dict[str, Any]:
    """Return the values a template may print; missing findings are None or empty."""
    analysis = masked_analysis(facts)
    concentration = views.main_concentration(analysis)
    return {
        "title": views.title(facts),
        "summary": views.summary(facts),
        "steps": views.steps(facts),
        "reproduction": masked_reproduction(facts),
        "case": _case_view(facts),
        "investigation": facts.investigation,
        "tickets": ticket_views(facts),
        "cohort": analysis.cohort,
        "impact": analysis.impact,
        "onset": analysis.onset,
        "concentration": concentration,
        "concentrations": analysis.concentrations,
        "contrasts": analysis.contrasts,
        "novelties": analysis.novelties,
        "sequences": analysis.sequences,
        "triage": analysis.triage,
        "excerpts": analysis.excerpts,
        "severity": analysis.severity,
        "workaround": analysis.workaround,
        "found": tuple(finding for finding in analysis.findings if finding.level != "nothing"),
        "nothing_found": tuple(finding for finding in analysis.findings if finding.level == "nothing"),
        "related": analysis.related,
        "notes": analysis.notes,
        "algorithm": analysis.algorithm,
        "template_ids": analysis.templates,
        "evidence": facts.evidence,
        "window": facts.case.window,
        "currency": facts.currency,
        "created_at": facts.created_at,
        "bridge_version": facts.bridge_version,
        "seen": facts.seen,
        "alike": masked_alike(facts),
        "searched": facts.searched,
        "promise": mask_of(facts).words(facts.promise),
        "destination": facts.policy.destination,
        "left_out": facts.policy.leave_out,
        "problem": views.problem(facts),
        "attachments": attachment_names(facts),
    }


def attachment_names(facts: ReportFacts) -> tuple[str, ...]:
    """Return the names of every file that goes with the report."""
    left_out = facts.policy.leave_out
    own = ["affected.csv"] if facts.analysis.cohort and facts.analysis.cohort.affected and "affected_csv" not in left_out else []
    method = [] if "method_json" in left_out else ["method.json"]
    return (*own, *method, "report.html", *facts.attachments)


def _case_view(facts: ReportFacts) -> CaseView:
    case = facts.case
    shown = []
    for name, value in case.parameters.items():
        if isinstance(value, Window):
            shown.append((name, f"{formats.instant(value.start)} to {formats.instant(value.end)}"))
        else:
            shown.append((name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return CaseView(id=case.id, created_at=case.created_at, requested=case.requested, parameters=tuple(shown), problems=case.problems)
