"""Gate G5: is each rendering what its format allows? Checked on the rendered text itself, not on the nodes it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, Final

from bridge.errors import Problem

_BLOCKS: Final = frozenset({"paragraph", "heading", "bulletList", "orderedList", "table", "codeBlock", "blockquote", "rule"})
_IN_ITEM: Final = frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"})
_IN_QUOTE: Final = frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"})
_INLINE: Final = frozenset({"text", "hardBreak"})
_CHILDREN: Final[Mapping[str, frozenset[str]]] = {
    "doc": _BLOCKS,
    "paragraph": _INLINE,
    "heading": _INLINE,
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": _IN_ITEM,
    "blockquote": _IN_QUOTE,
    "codeBlock": frozenset({"text"}),
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableHeader", "tableCell"}),
    "tableHeader": frozenset({"paragraph"}),
    "tableCell": frozenset({"paragraph"}),
    "text": frozenset(),
    "hardBreak": frozenset(),
    "rule": frozenset(),
}
"""What may stand in what: the part of Atlassian's schema that our reports use, and nothing else of it."""
_FILLED: Final = frozenset({"bulletList", "orderedList", "listItem", "blockquote", "table", "tableRow", "tableHeader", "tableCell"})
_MARKS: Final = frozenset({"strong", "em", "code", "link"})
_VOID: Final = frozenset({"meta", "hr", "br", "line", "rect", "path", "circle", "polyline", "use"})
_TAGS: Final = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "nav",
        "ul",
        "ol",
        "li",
        "a",
        "main",
        "section",
        "div",
        "p",
        "pre",
        "code",
        "strong",
        "em",
        "span",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "details",
        "summary",
        "blockquote",
        "footer",
        "svg",
        "g",
        "desc",
        "text",
        "tspan",
        "defs",
        "pattern",
        "clippath",
        "marker",
    ]
)
_FENCE: Final = re.compile(r"(?i)\{(code|noformat)(?::[a-z]+)?\}")
_MACRO: Final = re.compile(r"(?<![\\{])\{(?!code|noformat|quote|\*|_|\{)[a-zA-Z]")


def problems(adf: str, wiki: str, html: str) -> Iterator[Problem]:
    """Yield what is wrong with the three renderings that a machine reads."""
    for message in _adf(json.loads(adf)):
        yield Problem(message=f"ADF: {message}", where="G5", hint="this is a defect of bridge, please tell us")
    for message in _wiki(wiki):
        yield Problem(message=f"wiki markup: {message}", where="G5", hint="this is a defect of bridge, please tell us")
    for message in _html(html):
        yield Problem(message=f"HTML: {message}", where="G5", hint="this is a defect of bridge, please tell us")


def _adf(node: Mapping[str, Any], above: str = "") -> Iterator[str]:
    kind = str(node.get("type"))
    if kind not in _CHILDREN:
        yield f"unknown node '{kind}'"
        return
    if above and kind not in _CHILDREN[above]:
        yield f"{kind} in {above}"
    if kind == "doc" and node.get("version") != 1:
        yield "the version is not 1"
    if kind == "text" and not node.get("text"):
        yield "an empty text"
    if kind in _FILLED and not node.get("content"):
        yield f"an empty {kind}"
    marks = {str(mark.get("type")) for mark in node.get("marks", ())}
    if marks - _MARKS or ("code" in marks and marks - {"code", "link"}):
        yield f"marks {', '.join(sorted(marks))}"
    for child in node.get("content", ()):
        yield from _adf(child, kind)


def _wiki(text: str) -> Iterator[str]:
    """Read fences as Jira does: from one to the next of the same name; between them nothing else counts."""
    at = 0
    while opened := _FENCE.search(text, at):
        yield from (f"live '{found[0]}'" for found in _MACRO.finditer(text, at, opened.start()))
        closing = text.find("{" + opened[1].lower() + "}", opened.end())
        if closing < 0:
            yield f"{opened[0]} is not closed"
            return
        at = closing + len(opened[1]) + 2
    yield from (f"live '{found[0]}'" for found in _MACRO.finditer(text, at))


class _Page(HTMLParser):
    """Follows open elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what may not be there."""
        if tag not in _TAGS | _VOID:
            self.wrong.append(f"<{tag}>")
        self.wrong += [
            f"{name} on <{tag}>" for name, _ in attrs if name.startswith("on") or name in {"src", "srcdoc", "srcset", "formaction"}
        ]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read an element that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def _html(text: str) -> Iterator[str]:
    page = _Page()
    page.feed(text)
    page.close()
    yield from dict.fromkeys(page.wrong)
    yield from (f"<{tag}> is not closed" for tag in page.open)
