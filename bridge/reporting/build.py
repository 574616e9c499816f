"""From facts and a template to the report in every format."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.model.finding import Cohort, Impact
from bridge.model.impact import NOT_KNOWN
from bridge.reporting import adf, attachments, bars, charts, html, markdown, parse, sandbox, views, wiki
from bridge.reporting import facts as fact
from bridge.reporting.charts import Chart
from bridge.reporting.facts import ReportFacts
from bridge.reporting.nodes import Document, Heading, Image, inlines, plain
from bridge.reporting.template import find_template, list_templates

__all__ = ["Report", "build", "find_template", "list_templates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report, ready to be written into the case folder and filed."""

    title: str
    """One line of at most 100 characters: the issue's summary."""
    document: Document
    markdown: str
    wiki: str
    """At most 32,767 characters; without the title, which is the issue's summary."""
    wiki_cut: bool
    """True when sections did not fit: report.html has them all."""
    adf: str
    """The same for trackers that want Atlassian Document Format: a JSON text."""
    html: str
    pictures: Mapping[str, bytes]
    """SVG files by name, for report/pictures/."""
    drawn: tuple[Chart, ...]
    """The same pictures, for `pixels`: trackers show no SVG."""
    attachments: Mapping[str, bytes]
    """Files for the tracker by name: affected.csv, method.json, report.html."""
    source: str
    """The Markdown as the template wrote it, for the gates."""
    quoted: tuple[str, ...]
    """Words in the report that are not ours: subjects, names, log templates."""
    personal: tuple[str, ...]
    """Exact values that must not be in it: the people's names and addresses of its tickets."""
    destination: str = "engineers"
    """Whose policy it was masked by."""
    masked: Mapping[str, int] = field(default_factory=dict)
    """Values masked, by kind."""


def build(facts: ReportFacts, path: Path) -> Report:
    """Render the template at `path` with the facts; InputError names the template's line. Same facts, same bytes."""
    pictures = {chart.name: chart for chart in _charts(facts)}
    source = sandbox.render(path, facts, pictures)
    live = parse.Allowed(
        urls=frozenset(ticket.url for ticket in facts.case.tickets),
        pictures=frozenset(f"pictures/{name}" for name in pictures),
    )
    document = parse.parse(source, live)
    headings = (plain(block.children) for block in document.children if isinstance(block, Heading) and block.level == 1)
    title = next(headings, "") or views.title(facts)
    shown = {node.source for node in inlines(document.children) if isinstance(node, Image)}
    pictures = {name: chart for name, chart in pictures.items() if f"pictures/{name}" in shown}
    made_by = f"Case {facts.case.id}, written by bridge {facts.bridge_version}."
    page = html.render(document, title=title, pictures={f"pictures/{name}": chart for name, chart in pictures.items()}, made_by=made_by)
    text, cut = wiki.fit(document)
    files = {name: charts.standalone(chart) for name, chart in pictures.items()}
    return Report(
        title=title,
        document=document,
        markdown=markdown.render(document),
        wiki=text,
        wiki_cut=cut,
        adf=json.dumps(adf.fit(document)[0], indent=1) + "\n",
        html=page,
        pictures=files,
        drawn=tuple(pictures.values()),
        attachments=_attachments(facts, page),
        source=source,
        quoted=fact.quoted(facts),
        personal=fact.personal_values(facts.case.tickets),
        destination=facts.policy.destination,
        masked=fact.masked_counts(facts),
    )


def _charts(facts: ReportFacts) -> list[Chart]:
    analysis = fact.masked_analysis(facts)
    subject = facts.investigation.subject or facts.investigation.id
    found: list[Chart | None] = []
    if analysis.impact is not None:
        named = analysis.onset.change if analysis.onset else None
        found.append(charts.timeline(analysis.impact.days, facts.changes, subject, named))
    found.append(charts.heat_map(facts.failures, facts.case.window, subject))
    found.append(bars.contrast(analysis.contrasts, [views.conditions_words(item) for item in analysis.contrasts]))
    found.append(bars.novel(analysis.novelties))
    if analysis.cohort is not None and analysis.impact is not None:
        currency = "" if "revenue" in facts.policy.leave_out else facts.currency
        found.append(bars.tiers(_tiers(analysis.cohort, analysis.impact), currency))
    return [chart for chart in found if chart is not None]


def _tiers(cohort: Cohort, impact: Impact) -> list[bars.Tier]:
    silent = Counter(account.plan or NOT_KNOWN for account in cohort.affected if account.silent)
    return [bars.Tier(value=g.value, accounts=g.affected, silent=silent[g.value], revenue=g.arr) for g in impact.plans]


def _attachments(facts: ReportFacts, page: str) -> dict[str, bytes]:
    files = {"report.html": page.encode()}
    if "method_json" not in facts.policy.leave_out:
        files["method.json"] = attachments.method_json(facts)
    cohort = fact.masked_analysis(facts).cohort
    if cohort is not None and cohort.affected and "affected_csv" not in facts.policy.leave_out:
        files["affected.csv"] = attachments.affected_csv(cohort.affected)
    return files
