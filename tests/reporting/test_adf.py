"""ADF: what the schema allows, and what it lets pass but we don't send."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.reporting import adf, example, parse
from bridge.reporting.build import Report, build, list_templates
from bridge.reporting.nodes import (
    Block,
    Break,
    Bullets,
    Code,
    CodeBlock,
    Document,
    Emphasis,
    Heading,
    Image,
    Inline,
    Link,
    Paragraph,
    Quote,
    Rule,
    Strong,
    Table,
    Text,
)
from bridge.reporting.template import template_info
from bridge.workflow.templates import policy
from tests.reporting.adf_documents import document, faults

WORDS = st.text(alphabet="ab <{[*", max_size=5)
LEAVES: st.SearchStrategy[Inline] = st.one_of(
    WORDS.map(lambda text: Text(text=text)),
    WORDS.map(lambda text: Code(text=text)),
    st.just(Break()),
    WORDS.map(lambda text: Image(source="pictures/a.svg", alt=text, caption=text)),
)
INLINE: st.SearchStrategy[Inline] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda below: Strong(children=tuple(below))),
        st.lists(inner, max_size=3).map(lambda below: Emphasis(children=tuple(below))),
        st.lists(inner, max_size=3).map(lambda below: Link(url="https://a.test/x", children=tuple(below))),
    ),
    max_leaves=6,
)
LINE = st.lists(INLINE, max_size=3).map(tuple)
SIMPLE: st.SearchStrategy[Block] = st.one_of(
    st.builds(lambda level, children: Heading(level=level, children=children), st.integers(1, 6), LINE),
    LINE.map(lambda children: Paragraph(children=children)),
    st.builds(lambda text, language: CodeBlock(text=text, language=language), WORDS, st.sampled_from(["", "sql"])),
    st.just(Rule()),
    st.lists(st.tuples(LINE, LINE), min_size=1, max_size=3).map(
        lambda rows: Table(align=("", "right"), head=rows[0], rows=tuple(rows[1:]))
    ),
)
BLOCK: st.SearchStrategy[Block] = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda below: Quote(children=tuple(below))),
        st.builds(
            lambda start, items: Bullets(start=start, items=tuple(map(tuple, items))),
            st.sampled_from([None, 1, 3]),
            st.lists(st.lists(inner, max_size=3), min_size=1, max_size=3),
        ),
    ),
    max_leaves=8,
)
DOCUMENT = st.lists(BLOCK, max_size=5).map(lambda blocks: Document(children=tuple(blocks)))


@pytest.fixture(scope="session")
def schema(corpora: Path) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(json.loads((corpora.parent / "contracts" / "adf-full.schema.json").read_text(encoding="utf-8")))


@pytest.mark.corpora
def test_reports_are_valid_by_atlassians_schema(schema: Any, reports: dict[str, Report]) -> None:
    for report in reports.values():
        assert [error.message for error in schema.iter_errors(json.loads(report.adf))] == []


@pytest.mark.corpora
@pytest.mark.parametrize("name", [info.name for info in list_templates()])
def test_every_template_gives_valid_adf(schema: Any, name: str) -> None:
    info = template_info(name)
    for facts in (example.full(), example.load("new-errors"), example.nothing()):
        report = build(replace(facts, policy=policy(info)), info.path)
        assert [error.message for error in schema.iter_errors(json.loads(report.adf))] == []


@pytest.mark.corpora
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=DOCUMENT)
def test_generated_documents_are_valid_by_atlassians_schema(schema: Any, document: Document) -> None:
    assert [error.message for error in schema.iter_errors(adf.render(document))] == []


@pytest.mark.corpora
def test_random_documents_are_valid_and_keep_their_text_in_all_formats(schema: Any) -> None:
    """500 of the 10,000 that `make adf` tries."""
    draw = random.Random(11)
    assert [fault for _ in range(500) for fault in faults(document(draw), schema)] == []


def test_a_planted_fault_is_found(schema: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: a renderer that drops what looks like a tag, and one that leaves an empty text."""
    made = Document(children=(Paragraph(children=(Text(text="<order id=5> failed"),)),))
    assert list(faults(made, schema)) == []
    empty = {"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]}
    monkeypatch.setattr(adf, "render", lambda _document: empty)
    assert {fault.partition(":")[0] for fault in faults(made, schema)} == {"schema", "gate", "text lost in adf"}


def test_a_long_document_is_cut_at_a_section(reports: dict[str, Report]) -> None:
    document = reports["empty-exports"].document
    whole = adf.render(document)
    for limit in (300, 3_000, 8_000):
        cut, was_cut = adf.fit(document, limit)
        assert was_cut
        assert adf.length(cut) <= limit
        assert cut["content"][:-1] == whole["content"][: len(cut["content"]) - 1]
    assert adf.fit(document) == (whole, False)


def test_a_link_keeps_its_words() -> None:
    nodes = adf.render(parse.parse("[a **b**](https://x.test) `c`"))["content"][0]["content"]
    assert [node.get("marks") for node in nodes] == [
        [{"type": "link", "attrs": {"href": "https://x.test"}}],
        [{"type": "link", "attrs": {"href": "https://x.test"}}, {"type": "strong"}],
        None,
        [{"type": "code"}],
    ]
