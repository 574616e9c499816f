"""Nodes to Markdown: one spelling for each document, and no more backslashes than reading it back needs.

GitHub, GitLab and Linear look for mentions (`@name`), references (`#12`, `!12`, `%1`, `GH-12`) and bare addresses in the
finished page, where an escape is gone. So an invisible blank (`&#8203;`) parts what they look for; our parser drops it.
"""

from __future__ import annotations

import re

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
)

_ALWAYS = frozenset("\\`*[]|~")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_SCHEME = re.compile(r"(?i):(?=//)|(?:mailto|xmpp|tel):")
_WWW = re.compile(r"(?i)www\.")
_KEY = re.compile(r"(?i)gh-(?=\d)")
_APART = "&#8203;"
_BEFORE_WORD = frozenset("@~%")
_BEFORE_NUMBER = frozenset("#!$&")
_START = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
_BACKTICKS = re.compile(r"`+")
_EDGE = re.compile(r"^\s+|\s+$")


def render(document: Document) -> str:
    """Return the document as CommonMark with tables, ending in one newline."""
    return _blocks(document.children) + "\n"


def _blocks(blocks: tuple[Block, ...]) -> str:
    """Render blocks; of two lists in a row the second takes another marker, or they would read back as one."""
    parts: list[str] = []
    other = False
    previous: Block | None = None
    for block in blocks:
        same = isinstance(block, Bullets) and isinstance(previous, Bullets) and (block.start is None) == (previous.start is None)
        other = same and not other
        parts.append(_block(block, other=other))
        previous = block
    return "\n\n".join(parts)


def _block(block: Block, *, other: bool = False) -> str:  # noqa: PLR0911  # one return for each kind of node
    match block:
        case Heading(level=level, children=children):
            text = _line(children)
            return f"{'#' * level} {text[:-1]}\\#" if re.search(r"(^|[^\\])#$", text) else f"{'#' * level} {text}"
        case Paragraph(children=children):
            return "\\\n".join(_line(line) for line in _lines(children))
        case Bullets(start=start, items=items):
            return "\n".join(_item(item, start, index, other=other) for index, item in enumerate(items))
        case Table():
            return _table(block)
        case CodeBlock(text=text, language=language):
            fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
            return f"{fence}{language}\n{text}\n{fence}"
        case Quote(children=children):
            return "\n".join(f"> {line}".rstrip() for line in _blocks(children).split("\n"))
        case Rule():
            return "***"


def _item(item: tuple[Block, ...], start: int | None, index: int, *, other: bool) -> str:
    marker = ("* " if other else "- ") if start is None else f"{start + index}{')' if other else '.'} "
    lines = _blocks(item).split("\n")
    pad = " " * len(marker)
    return "\n".join((marker if number == 0 else pad if line else "") + line for number, line in enumerate(lines)).rstrip()


def _table(table: Table) -> str:
    marks = {"left": ":--", "right": "--:", "center": ":-:", "": "---"}
    rows = [_row(table.head), "| " + " | ".join(marks[align] for align in table.align) + " |"]
    return "\n".join(rows + [_row(row) for row in table.rows])


def _row(cells: tuple[Cell, ...]) -> str:
    return "| " + " | ".join(_line(cell, table=True) for cell in cells) + " |"


def _lines(children: tuple[Inline, ...]) -> list[tuple[Inline, ...]]:
    """Split a paragraph at its breaks."""
    lines: list[list[Inline]] = [[]]
    for child in children:
        if isinstance(child, Break):
            lines.append([])
        else:
            lines[-1].append(child)
    return [tuple(line) for line in lines]


def _line(children: tuple[Inline, ...], *, table: bool = False) -> str:
    """Return a whole line; blanks at its ends would be lost, so they are written as references."""
    text = _inline(children, table=table)
    if children and isinstance(children[0], Text):
        text = _line_start(text)
    return _EDGE.sub(lambda match: "".join(f"&#{ord(char)};" for char in match[0]), text)


def _line_start(text: str) -> str:
    """Escape what opens a block at the start of a line."""
    number = _START.match(text)
    if number:
        return f"{number[1]}\\{text[len(number[1]) :]}"
    return f"\\{text}" if text[:1] in {"#", "+", "-", ">", "=", ":"} else text


def _inline(children: tuple[Inline, ...], *, table: bool) -> str:
    parts = []
    for index, child in enumerate(children):
        match child:
            case Text(text=text):
                link_follows = index + 1 < len(children) and isinstance(children[index + 1], Link)
                parts.append(escape_text(text, link_follows=link_follows))
            case Code(text=text):
                apart = _APART if parts and parts[-1].endswith("`") else ""  # two spans side by side would read as one fence
                parts.append(apart + _span(text, table=table))
            case Break():
                parts.append(" ")
            case Strong(children=below):
                parts.append(f"**{_inline(below, table=table)}**")
            case Emphasis(children=below):
                parts.append(f"*{_inline(below, table=table)}*")
            case Link(url=url, children=below):
                parts.append(f"[{_inline(below, table=table)}]({_address(url)})")
            case Image(source=source, alt=alt, caption=caption):
                title = ' "' + escape_text(caption).replace('"', '\\"') + '"' if caption else ""
                parts.append(f"![{escape_text(alt)}]({_address(source)}{title})")
    return "".join(parts)


def _address(url: str) -> str:
    return "<" + re.sub(r"([<>\\])", r"\\\1", url) + ">" if re.search(r"[()\s<>\\&*_|]", url) else url


def _span(text: str, *, table: bool) -> str:
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    # A blank at both ends is taken off again when it is read; one end alone stays.
    both = text.startswith(" ") and text.endswith(" ") and text.strip(" ")
    pad = " " if text.startswith("`") or text.endswith("`") or both else ""
    span = f"{fence}{pad}{text}{pad}{fence}"
    return span.replace("|", "\\|") if table else span


def escape_text(text: str, *, link_follows: bool = False) -> str:
    """Return `text` so that CommonMark and its GitHub extensions read it back as words."""
    parts = []
    for index, char in enumerate(text):
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if char in _ALWAYS or (char == "_" and not (before.isalnum() and after.isalnum())):
            parts.append(f"\\{char}")
        elif char == "<" and (not after or after.isalpha() or after in "/!?"):
            parts.append("\\<")
        elif char == "!" and (after == "[" or (not after and link_follows)):
            parts.append("\\!")
        elif char in "\t\n\r":
            parts.append(f"&#{ord(char)};")
        else:
            parts.append(char)
        if (char in _BEFORE_WORD and after.isalnum()) or (char in _BEFORE_NUMBER and after.isdigit()):
            parts.append(_APART)
    escaped = _ENTITY.sub(_entity, "".join(parts))
    for found in (_SCHEME, _WWW, _KEY):
        escaped = found.sub(rf"\g<0>{_APART}", escaped)
    return escaped


def _entity(match: re.Match[str]) -> str:
    """Escape what reads as an entity, but not our own."""
    return match[0] if match.string.startswith(_APART, match.start()) else f"\\{match[0]}"
