"""What must not leave: checks on a finished report before anything is filed. An empty list lets it pass.

Ids are those of the rubric's gates: G1 personal values and secrets, G2 slots and sections, G4 times, G5 markup,
G6 lengths, G7 links, G8 causes. G3 (figures against their rows) needs the evidence: `bridge.workflow.figures`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from bridge.errors import Problem
from bridge.reporting import gates_markup, wiki
from bridge.reporting.build import Report
from bridge.reporting.links import allowed
from bridge.reporting.nodes import Block, CodeBlock, Heading, Link, Table, Text, inlines, plain
from bridge.text.redact.kinds import CARD, EMAIL, IBAN, KEY, PHONE, SECRET, SSN
from bridge.text.redact.redactor import Redactor, redactor

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
_NEVER: Final = (CARD, EMAIL, IBAN, KEY, PHONE, SECRET, SSN)
"""Kinds that no destination may get; what else is found follows the policy and is masked before."""
_CAUSE = re.compile(
    r"(?i)\b(?:(?:is|was|are|were|been) (?:caused|introduced|broken) by|root cause|the cause (?:is|was)|due to|because of|as a result of"
    r"|(?:is|are) to blame|culprit|wurden? (?:verursacht|ausgelöst) durch|(?:die )?ursache (?:ist|war)|liegt an)\b"
)
_HEDGE = re.compile(
    r"(?i)\b(?:not proven|not the cause|candidate|hypothesis|may|might|could|can|need not|no proof|unproven|whether|possibly|not known|unknown"
    r"|nicht (?:bewiesen|belegt|bekannt)|vermutlich|möglicherweise|kandidat)\b|\bE\d+\b"
)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


def problems(report: Report, files: Mapping[str, bytes] | None = None) -> list[Problem]:
    """Return everything that forbids filing this report, all at once; a problem's `where` names the gate.

    `files` are further attachments: they are read for personal values and secrets as the report's own are.
    """
    return [
        *_personal(report, files or {}),
        *_slots(report),
        *_sections(report),
        *_times(report),
        *gates_markup.problems(report.adf, report.wiki, report.html),
        *_lengths(report),
        *_links(report),
        *_causes(report),
    ]


def _personal(report: Report, files: Mapping[str, bytes]) -> Iterator[Problem]:
    texts = {"report": report.markdown, "title": report.title}
    attached = {**report.attachments, **files}
    texts |= {name: data.decode("utf-8", "replace") for name, data in attached.items() if name != "report.html" and b"\0" not in data}
    finder = redactor()
    for name, text in texts.items():
        found = sum(value in text for value in report.personal)
        if found:
            yield Problem(
                message=f"{found} name{'s' if found > 1 else ''} or address{'es' if found > 1 else ''} of the tickets' people in the {name}",
                where="G1",
                hint="a query or a template prints a column with people in it: leave it out",
            )
        kinds = _kinds(finder, text, code=name in files)
        if kinds:
            yield Problem(
                message=f"in the {name}: {', '.join(f'{number} {kind}' for kind, number in sorted(kinds.items()))}",
                where="G1",
                hint=f"see them: bridge redact --verbose < {name if name != 'title' else 'report'}; leave the column or the step out",
            )


def _kinds(finder: Redactor, text: str, *, code: bool) -> Counter[str]:
    """Count what no reader may get.

    A telephone counts in international form only: every value was searched for the others before it was
    printed, and figures side by side look like one. In code a secret has a digit and is no call: `password=PASSWORD`.
    """
    found: Counter[str] = Counter()
    for span in finder.spans(text):
        words = text[span.start : span.end]
        plain_number = span.kind == PHONE and not words.startswith(("+", "(+"))
        plain_name = code and span.kind == SECRET and ("(" in words or not any(char.isdigit() for char in words))
        if span.kind in _NEVER and not plain_number and not plain_name:
            found[span.kind] += 1
    return found


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


def _causes(report: Report) -> Iterator[Problem]:
    """Find sentences of ours that state a cause and cite no evidence; customers' words, log lines and quotes are exempt."""
    for block in report.document.children:
        if isinstance(block, CodeBlock):
            continue
        for words in _ours(block, report.quoted):
            for said in _SENTENCE.finditer(words):
                if _CAUSE.search(said[0]) and not _HEDGE.search(said[0]):
                    yield Problem(
                        message=f"a cause is stated as a fact: '{said[0].strip()[:120]}'",
                        where="G8",
                        hint="cite the evidence (E1), or say that it is a candidate",
                    )
