"""Nodes to Atlassian Document Format, as plain values; text only ever goes into text nodes.

Built to Atlassian's published schema (@atlaskit/adf-schema) and to what it lets pass but must not be
sent: no mention, no empty text, links only where the nodes already hold one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bridge.reporting import wiki
from bridge.reporting.nodes import (
    Block,
    Break,
    Bullets,
    Cell,
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
    body,
    plain,
    sections,
)

Node = dict[str, Any]
"""A JSON object: type, attrs, content, marks, text."""


def render(document: Document) -> Node:
    """Return the body as one `doc` node; the title (a level 1 heading) is the issue's summary and left out."""
    return _doc(_blocks(body(document)))


def fit(document: Document, limit: int = wiki.LIMIT) -> tuple[Node, bool]:
    """Return the document with at most `limit` UTF-16 units of text and whether sections were cut."""
    whole = render(document)
    if length(whole) <= limit:
        return whole, False
    note = _paragraph((Text(text=wiki.CUT_NOTE),))
    room = limit - length(note)
    kept: list[Node] = []
    for part in sections(document):
        longer = kept + _blocks(part)
        if sum(map(length, longer)) > room:
            break
        kept = longer
    return _doc([*kept, note]), True


def length(node: Node) -> int:
    """Count the text of a node as Java does, one more for each block."""
    return wiki.length(node.get("text", "")) + sum(1 + length(child) for child in node.get("content", ()))


def _doc(content: list[Node]) -> Node:
    return {"version": 1, "type": "doc", "content": content}


def _blocks(blocks: Iterable[Block], *, nested: bool = False) -> list[Node]:
    return [node for block in blocks for node in _block(block, nested=nested)]


def _block(block: Block, *, nested: bool) -> list[Node]:  # noqa: PLR0911  # one return for each kind of node
    """Return the nodes of a block; inside lists and quotes only what the schema allows there."""
    match block:
        case Heading(level=level, children=children):
            if nested:
                return [_paragraph((Strong(children=children),))]
            return [{"type": "heading", "attrs": {"level": level}, "content": _inlines(children)}]
        case Paragraph(children=children):
            return [_paragraph(children)]
        case Bullets():
            return [_list(block)]
        case Table():
            return [_paragraph(_joined(row)) for row in (block.head, *block.rows)] if nested else [_table(block)]
        case CodeBlock(text=text, language=language):
            node: Node = {"type": "codeBlock", "attrs": {"language": language} if language else {}}
            return [node | ({"content": [{"type": "text", "text": text}]} if text else {})]
        case Quote(children=children):
            inside = _blocks(children, nested=True)
            return inside if nested else [{"type": "blockquote", "content": inside or [_paragraph(())]}]
        case Rule():
            return [] if nested else [{"type": "rule"}]


def _list(block: Bullets) -> Node:
    items = []
    for item in block.items:
        content = _blocks(item, nested=True)
        if not content or content[0]["type"] not in {"paragraph", "codeBlock"}:
            content.insert(0, _paragraph(()))
        items.append({"type": "listItem", "content": content})
    if block.start is None:
        return {"type": "bulletList", "content": items}
    return {"type": "orderedList", "attrs": {"order": max(0, block.start)}, "content": items}


def _table(table: Table) -> Node:
    rows = [{"type": "tableRow", "content": [_cell("tableHeader", cell) for cell in table.head]}]
    rows += [{"type": "tableRow", "content": [_cell("tableCell", cell) for cell in row]} for row in table.rows]
    return {"type": "table", "content": rows}


def _cell(kind: str, cell: Cell) -> Node:
    return {"type": kind, "attrs": {}, "content": [_paragraph(cell)]}


def _joined(row: tuple[Cell, ...]) -> tuple[Inline, ...]:
    """Return a row as one line, for places where a table can't stand."""
    line: list[Inline] = []
    for index, cell in enumerate(row):
        line += [Text(text=" | ")] if index else []
        line += cell
    return tuple(line)


def _paragraph(children: Iterable[Inline]) -> Node:
    return {"type": "paragraph", "content": _inlines(children)}


def _inlines(children: Iterable[Inline], marks: tuple[Node, ...] = ()) -> list[Node]:
    nodes: list[Node] = []
    for child in children:
        match child:
            case Text(text=text):
                nodes += _text(text, marks)
            case Code(text=text):
                # The schema lets a code mark stand beside a link only.
                nodes += _text(text, (*(mark for mark in marks if mark["type"] == "link"), {"type": "code"}))
            case Break():
                nodes.append({"type": "hardBreak"})
            case Strong(children=below):
                nodes += _inlines(below, _with(marks, {"type": "strong"}))
            case Emphasis(children=below):
                nodes += _inlines(below, _with(marks, {"type": "em"}))
            case Link(url=url, children=below):
                link: Node = {"type": "link", "attrs": {"href": url}}
                nodes += _inlines(below, _with(marks, link)) if plain(below) else _text(url, _with(marks, link))
            case Image(source=source, alt=alt, caption=caption):
                nodes += _text(wiki.picture_words(source, alt, caption), marks)
    return nodes


def _with(marks: tuple[Node, ...], mark: Node) -> tuple[Node, ...]:
    return marks if any(known["type"] == mark["type"] for known in marks) else (*marks, mark)


def _text(text: str, marks: tuple[Node, ...]) -> list[Node]:
    if not text:
        return []
    node: Node = {"type": "text", "text": text}
    return [node | {"marks": list(marks)}] if marks else [node]
