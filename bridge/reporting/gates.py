"""What must not leave: checks on a finished report before anything is filed. An empty list lets it pass.

Ids are those of the rubric's gates: G1 personal values, G2 slots and sections, G4 times, G6 lengths, G7 links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.errors import Problem
from bridge.reporting import wiki
from bridge.reporting.build import Report
from bridge.reporting.links import allowed
from bridge.reporting.nodes import Block, Heading, Link, Table, Text, inlines, plain

TITLE = 100
SUMMARY = 255
HTML_BYTES = 100_000
_MISSING = frozenset({"none", "nan", "nat", "null", "inf", "undefined"})
_SLOT = re.compile(r"(?<!\\)(?:\{\{|\{%|\{#)")
_FENCE = re.compile(r"(?ms)^(`{3,})[^`\n]*\n.*?^\1`*\s*$")
_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_CLOCK = re.compile(
    r"(?<![\d:.-])(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?![\d:]|\.\d)"
    r"(?! ?(?:UTC|Z\b|[+-]\d{2}:?\d{2}|to \d|and \d|\(UTC\)))"
)
_UTC_HEAD = "UTC"


def problems(report: Report) -> list[Problem]:
    """Return everything that forbids filing this report, all at once; a problem's `where` names the gate."""
    return [
        *_personal(report),
        *_slots(report),
        *_sections(report),
        *_times(report),
        *_lengths(report),
        *_links(report),
    ]


def _personal(report: Report) -> Iterator[Problem]:
    texts = {"report": report.markdown, "title": report.title}
    texts |= {name: data.decode("utf-8", "replace") for name, data in report.attachments.items() if name != "report.html"}
    for name, text in texts.items():
        found = sum(value in text for value in report.personal)
        if found:
            yield Problem(
                message=f"{found} name{'s' if found > 1 else ''} or address{'es' if found > 1 else ''} of the tickets' people in the {name}",
                where="G1",
                hint="a query or a template prints a column with people in it: leave it out",
            )


def _slots(report: Report) -> Iterator[Problem]:
    """Find template marks that were printed: values are escaped in the source, so bare ones are the template's."""
    bare = _SPAN.sub("", _FENCE.sub("", report.source))
    for match in _SLOT.finditer(bare):
        line = bare.count("\n", 0, match.start()) + 1
        yield Problem(message=f"'{match[0]}' was not rendered", where="G2", hint=f"line {line} of the rendered text")
    for block in report.document.children:
        if not isinstance(block, Table):
            continue
        for row in block.rows:
            for index, cell in enumerate(row):
                words = plain(cell).strip()
                # A plan may be called None: then the whole word is quoted by the facts.
                if words.lower() in _MISSING - {"none"} or words == "None":
                    yield Problem(
                        message=f"a cell holds '{words}' under '{plain(block.head[index])}'",
                        where="G2",
                        hint="test the value in the template",
                    )


def _sections(report: Report) -> Iterator[Problem]:
    blocks = report.document.children
    for index, block in enumerate(blocks):
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if isinstance(block, Heading) and (following is None or (isinstance(following, Heading) and following.level <= block.level)):
            yield Problem(
                message=f"the section '{plain(block.children)}' is empty", where="G2", hint="say what was looked for and not found"
            )


def _times(report: Report) -> Iterator[Problem]:
    for block in report.document.children:
        for words in _ours(block, report.quoted):
            for match in _CLOCK.finditer(words):
                yield Problem(
                    message=f"the time '{match[0]}' has no zone",
                    where="G4",
                    hint=f"in: {words[max(0, match.start() - 30) : match.end() + 30]}",
                )


def _ours(block: Block, quoted: tuple[str, ...]) -> Iterator[str]:
    """Yield texts of our own wording; columns whose head names UTC, and the customers' words, are left out."""
    if isinstance(block, Table):
        for column, head in enumerate(block.head):
            if _UTC_HEAD not in plain(head):
                yield from (_without(plain(row[column]), quoted) for row in block.rows)
        return
    for node in inlines((block,)):
        if isinstance(node, Text):
            yield _without(node.text, quoted)


def _without(words: str, quoted: tuple[str, ...]) -> str:
    for text in quoted:
        words = words.replace(text, "")
    return words


def _lengths(report: Report) -> Iterator[Problem]:
    if not report.title.strip() or "\n" in report.title or len(report.title) > min(TITLE, SUMMARY):
        yield Problem(message=f"the title has {len(report.title)} characters", where="G6", hint=f"one line of 1 to {TITLE}")
    if wiki.length(report.wiki) > wiki.LIMIT:
        yield Problem(message=f"the description has {wiki.length(report.wiki):,} characters", where="G6", hint=f"at most {wiki.LIMIT:,}")
    size = len(report.html.encode())
    if size > HTML_BYTES:
        yield Problem(
            message=f"report.html has {size:,} bytes", where="G6", hint=f"at most {HTML_BYTES:,}: print fewer rows, attach the rest"
        )


def _links(report: Report) -> Iterator[Problem]:
    for node in inlines(report.document.children):
        if isinstance(node, Link) and not allowed(node.url, {node.url}):
            yield Problem(message=f"a link to '{node.url}'", where="G7", hint="https and mailto only, http for tickets and issues")
