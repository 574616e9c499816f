"""Strings x sinks: every hostile string comes out inert, visible and complete in every renderer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.reporting import charts, markdown, parse
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems
from bridge.reporting.nodes import CodeBlock, Document, Heading, Paragraph, Table, Text, inlines, plain
from bridge.text.terminal import visible
from tests.reporting.sinks import (
    PIECES,
    SINKS,
    check_code,
    check_csv,
    check_html,
    check_markdown,
    check_wiki,
    generated,
    one_line,
    own,
    read,
)


@pytest.mark.parametrize("sink", SINKS)
def test_every_hostile_string_is_inert_in_every_sink(sink: str) -> None:
    for text in (*own(), *generated(100)):
        SINKS[sink](text)


@pytest.mark.corpora
@pytest.mark.parametrize("sink", SINKS)
def test_every_corpus_string_is_inert_in_every_sink(sink: str, corpus: tuple[str, ...]) -> None:
    assert len(corpus) > 600
    for text in corpus:
        SINKS[sink](text)


MARKS = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(MARKS | st.text(max_size=40))
def test_generated_text_is_inert_in_markdown(text: str) -> None:
    check_markdown(text)
    check_code(text)


@given(MARKS | st.text(max_size=40))
def test_generated_text_is_inert_in_wiki(text: str) -> None:
    check_wiki(text)


@given(MARKS | st.text(max_size=40))
def test_generated_text_is_inert_in_html_and_csv(text: str) -> None:
    check_html(text)
    check_csv(text)


def poisoned(facts: ReportFacts, text: str) -> ReportFacts:
    """Put `text` wherever a customer's or a log's words go."""
    analysis, cohort = facts.analysis, facts.analysis.cohort
    tickets = tuple(dataclasses.replace(ticket, subject=text, account_name=text) for ticket in facts.case.tickets)
    if cohort is not None:
        accounts = tuple(dataclasses.replace(account, name=text, region=text) for account in cohort.affected)
        left = tuple(dataclasses.replace(item, name=text) for item in cohort.left_out)
        cohort = dataclasses.replace(cohort, affected=accounts, left_out=left)
    excerpts = tuple(
        dataclasses.replace(item, key=text, lines=tuple(dataclasses.replace(line, message=text) for line in item.lines))
        for item in analysis.excerpts
    )
    novelties = tuple(dataclasses.replace(item, template=text) for item in analysis.novelties)
    return dataclasses.replace(
        facts,
        case=dataclasses.replace(facts.case, tickets=tickets),
        analysis=dataclasses.replace(analysis, cohort=cohort, excerpts=excerpts, novelties=novelties),
    )


def shape(report: Report) -> list[str]:
    """Return the document's kinds of blocks and inline nodes: what is live in it."""
    kinds = [type(block).__name__ for block in report.document.children]
    return kinds + [type(node).__name__ for node in inlines(report.document.children) if not isinstance(node, Text)]


@pytest.mark.parametrize("name", ["empty-exports", "new-errors"])
def test_a_whole_report_keeps_its_shape_whatever_customers_write(
    name: str, load: Callable[[str], ReportFacts], hostile: tuple[str, ...]
) -> None:
    facts, path = load(name), find_template("bug_report")
    expected = shape(build(poisoned(facts, "words"), path))
    tags = read(build(poisoned(facts, "words"), path).html).tags
    for text in hostile[::8]:
        if not one_line(text):
            continue
        report = build(poisoned(facts, text), path)
        assert shape(report) == expected
        assert [tag for tag in read(report.html).tags if tag != "span"] == [tag for tag in tags if tag != "span"]
        assert [problem for problem in problems(report) if problem.where in {"G2", "G4", "G7"} and "cell" not in problem.message] == []


def test_pictures_escape_their_subject(hostile: tuple[str, ...], load: Callable[[str], ReportFacts]) -> None:
    days = load("empty-exports").analysis.impact
    assert days is not None
    for text in hostile:
        chart = charts.timeline(days.days, (), text, None)
        assert chart is not None
        page = read(charts.standalone(chart).decode())
        assert set(page.tags) <= {"svg", "title", "desc", "style", "line", "text", "rect"}
        assert visible(text) in page.text


def test_a_refused_link_keeps_its_words() -> None:
    for url in (
        "javascript:alert(1)",
        "data:text/html;x",
        "http://evil.test",
        "//evil.test",
        "vbscript:x",
        "https://user:pw@evil.test",
        "file:///x",
    ):
        document = parse.parse(f"[words](<{url}>)")
        assert plain(tuple(inlines(document.children))[:1]).startswith("words")
        assert "Link" not in [type(node).__name__ for node in inlines(document.children)]
    known = parse.Allowed(urls=frozenset({"http://127.0.0.1:8765/t/1"}))
    assert "Link" in [type(node).__name__ for node in inlines(parse.parse("[ZD-1](http://127.0.0.1:8765/t/1)", known).children)]


BLOCKS = st.one_of(
    MARKS.map(lambda text: Paragraph(children=(Text(text=one_line(text) or "x"),))),
    MARKS.map(lambda text: Heading(level=3, children=(Text(text=one_line(text) or "x"),))),
    MARKS.map(lambda text: CodeBlock(text=visible(text, keep="\n").strip("\n"), language="")),
    st.lists(MARKS, min_size=2, max_size=2).map(
        lambda texts: Table(
            align=("", "right"),
            head=((Text(text="a"),), (Text(text="b"),)),
            rows=(tuple((Text(text=one_line(text) or "x"),) for text in texts),),
        )
    ),
)


@given(st.lists(BLOCKS, min_size=1, max_size=5))
def test_documents_survive_markdown_and_back(blocks: list[Paragraph | Heading | CodeBlock | Table]) -> None:
    document = Document(children=tuple(blocks))
    once = markdown.render(document)
    assert parse.parse(once) == document
    assert markdown.render(parse.parse(once)) == once
