"""Sinks: every place that a customer's words end in, and what must hold there: inert, visible, complete. `make sinks` prints the table.

A check raises AssertionError. The table counts strings by where they come from: our own hostile list, a generated set of
marks put together at random, and the shared corpora where they are at hand.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import sys
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from bridge.adapters.trackers.jira import _quoted as jql_text
from bridge.cli import logging, output
from bridge.config import yaml_marks
from bridge.filing.plan import attachment_name
from bridge.model.finding import AffectedAccount, DayCount
from bridge.reporting import adf, attachments, charts, html, impact, markdown, parse, wiki
from bridge.reporting.nodes import CodeBlock, Document, Text, inlines, plain
from bridge.reporting.safe import code_block, escaped
from bridge.text.terminal import visible

LIVE_WIKI = re.compile(
    r"\{[a-zA-Z*]|\{\{|\[[^\]]|!\S|\|\||(?m:^\s*(?:h[1-6]\.|bq\.|[*#-]+ |-{4}|\|))|(?<![\w&])[*_+^~-](?=\S)|\?\?|\b[A-Z][A-Z0-9_]+-\d|(?i:[a-z]://)|mailto:|\\\\"
)
LIVE_MARKDOWN = re.compile(
    r"(?i)(?<![\w])@[a-z0-9]|\w@\w|#\d|!\d|\bGH-\d|~[a-z0-9]|%[a-z0-9]|\$\d|&\d|(?:https?|ftp)://|mailto:[^\s\u200b]|\bwww\.\w"
)
"""Mentions, references and addresses of GitHub and GitLab, in the text of a finished page."""
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
    once = markdown.render(document)
    assert parse.parse(once) == document
    for seen in _shown(once):
        assert not LIVE_MARKDOWN.search(seen), seen


def _shown(text: str) -> list[str]:
    """Return the texts of the finished page, where GitHub, GitLab and Linear look for mentions, references and addresses."""
    tokens = parse._parser().parse(text)  # as they are before our own reader drops what parts them
    return ["".join(child.content for child in token.children or () if child.type in {"text", "text_special"}) for token in tokens]


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


def check_yaml(text: str) -> None:
    read_back = yaml_marks.parse(f"a:\n  b: {yaml_marks.quoted(text)}\nc: d\n", "a.yaml").value
    assert read_back == {"a": {"b": re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)}, "c": "d"}


def check_xlsx(text: str) -> None:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        impact._write(book.add_worksheet("cases"), 0, 0, text, {})
    with zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        shared = archive.read("xl/sharedStrings.xml").decode() if "xl/sharedStrings.xml" in archive.namelist() else ""
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    cells = ET.fromstring(sheet).iter("{*}c")  # noqa: S314  # written a line above
    assert all(cell.get("t") == "s" for cell in cells)
    found = "".join(ET.fromstring(shared).itertext()) if shared else ""  # noqa: S314  # the same
    found = re.sub(r"_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), found)
    assert found.removeprefix("'") == re.sub(r"_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), visible(text)).removeprefix("'")
    assert found.lstrip()[:1] not in set("=+-@")


def check_svg(text: str) -> None:
    chart = charts.timeline((DayCount(day="2026-03-01", failures=1, events=2),), (), text, None)
    assert chart is not None
    page = read(charts.standalone(chart).decode())
    assert set(page.tags) <= {"svg", "title", "desc", "style", "line", "text", "rect", "g", "path", "circle"}
    assert visible(text) in page.text


def check_jql(text: str) -> None:
    quoted = jql_text(text)
    body = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', quoted, re.DOTALL)
    assert body, quoted
    assert re.sub(r"\\(.)", r"\1", body[1], flags=re.DOTALL) == text


def check_file_name(text: str) -> None:
    name = attachment_name(text, "a" * 64)
    assert re.fullmatch(r"bridge-a{12}-[A-Za-z0-9._-]*", name)
    assert len(name) <= 255
    assert Path("/folder", name).parent == Path("/folder")


def check_terminal(text: str) -> None:
    shown = output.safe(text)
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
    assert "\x1b" not in shown
    assert shown == visible(text)


_LOG = io.StringIO()


def check_log(text: str) -> None:
    from loguru import logger

    _LOG.seek(0)
    _LOG.truncate()
    logger.info(text)
    if not _LOG.tell():  # the first time, and after another test has set its own sinks
        with redirect_stderr(_LOG):
            logging.start(verbose=True)
        logger.info(text)
    (line,) = _LOG.getvalue().splitlines()
    assert line.endswith(f": {visible(text)}")
    assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]


AT = datetime(2026, 3, 1, tzinfo=UTC)
SINKS: dict[str, Callable[[str], None]] = {
    "markdown": check_markdown,
    "code": check_code,
    "wiki": check_wiki,
    "adf": check_adf,
    "html": check_html,
    "csv": check_csv,
    "xlsx": check_xlsx,
    "yaml": check_yaml,
    "svg": check_svg,
    "jql": check_jql,
    "file name": check_file_name,
    "terminal": check_terminal,
    "log line": check_log,
}
PIECES = [
    *"{}[]|!*_-+^~#?\\`<>&;:/().=@'\" ab1AZ\n\t%$",
    "{code}", "h1. ", "https://", "&#42;", "\u202e", "ä", "{noformat}", "&amp;", "www.", "mailto:", "@admin", "#12", "GH-1", "!7",
    "{{", "}}", "{%", "%}", "[~", "javascript:", "<script>", "</code>", "\x1b[2J", "\r\n", "\u2028", "=1+1", "../", "\x00", "&#8203;", "\u200b",
]  # fmt: skip


def generated(count: int, seed: int = 7) -> list[str]:
    """Return texts of marks put together at random; the same seed gives the same texts."""
    draw = random.Random(seed)
    return ["".join(draw.choices(PIECES, k=draw.randint(1, 20))) for _ in range(count)]


def own() -> list[str]:
    """Return our own hostile strings, alone and inside of words."""
    path = Path(__file__).parents[1] / "cases" / "reporting" / "hostile.json"
    texts: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return [form for text in texts for form in (text, f"a {text}", f"{text} b", f"a{text}b")]


def corpus(folder: Path) -> list[str]:
    """Return every string of the shared text corpora; none when they are not at hand."""
    found: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            found += text.splitlines()
        elif path.suffix == ".json":
            found += [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in json.loads(text)]
    return found


def main() -> int:
    """Print strings x sinks: how many were tried, how many were not inert."""
    shared = Path(os.environ.get("BRIDGE_CORPORA", str(Path(__file__).parents[2].parent / "shared" / "corpora"))) / "text"
    sets = {"own list": own(), "generated": generated(int(os.environ.get("BRIDGE_SINKS", "2000"))), "shared corpora": corpus(shared)}
    print("| sink | " + " | ".join(f"{name} ({len(texts):,})" for name, texts in sets.items()) + " |")
    print("|---|" + "--:|" * len(sets))
    bad = 0
    for name, check in SINKS.items():
        cells = []
        for texts in sets.values():
            live = [text for text in texts if not _inert(check, text)]
            bad += len(live)
            cells.append("all inert" if texts and not live else f"{len(live)} LIVE: {live[0]!r}" if live else "not at hand")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n{sum(map(len, sets.values())) * len(SINKS):,} checks, {bad} not inert")
    return 1 if bad else 0


def _inert(check: Callable[[str], None], text: str) -> bool:
    try:
        check(text)
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
