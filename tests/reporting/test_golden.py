"""Golden bytes of every format, with their real extensions.

After a wanted change run `BRIDGE_UPDATE=1 python -m pytest tests/reporting/test_golden.py` and read the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.reporting import example
from bridge.reporting.build import Report, build, find_template, list_templates
from bridge.reporting.gates import problems
from bridge.reporting.template import template_info
from bridge.workflow.templates import policy

EXPECTED = Path(__file__).parent.parent / "cases" / "reporting" / "expected"
NAMES = ("empty-exports", "new-errors")
TEMPLATES = EXPECTED / "templates"


def files(report: Report) -> dict[str, bytes]:
    written = {"report.md": report.markdown.encode(), "report.wiki": report.wiki.encode(), "report.adf.json": report.adf.encode()}
    return written | dict(report.attachments) | dict(report.pictures)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_has_the_expected_bytes(name: str, reports: dict[str, Report]) -> None:
    folder = EXPECTED / name
    made = files(reports[name])
    if os.environ.get("BRIDGE_UPDATE") == "1":
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for file, data in made.items():
            (folder / file).write_bytes(data)
    assert sorted(made) == sorted(path.name for path in folder.iterdir())
    for file, data in made.items():
        assert data.decode() == (folder / file).read_text(encoding="utf-8"), file


@pytest.mark.parametrize("name", [info.name for info in list_templates()])
def test_every_template_has_the_expected_text_in_four_formats(name: str) -> None:
    report = build(replace(example.full(), policy=policy(template_info(name))), find_template(name))
    made = {"md": report.markdown, "wiki": report.wiki, "adf.json": report.adf, "html": report.html}
    assert problems(report) == []
    if os.environ.get("BRIDGE_UPDATE") == "1":
        TEMPLATES.mkdir(parents=True, exist_ok=True)
        for suffix, text in made.items():
            (TEMPLATES / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    for suffix, text in made.items():
        assert text == (TEMPLATES / f"{name}.{suffix}").read_text(encoding="utf-8"), suffix


@pytest.mark.parametrize("name", NAMES)
def test_an_expected_report_passes_the_gates(name: str, reports: dict[str, Report]) -> None:
    assert problems(reports[name]) == []


def test_what_a_report_must_say(reports: dict[str, Report]) -> None:
    text = reports["empty-exports"].markdown
    for words in (
        "38 of 412",
        "2.23 M EUR",
        "silent",
        "2026-03-10 10:05 UTC",
        "15 h 55 min",
        "snapshot_cache_v2",
        "in the 15 minutes after job cache-refresh",
        "bridge has not run them",
        "Looked for and not found",
        "5.31 (4.2 to 6.7)",
        "trace=4bf92f3577b34da6a3ce929d0e0e4736",
        "gitlab-2026-11",
        "method.json",
    ):
        assert words in text, words


def test_nothing_private_is_in_any_file(reports: dict[str, Report]) -> None:
    for report in reports.values():
        for name, data in files(report).items():
            for words in (b"maria@", b"Maria Example", b"internal: they are angry", b"5550100", b"Agent Smith", b"reports@example.test"):
                assert words not in data, (name, words)


def test_a_german_draft_without_german_sentences_says_what_to_fill_in() -> None:
    facts = example.full()
    facts = replace(facts, investigation=replace(facts.investigation, customers={}), policy=policy(template_info("customer_update_de")))
    report = build(facts, find_template("customer_update_de"))
    assert facts.analysis.workaround
    assert report.title == "Zwischenstand zu Ihrer Meldung"
    assert "vor dem Absenden ergänzen" in report.markdown
    for words in (facts.analysis.workaround.statement, facts.investigation.subject, facts.investigation.observed):
        assert words.lower() not in report.markdown.lower(), "no sentence of another language"
