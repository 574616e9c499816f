"""Gates: one fault each, planted into a report that passes all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.reporting import example, parse
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.gates import TITLE, problems


@pytest.fixture(scope="module")
def good() -> Report:
    return build(example.full(), find_template("bug_report"))


def with_text(report: Report, words: str) -> Report:
    document = parse.parse(f"## Section\n\n{words}\n")
    return replace(report, document=document, markdown=words, source=words)


def with_adf(report: Report, node: object) -> Report:
    return replace(report, adf=json.dumps({"version": 1, "type": "doc", "content": [node]}))


PANEL_IN_CELL = {
    "type": "table",
    "content": [{"type": "tableRow", "content": [{"type": "tableCell", "attrs": {}, "content": [{"type": "panel", "content": []}]}]}],
}
FAULTS: dict[str, tuple[str, Callable[[Report], Report]]] = {
    "a name of the tickets' people": ("G1", lambda r: replace(r, markdown=f"{r.markdown}\nasked by {r.personal[0]}\n")),
    "an address": ("G1", lambda r: replace(r, markdown=f"{r.markdown}\nwrite to anna.example@mail.example.test\n")),
    "a card": ("G1", lambda r: replace(r, title="Card 4111 1111 1111 1111 is refused")),
    "a token in an attachment": ("G1", lambda r: replace(r, attachments={**r.attachments, "a.txt": b"token=" + b"Zk39" * 8})),
    "a slot": ("G2", lambda r: replace(r, source=f"{r.source}\n{{{{ count }}}}\n")),
    "an empty section": ("G2", lambda r: replace(r, document=parse.parse("## One\n\n## Two\n\nx\n"))),
    "nan in a cell": ("G2", lambda r: replace(r, document=parse.parse("## One\n\n| a |\n| --- |\n| nan |\n"))),
    "a time without a zone": ("G4", lambda r: with_text(r, "It failed at 02:15 again.")),
    "a panel in a cell": ("G5", lambda r: with_adf(r, PANEL_IN_CELL)),
    "an empty text node": ("G5", lambda r: with_adf(r, {"type": "paragraph", "content": [{"type": "text", "text": ""}]})),
    "a mention": ("G5", lambda r: with_adf(r, {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "1"}}]})),
    "a live macro": ("G5", lambda r: replace(r, wiki=f"{r.wiki}\n{{panel}}x{{panel}}\n")),
    "a fence that stays open": ("G5", lambda r: replace(r, wiki=f"{r.wiki}\n{{noformat}}\nx\n")),
    "a script": ("G5", lambda r: replace(r, html=r.html.replace("<main>", "<main><script>x</script>"))),
    "an element that stays open": ("G5", lambda r: replace(r, html=r.html.replace("</main>", ""))),
    "a handler": ("G5", lambda r: replace(r, html=r.html.replace("<main>", '<main onclick="x">'))),
    "a long title": ("G6", lambda r: replace(r, title="x" * (TITLE + 1))),
    "a long description": ("G6", lambda r: replace(r, wiki="x " * 20_000)),
    "another scheme": ("G7", lambda r: with_link(r, "ftp://host.test/x")),
    "a cause as a fact": ("G8", lambda r: with_text(r, "The empty files are caused by the new cache.")),
    "a cause in German": ("G8", lambda r: with_text(r, "Die leeren Dateien wurden verursacht durch den neuen Cache.")),
}


def with_link(report: Report, url: str) -> Report:
    from bridge.reporting.nodes import Document, Link, Paragraph, Text

    return replace(report, document=Document(children=(Paragraph(children=(Link(url=url, children=(Text(text="x"),)),)),)))


def test_a_good_report_passes(good: Report) -> None:
    assert problems(good) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_its_gate(good: Report, fault: str) -> None:
    gate, plant = FAULTS[fault]
    assert gate in {problem.where for problem in problems(plant(good))}


@pytest.mark.parametrize(
    "words",
    [
        "It may be caused by the cache.",
        "Whether the release is to blame is not known.",
        "The empty files are caused by the new cache (E3).",
        "A change before it is a candidate, not the root cause.",
        "`due to` in a log line is a quote.",
    ],
)
def test_a_hedged_or_proven_cause_passes(good: Report, words: str) -> None:
    assert "G8" not in {problem.where for problem in problems(with_text(good, words))}


def test_code_of_ours_holds_no_secret(good: Report) -> None:
    code = b'PASSWORD = os.environ.get("BRIDGE_PASSWORD", "")\nsend(body={"password": PASSWORD, "token": pick(answer_1)})\n'
    assert problems(good, {"test_reproduction.py": code}) == []
    leak = b'PASSWORD = "hunter2-and-more"\n'
    assert [problem.where for problem in problems(good, {"test_reproduction.py": leak})] == ["G1"]
