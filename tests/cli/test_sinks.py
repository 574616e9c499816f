"""Strings x sinks: every hostile string comes out inert, visible and complete in every sink outside the report.

The renderers, CSV, pictures and pages of a report have their own table in tests/reporting/test_sinks.py.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.trackers.jira import _quoted
from bridge.cli import output
from bridge.cli.logging import start
from bridge.filing.plan import SUMMARY_LIMIT, _attachments, one_line
from bridge.reporting.attachments import cell
from bridge.sandbox.jira.jql import _tokens
from bridge.text.redact.records import answers
from bridge.text.redact.redactor import redactor
from bridge.text.similarity.index import build
from bridge.text.similarity.issue import Issue
from bridge.text.similarity.rank import candidates

CORPORA = Path(os.environ.get("BRIDGE_CORPORA", str(Path(__file__).parents[2].parent / "shared" / "corpora"))) / "text"
HOSTILE = json.loads((Path(__file__).parents[1] / "cases" / "reporting" / "hostile.json").read_text(encoding="utf-8"))
REDACTOR = redactor()


def corpus() -> list[str]:
    found: list[str] = list(HOSTILE)
    for path in sorted(CORPORA.iterdir()) if CORPORA.is_dir() else ():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            found += text.splitlines()
        elif path.suffix == ".json":
            found += [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in json.loads(text)]
    return found


def acting(text: str) -> list[str]:
    """Characters that a terminal or a log reader would act on."""
    joiners = {"\u200c", "\u200d"}
    return [char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in joiners]


def complete(text: str, shown: str) -> bool:
    """Tell whether every visible character is still there, in order."""
    rest = iter(shown)
    return all(char in rest for char in text if char.isprintable())


def terminal(text: str) -> None:
    shown = output.safe(text)
    assert acting(shown) == []
    assert complete(text, shown)
    assert shown == text or not (text.isascii() and text.isprintable())


def summary(text: str) -> None:
    line = one_line(text, SUMMARY_LIMIT)
    assert len(line) <= SUMMARY_LIMIT
    assert acting(line) == []


def jql(text: str) -> None:
    tokens = _tokens(f"summary ~ {_quoted(text)}")
    assert len(tokens) == 3
    assert tokens[2] == ("text", text)


def spreadsheet(text: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([cell(text), "end"])
    (row,) = csv.reader(io.StringIO(buffer.getvalue()))
    assert row[1] == "end"
    assert row[0].lstrip()[:1] not in set("=+-@\t\r\n\0")
    assert acting(row[0]) == []


def json_lines(text: str) -> None:
    raw = json.dumps({"id": text, "text": text}).encode()
    (answer,) = answers([raw], REDACTOR)
    assert "\n" not in answer.line
    assert answer.line.isascii()
    assert json.loads(answer.line)["id"] == text


def redacted(text: str) -> None:
    """What is hidden in hostile text is found all the same; the rest of the text stays."""
    out = REDACTOR.redact(f"{text}\n\nwrite to a@b.example")
    assert out.endswith("\n\nwrite to [e-mail]")


def reasons(text: str) -> None:
    index = build(
        [Issue(id="A", given="A", created=0.0, title=text, body=text), Issue(id="B", given="B", created=0.0, title="other", body="")]
    )
    for found in candidates(index, Issue(id="Q", given="Q", created=1.0, title=text, body=text), 3):
        assert acting(output.safe(found.why)) == []


SINKS: dict[str, Callable[[str], None]] = {
    "terminal": terminal,
    "issue summary": summary,
    "JQL": jql,
    "spreadsheet": spreadsheet,
    "JSON lines": json_lines,
    "redaction": redacted,
    "similar: why": reasons,
}


@pytest.mark.parametrize("sink", SINKS)
def test_every_string_is_inert_in(sink: str) -> None:
    for text in corpus():
        SINKS[sink](text)


@pytest.mark.parametrize("sink", SINKS)
@given(text=st.text(max_size=60))
def test_any_text_is_inert_in(sink: str, text: str) -> None:
    SINKS[sink](text)


def test_table_cells_stay_in_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    strings = corpus()
    output.table(
        [output.Column(name="a", title="a", flexible=True), output.Column(name="b", title="b")],
        [{"a": text, "b": "end"} for text in strings],
    )
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == len(strings) + 2
    assert all(line.endswith("end") for line in lines[1:-1])
    assert not any(acting(line) for line in lines)


def test_log_lines_are_not_forged(capsys: pytest.CaptureFixture[str]) -> None:
    from loguru import logger

    strings = corpus()
    start(verbose=True)
    try:
        for text in strings:
            logger.debug("answer {}", text)
    finally:
        logger.remove()
        logger.configure(patcher=lambda _: None)
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == len(strings) + 1
    assert all(re.match(r"\d\d:\d\d:\d\dZ DEBUG", line) for line in lines[:-1])
    assert not any(acting(line) for line in lines)


def test_attachment_names_are_safe_file_names(tmp_path: Path) -> None:
    for number, text in enumerate(corpus()):
        name = text.replace("/", "").replace("\0", "").encode("utf-8", "replace")[:200].decode("utf-8", "ignore")
        if name in {"", ".", ".."}:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(b"x")
        (made,) = _attachments([folder / name])
        assert re.fullmatch(r"bridge-[0-9a-f]{12}-[A-Za-z0-9._-]{0,200}", made.name)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs the shared corpora: set BRIDGE_CORPORA")
@pytest.mark.corpora
def test_the_corpora_are_in_the_table() -> None:
    assert len(corpus()) > len(HOSTILE) + 500
