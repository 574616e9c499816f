"""Nodes to one HTML file that anybody can open: no script, no address outside but the links a reader may follow."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from bridge.reporting import charts
from bridge.reporting.charts import Chart
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
    plain,
)
from bridge.reporting.style import STYLE
from bridge.text.terminal import visible

_UNIT = re.compile(r"(?<=\d) (?=%|UTC\b|M [A-Z]{3}\b|min\b|h\b|\d\d:\d\d)")
"""Blanks between a figure and its unit, a day and its time: a line must not end there."""
_HYPHENS = re.compile(r"(?<![\w-])\w{1,12}(?:-\w{1,12}){1,2}(?:\u00a0\d\d:\d\d(?::\d\d)?(?:\u00a0UTC)?)?(?![\w-])")
"""Days, ids and names with hyphens: a browser would end a line inside them."""


@dataclass(slots=True)
class _Page:
    """What is counted while one page is written."""

    charts: Mapping[str, Chart]
    ids: dict[str, int]
    pictures: int = 0
    excerpts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One level 2 heading and what follows it."""

    id: str
    title: str
    body: str


def render(document: Document, *, title: str, pictures: Mapping[str, Chart], made_by: str) -> str:
    """Return the page; `pictures` maps an image's source to its chart, drawn in place."""
    page = _Page(charts=pictures, ids={})
    lead: list[Block] = []
    rest: list[list[Block]] = []
    heading: tuple[Inline, ...] = (Text(text=title),)
    for block in document.children:
        if isinstance(block, Heading) and block.level == 1:
            heading = block.children
        elif isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004  # sections start at level 2
            rest.append([block])
        elif rest:
            rest[-1].append(block)
        else:
            lead.append(block)
    top = _blocks(tuple(lead), page)
    sections = [_section(tuple(blocks), page) for blocks in rest]
    contents = "".join(f'<li><a href="#{part.id}">{part.title}</a></li>' for part in sections)
    style = f"{STYLE}\n{charts.STYLE}\n"
    return _PAGE.format(
        title=_text(title),
        policy=_policy(style),
        style=style,
        heading=_line(heading),
        lead=f'<div class="lead">\n{top}\n</div>' if top else "",
        contents=f'<nav aria-label="Contents"><ul>{contents}</ul></nav>' if sections else "",
        sections="\n".join(f'<section aria-labelledby="{part.id}">\n{part.body}\n</section>' for part in sections),
        made_by=_text(made_by),
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{heading}</h1>
</header>
{contents}
<main>
{lead}
{sections}
</main>
<footer><p>{made_by}</p></footer>
</body>
</html>
"""


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _section(blocks: tuple[Block, ...], page: _Page) -> _Section:
    first = blocks[0]
    words = plain(first.children) if isinstance(first, Heading) else ""
    name = _id(words, page)
    inside = _line(first.children) if isinstance(first, Heading) else ""
    return _Section(id=name, title=_text(words), body=f'<h2 id="{name}">{inside}</h2>\n{_blocks(blocks[1:], page)}')


def _id(words: str, page: _Page) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40] or "section"
    page.ids[slug] = page.ids.get(slug, 0) + 1
    return f"s-{slug}" if page.ids[slug] == 1 else f"s-{slug}-{page.ids[slug]}"


def _blocks(blocks: tuple[Block, ...], page: _Page) -> str:
    parts: list[str] = []
    index = 0
    while index < len(blocks):
        block = blocks[index]
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        caption = _caption(block)
        if caption is not None and isinstance(following, Table):
            parts.append(_table(following, caption, page))
            index += 2
            continue
        parts.append(_block(block, page))
        index += 1
    return "\n".join(parts)


def _caption(block: Block) -> tuple[Inline, ...] | None:
    """Return the caption's words when the block is one emphasised line: it belongs to the table after it."""
    if isinstance(block, Paragraph) and len(block.children) == 1 and isinstance(block.children[0], Emphasis):
        return block.children[0].children
    return None


def _block(block: Block, page: _Page) -> str:  # noqa: PLR0911  # one return for each kind of node
    match block:
        case Heading(level=level, children=children):
            return f'<h{level} id="{_id(plain(children), page)}">{_line(children)}</h{level}>'
        case Paragraph(children=(Image() as image,)):
            return _figure(image, page)
        case Paragraph(children=children):
            return f"<p>{_line(children)}</p>"
        case Bullets(start=start, items=items):
            inside = "\n".join(f"<li>{_item(item, page)}</li>" for item in items)
            if start is None:
                return f"<ul>\n{inside}\n</ul>"
            return f"<ol>\n{inside}\n</ol>" if start == 1 else f'<ol start="{start}">\n{inside}\n</ol>'
        case Table():
            return _table(block, None, page)
        case CodeBlock(text=text, language=language):
            page.excerpts += 1
            label = f"{language} code ({page.excerpts})" if language else f"Excerpt ({page.excerpts})"
            return f'<pre tabindex="0" role="region" aria-label="{_text(label)}"><code>{_text(text, keep=chr(10) + chr(9))}</code></pre>'
        case Quote(children=children):
            return f"<blockquote>\n{_blocks(children, page)}\n</blockquote>"
        case Rule():
            return "<hr>"


def _item(item: tuple[Block, ...], page: _Page) -> str:
    """Write an item; a single paragraph stands without <p>."""
    if item and isinstance(item[0], Paragraph):
        return "\n".join(part for part in (_line(item[0].children), _blocks(item[1:], page)) if part)
    return _blocks(item, page)


def _figure(image: Image, page: _Page) -> str:
    chart = page.charts.get(image.source)
    if chart is None:
        return f"<p>{_text(image.alt)}</p>"
    page.pictures += 1
    words = f"<details><summary>The same in words</summary><p>{_text(image.alt)}</p></details>"
    return (
        f'<figure>\n<figcaption>{_text(image.caption or chart.caption)}</figcaption>\n<div class="scroll" tabindex="0" role="region" '
        f'aria-label="Picture: {_text(image.caption or chart.caption)}">{charts.inline(chart, page.pictures)}</div>\n{words}\n</figure>'
    )


def _table(table: Table, caption: tuple[Inline, ...] | None, page: _Page) -> str:
    label = plain(caption) if caption else "Table"
    head = "".join(_head(cell, side) for cell, side in zip(table.head, table.align, strict=True))
    rows = "\n".join(f"<tr>{_row(row, table)}</tr>" for row in table.rows)
    shown = f"<caption>{_line(caption)}</caption>" if caption else ""
    page.ids["table"] = page.ids.get("table", 0) + 1
    number = page.ids["table"]
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(label)} ({number})">\n<table>{shown}\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _head(cell: Cell, side: str) -> str:
    """Return a column's head; an empty one heads nothing."""
    words = _line(cell)
    return f'<th scope="col"{_side(side)}>{words}</th>' if words else "<td></td>"


def _row(row: tuple[Cell, ...], table: Table) -> str:
    first = f'<th scope="row"{_side(table.align[0])}>{_line(row[0])}</th>' if row else ""
    return first + "".join(f"<td{_side(side)}>{_line(cell)}</td>" for cell, side in zip(row[1:], table.align[1:], strict=True))


def _side(side: str) -> str:
    return f' class="{side}"' if side in {"right", "center"} else ""


def _line(children: tuple[Inline, ...]) -> str:
    parts = []
    for child in children:
        match child:
            case Text(text=text):
                parts.append(_together(_text(text)))
            case Code(text=text):
                parts.append(f"<code>{_text(text)}</code>")
            case Break():
                parts.append("<br>")
            case Strong(children=below):
                parts.append(f"<strong>{_line(below)}</strong>")
            case Emphasis(children=below):
                parts.append(f"<em>{_line(below)}</em>")
            case Link(url=url, children=below):
                parts.append(f'<a href="{escape(url)}" rel="noopener noreferrer">{_line(below) or escape(url)}</a>')
            case Image(alt=alt):
                parts.append(_text(alt))
    return "".join(parts)


def _together(escaped: str) -> str:
    return _HYPHENS.sub(r'<span class="n">\g<0></span>', _UNIT.sub("\u00a0", escaped))


def _text(text: str, keep: str = "") -> str:
    return escape(visible(text, keep=keep))
