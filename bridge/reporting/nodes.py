"""The report as typed nodes: what every renderer reads and the only way text reaches a sink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right", "center", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words without meaning to any markup."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A literal inside a line."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A line break inside a paragraph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One of the report's own pictures."""

    source: str
    """Path relative to the report: pictures/timeline.svg."""
    alt: str
    """Text alternative with the same numbers."""
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strong:
    """Important words."""

    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emphasis:
    """Stressed words; alone in a paragraph before a table it is the table's caption."""

    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link whose address passed `bridge.reporting.links.allowed`."""

    url: str
    children: tuple[Inline, ...]


Inline = Text | Code | Break | Image | Strong | Emphasis | Link
Cell = tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading; level 1 is the title."""

    level: int
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Inline nodes."""

    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list, ordered when `start` is a number."""

    start: int | None
    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with one header row; every row has as many cells as the header."""

    align: tuple[Align, ...]
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """Literal lines, without the last newline."""

    text: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Quoted blocks."""

    children: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A horizontal line."""


Block = Heading | Paragraph | Bullets | Table | CodeBlock | Quote | Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report."""

    children: tuple[Block, ...]


def inlines(blocks: tuple[Block, ...]) -> Iterator[Inline]:
    """Yield every inline node below `blocks`, parents before children, in reading order."""
    for block in blocks:
        match block:
            case Heading(children=children) | Paragraph(children=children):
                yield from _below(children)
            case Bullets(items=items):
                for item in items:
                    yield from inlines(item)
            case Table(head=head, rows=rows):
                for row in (head, *rows):
                    for cell in row:
                        yield from _below(cell)
            case Quote(children=quoted):
                yield from inlines(quoted)
            case CodeBlock() | Rule():
                continue


def _below(children: tuple[Inline, ...]) -> Iterator[Inline]:
    for child in children:
        yield child
        if isinstance(child, Strong | Emphasis | Link):
            yield from _below(child.children)


def plain(children: tuple[Inline, ...]) -> str:
    """Return the words of inline nodes, a picture as its text alternative."""
    parts = []
    for child in children:
        match child:
            case Text(text=text) | Code(text=text):
                parts.append(text)
            case Break():
                parts.append(" ")
            case Image(alt=alt):
                parts.append(alt)
            case Strong(children=below) | Emphasis(children=below) | Link(children=below):
                parts.append(plain(below))
    return "".join(parts)


def body(document: Document) -> tuple[Block, ...]:
    """Return the blocks without the title: in a tracker it is the issue's summary."""
    return tuple(block for block in document.children if not (isinstance(block, Heading) and block.level == 1))


def sections(document: Document) -> list[tuple[Block, ...]]:
    """Return the body in parts that start at level 2 headings; what stands before the first is a part too."""
    parts: list[list[Block]] = [[]]
    for block in body(document):
        if isinstance(block, Heading) and block.level == 2 and parts[-1]:  # noqa: PLR2004  # sections start at level 2
            parts.append([])
        parts[-1].append(block)
    return [tuple(part) for part in parts]
