"""Strings x sinks: every hostile string comes out inert, visible and complete in every renderer."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.finding import AffectedAccount
from bridge.reporting import adf, attachments, charts, html, markdown, parse, wiki
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems
from bridge.reporting.nodes import CodeBlock, Document, Heading, Paragraph, Table, Text, inlines, plain
from bridge.reporting.safe import code_block, escaped
from bridge.text.terminal import visible

LIVE_WIKI = re.compile(
    r"\{[a-zA-Z*]|\{\{|\[[^\]]|!\S|\|\||(?m:^\s*(?:h[1-6]\.|bq\.|[*#-]+ |-{4}|\|))|(?<![\w&])[*_+^~-](?=\S)|\?\?|\b[A-Z][A-Z0-9_]+-\d|(?i:[a-z]://)|mailto:|\\\\"
)
REFERENCE = re.compile(r"&#(\d+);|&amp;|\\([{}\[\]|!^~#*_+?()-])")


def one_line(text: str) -> str:
    """What a reader must see of `text` in a line: blanks at the ends are not part of it."""
    return visible(text).strip()


def unescaped(text: str) -> str:
    """Read wiki text as Jira does: references and escaped punctuation are the characters themselves."""
    return REFERENCE.sub(lambda match: chr(int(match[1])) if match[1] else match[2] or "&", text)


class Reader(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def paragraph(text: str) -> Document:
    return parse.parse(f"x {escaped(text)}\n")


def check_markdown(text: str) -> None:
    value = escaped(text)
    source = f"{value}\n\n# {value}\n\n- {value}\n\n> {value}\n\n| a |\n| --- |\n| {value} |\n\nx {value} y\n"
    document = parse.parse(source)
    nodes = list(inlines(document.children))
    assert all(isinstance(node, Text) for node in nodes)
    words = [plain((node,)).strip() for node in nodes]
    shown = one_line(text)
    assert words[:-1] == (["a"] if not shown else [shown, shown, shown, shown, "a", shown])
    assert shown in words[-1]
    again = parse.parse(markdown.render(document))
    assert again == document


def check_code(text: str) -> None:
    document = parse.parse(code_block(text))
    (block,) = document.children
    assert isinstance(block, CodeBlock)
    assert block.text == visible(text.replace("\r\n", "\n"), keep="\n\t").rstrip("\n")
    assert parse.parse(markdown.render(document)) == document
    out = wiki.render(document)
    fence = re.findall(r"(?i)\{(?:code|noformat)[^}]*\}", out)
    assert out.startswith("{noformat}\n")
    assert out.endswith("\n{noformat}\n")
    assert sum("noformat" in mark.lower() for mark in fence) == 2
    assert read(html.render(document, title="t", pictures={}, made_by="")).text.count(block.text) >= 1


def check_wiki(text: str) -> None:
    for start in ("", "x "):
        out = wiki.escape(start + one_line(text), line_start=True)
        # An escaped character stands as one that no markup knows.
        assert not LIVE_WIKI.search(REFERENCE.sub("\ue000", out)), out
        assert unescaped(out) == start + one_line(text)
    cell = wiki.render(parse.parse(f"| a | b |\n| --- | --- |\n| {escaped(text)} | y |")).strip().split("\n")
    assert len(cell) == 2
    assert len(re.findall(r"(?<!\\)\|", cell[1])) == 3


def check_adf(text: str) -> None:
    rendered = adf.render(parse.parse(f"x {escaped(text)}\n\n| a |\n| --- |\n| x {escaped(text)} |\n\n- x {escaped(text)}\n"))
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        found.append(node)
        for child in node.get("content", ()):
            walk(child)

    walk(rendered)
    assert {node["type"] for node in found} <= {
        "doc",
        "paragraph",
        "table",
        "tableRow",
        "tableHeader",
        "tableCell",
        "bulletList",
        "listItem",
        "text",
    }
    texts = [node for node in found if node["type"] == "text"]
    shown = one_line(text)
    assert [node["text"].removeprefix("x").strip() for node in texts] == [shown, "a", shown, shown]
    assert not [node for node in texts if "marks" in node]


def check_html(text: str) -> None:
    plain_page = read(html.render(paragraph("x"), title="t", pictures={}, made_by="m"))
    page = read(html.render(paragraph(text), title=text, pictures={}, made_by=text))
    assert [tag for tag in page.tags if tag != "span"] == plain_page.tags
    assert [value for name, value in page.attributes if name not in {"class", "content"}] == [
        value for name, value in plain_page.attributes if name not in {"class", "content"}
    ]
    assert one_line(text).replace("\u00a0", " ") in page.text.replace("\u00a0", " ")


def check_csv(text: str) -> None:
    account = AffectedAccount(
        account_id="a",
        name=text,
        plan=text,
        region="r",
        arr=Decimal("1.00"),
        seats=1,
        failures=1,
        events=1,
        first_failure=AT,
        last_failure=AT,
    )
    data = attachments.affected_csv((account,)).decode()
    rows = list(csv.reader(io.StringIO(data)))
    assert len(rows) == 2
    assert rows[1][1].removeprefix("'") == visible(text).removeprefix("'")
    assert rows[1][1][:1] not in set("=+-@\t\r\n")
    assert rows[1][1].lstrip()[:1] not in set("=+-@")


AT = datetime(2026, 3, 1, tzinfo=UTC)
SINKS: dict[str, Callable[[str], None]] = {
    "markdown": check_markdown,
    "code": check_code,
    "wiki": check_wiki,
    "adf": check_adf,
    "html": check_html,
    "csv": check_csv,
}


@pytest.mark.parametrize("sink", SINKS)
def test_every_hostile_string_is_inert_in_every_sink(sink: str, hostile: tuple[str, ...]) -> None:
    for text in hostile:
        for padded in (text, f"a {text}", f"{text} b", f"a{text}b"):
            SINKS[sink](padded)


@pytest.mark.corpora
@pytest.mark.parametrize("sink", SINKS)
def test_every_corpus_string_is_inert_in_every_sink(sink: str, corpus: tuple[str, ...]) -> None:
    assert len(corpus) > 600
    for text in corpus:
        SINKS[sink](text)


PIECES = [
    *"{}[]|!*_-+^~#?\\`<>&;:/().=@'\" ab1AZ\n\t",
    "{code}",
    "h1. ",
    "https://",
    "&#42;",
    "\u202e",
    "ä",
    "{noformat}",
    "&amp;",
    "www.",
    "mailto:",
]
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
    for text in hostile[::4]:
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
