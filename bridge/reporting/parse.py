"""Markdown (CommonMark and tables, no HTML) to typed nodes; links and pictures only where they are allowed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from bridge.reporting.links import allowed
from bridge.reporting.nodes import (
    Align,
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

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may be live in a document."""

    urls: AbstractSet[str] = frozenset()
    """Addresses of tickets and issues: linked even over plain http."""
    pictures: AbstractSet[str] = frozenset()
    """Sources of our own pictures; any other image becomes its text."""


class _Reader(MarkdownIt):
    """CommonMark where our own rule decides on links: a refused one must keep its words, not its brackets."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802  # the library's name and arguments
        """Let every address reach `allowed`."""
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802  # the library's name
        """Keep the address as it was written."""
        return url


@cache
def _parser() -> MarkdownIt:
    return _Reader("commonmark", {"html": False}).enable("table").disable(["html_block", "html_inline"])


def parse(markdown: str, live: Allowed | None = None) -> Document:
    """Return the document; what is not allowed to be live stays as words."""
    root = SyntaxTreeNode(_parser().parse(markdown))
    return Document(children=_blocks(root.children, live or Allowed()))


def _blocks(children: Iterable[SyntaxTreeNode], live: Allowed) -> tuple[Block, ...]:
    return tuple(_block(child, live) for child in children)


def _block(node: SyntaxTreeNode, live: Allowed) -> Block:  # noqa: PLR0911  # one return for each construct
    match node.type:
        case "heading":
            return Heading(level=int(node.tag[1:]), children=_line(node, live))
        case "paragraph":
            return Paragraph(children=_line(node, live))
        case "bullet_list" | "ordered_list":
            start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
            return Bullets(start=start, items=tuple(_blocks(item.children, live) for item in node.children))
        case "table":
            return _table(node, live)
        case "fence" | "code_block":
            return CodeBlock(text=node.content.removesuffix("\n"), language=node.info.strip() if node.type == "fence" else "")
        case "blockquote":
            return Quote(children=_blocks(node.children, live))
        case "hr":
            return Rule()
        case other:
            raise ValueError(f"Markdown construct '{other}' has no node")


def _table(node: SyntaxTreeNode, live: Allowed) -> Table:
    head_row = node.children[0].children[0]
    body = node.children[1].children if len(node.children) > 1 else []
    align = tuple(_align(str(cell.attrs.get("style", ""))) for cell in head_row.children)
    return Table(
        align=align,
        head=tuple(_line(cell, live) for cell in head_row.children),
        rows=tuple(tuple(_line(cell, live) for cell in row.children) for row in body),
    )


def _align(style: str) -> Align:
    value = style.partition("text-align:")[2]
    return cast("Align", value) if value in {"left", "right", "center"} else ""


def _line(node: SyntaxTreeNode, live: Allowed) -> Cell:
    """Return the inline nodes of a block that holds one line."""
    return merged(child for inline in node.children for child in _inlines(inline.children, live))


def _inlines(children: Iterable[SyntaxTreeNode], live: Allowed) -> Iterable[Inline]:
    for child in children:
        yield from _inline(child, live)


def _inline(node: SyntaxTreeNode, live: Allowed) -> Iterable[Inline]:  # noqa: PLR0912  # one branch for each construct
    match node.type:
        case "text" | "text_special":
            yield Text(text=node.content.replace("\u200b", ""))  # what `markdown` parts mentions with; values show theirs as an escape
        case "softbreak":
            yield Text(text=" ")
        case "hardbreak":
            yield Break()
        case "code_inline":
            yield Code(text=node.content)
        case "strong":
            yield Strong(children=merged(_inlines(node.children, live)))
        case "em":
            yield Emphasis(children=merged(_inlines(node.children, live)))
        case "link":
            url = str(node.attrs.get("href", ""))
            inside = merged(_inlines(node.children, live))
            if allowed(url, live.urls):
                yield Link(url=url, children=inside)
            else:
                yield from inside
                yield from (Text(text=" ("), Code(text=url), Text(text=")")) if url else ()
        case "image":
            source = str(node.attrs.get("src", ""))
            alt = node.content if not node.children else "".join(child.content for child in node.children)
            if source in live.pictures:
                yield Image(source=source, alt=alt, caption=str(node.attrs.get("title", "")))
            else:
                yield Text(text=alt)
        case other:
            raise ValueError(f"Markdown construct '{other}' has no node")


def merged(children: Iterable[Inline]) -> Cell:
    """Return the nodes with neighbouring texts joined and empty ones dropped."""
    joined: list[Inline] = []
    for child in children:
        if isinstance(child, Text):
            if not child.text:
                continue
            last = joined[-1] if joined else None
            if isinstance(last, Text):
                joined[-1] = Text(text=last.text + child.text)
                continue
        joined.append(child)
    return tuple(joined)
