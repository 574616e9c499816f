r"""Nodes to Jira wiki markup. Every character of a text is escaped here, so nothing in the data becomes live.

Punctuation that starts markup gets a backslash, as Atlassian's notation guide describes. Where a backslash
means something else (a backslash itself, `h1.` and `bq.` at a line's start, `https:`) the character is
written as a numeric reference, which Jira shows as the character. Code blocks know no escape: a block that
would end early has its token broken visibly.
"""

from __future__ import annotations

import re

from bridge.reporting.charts import WIDTH
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

LIMIT = 32_767
"""Characters of a Jira description, counted in UTF-16 units as Java does."""
CUT_NOTE = "The rest does not fit here: the whole report is attached as report.html."

_PICTURE = re.compile(r"[a-z0-9_-]+\.png")
"""The names that bridge gives its pictures; only these are live."""

_ALWAYS = frozenset("{}[]|!^~#")
_BETWEEN_WORDS = frozenset("*_+-?")
"""Harmless between two letters or digits, markup everywhere else."""
_ISSUE_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-(?=\d)")
_LINE_START = re.compile(r"^\s*(?:h[1-6]|bq)\.")
_SCHEME = re.compile(r"(?i)(?<=[a-z0-9+.]):(?=//)|(?<=mailto):")
_EMOTICON = re.compile(r"[:;](?=-?[()PDp](?![A-Za-z0-9]))")
_ICON = re.compile(r"\((?=(?:[!?/xyni+*-]|on|off|\*[rgby]|flag|flagoff)\))")
_REFERENCE = re.compile(r"&(?=#?\w+;)")


def render(document: Document) -> str:
    """Return the body as wiki markup; the title (a level 1 heading) is the issue's summary and left out."""
    return "\n\n".join(_block(block) for block in body(document)) + "\n"


def fit(document: Document, limit: int = LIMIT) -> tuple[str, bool]:
    """Return the markup within `limit` UTF-16 units and whether sections were cut.

    Whole sections (level 2 headings) are kept from the start; a line then says where the rest is. A first
    section that is too long by itself is cut at a block, and at last inside a text.
    """
    whole = render(document)
    if length(whole) <= limit:
        return whole, False
    note = f"\n\n{escape(CUT_NOTE)}\n"
    room = limit - length(note)
    kept = ""
    for part in sections(document):
        text = "\n\n".join(_block(block) for block in part)
        longer = f"{kept}\n\n{text}" if kept else text
        if length(longer) > room:
            if not kept:
                kept = _fill(part, room)
            break
        kept = longer
    return kept + note, True


def length(text: str) -> int:
    """Count as Java does: a character beyond the basic plane is two."""
    return len(text) + sum(char > "\uffff" for char in text)


def _fill(blocks: tuple[Block, ...], room: int) -> str:
    kept = ""
    for block in blocks:
        longer = f"{kept}\n\n{_block(block)}" if kept else _block(block)
        if length(longer) > room:
            break
        kept = longer
    return kept or escape("The report begins with more text than fits here.")


def _block(block: Block, prefix: str = "") -> str:  # noqa: PLR0911  # one return for each kind of node
    match block:
        case Heading(level=level, children=children):
            return f"h{level}. {_line(children)}"
        case Paragraph(children=(Image(source=source) as image,)) if _PICTURE.fullmatch(_file(source)):
            return f"!{_file(source)}|width={WIDTH}!\n{_line((image,))}"
        case Paragraph(children=children):
            return _line(children)
        case Bullets():
            return _bullets(block, prefix)
        case Table(head=head, rows=rows):
            lines = ["||" + "||".join(_cell(cell) for cell in head) + "||"]
            return "\n".join(lines + ["|" + "|".join(_cell(cell) for cell in row) + "|" for row in rows])
        case CodeBlock():
            return _code_block(block)
        case Quote(children=children):
            return "{quote}\n" + "\n\n".join(_block(child) for child in children) + "\n{quote}"
        case Rule():
            return "----"


def _bullets(block: Bullets, prefix: str) -> str:
    marker = prefix + ("*" if block.start is None else "#")
    lines = []
    for item in block.items:
        first = True
        for child in item:
            if isinstance(child, Bullets):
                lines.append(_bullets(child, marker))
            elif first:
                lines.append(f"{marker} {_block(child)}")
            else:
                lines.append(_block(child))
            first = False
        if not item:
            lines.append(f"{marker} -")
    return "\n".join(lines)


def _code_block(block: CodeBlock) -> str:
    """Choose the fence that the text does not hold; when it holds both, one token gets a blank."""
    text = block.text
    if "{code" not in text.lower():
        language = f":{block.language}" if block.language in {"sql", "json", "python", "bash", "xml", "yaml"} else ""
        if language:
            return f"{{code{language}}}\n{text}\n{{code}}"
    if "{noformat" in text.lower():
        text = re.sub(r"(?i)\{(?=noformat)", "{ ", text)
    return f"{{noformat}}\n{text}\n{{noformat}}"


def _cell(cell: Cell) -> str:
    return _line(cell, table=True) or " "


def _line(children: tuple[Inline, ...], *, table: bool = False) -> str:
    parts: list[str] = []
    for index, child in enumerate(children):
        before = parts[-1][-1:] if parts and parts[-1] else ""
        after = plain(children[index + 1 : index + 2])[:1]
        parts.append(_inline(child, table=table, start=not parts or before == "\n", glued=before.isalnum() or after.isalnum()))
    return "".join(parts).strip(" ")


def _inline(child: Inline, *, table: bool, start: bool, glued: bool) -> str:  # noqa: PLR0911  # one return for each kind of node
    match child:
        case Text(text=text):
            return escape(text, line_start=start)
        case Code(text=text):
            inside = escape(text.strip())
            if not inside:
                return ""
            return f"{{{{{inside}}}}}"
        case Break():
            return " " if table else "\n"
        case Strong(children=below):
            return _marked("*", below, table=table, glued=glued)
        case Emphasis(children=below):
            return _marked("_", below, table=table, glued=glued)
        case Link(url=url, children=below):
            words = _line(below, table=table).replace("\n", " ")
            # `allowed` refuses bars and braces in an address; brackets would end the link.
            target = url.replace("[", "%5B").replace("]", "%5D")
            return f"[{words}|{target}]" if words else f"[{target}]"
        case Image(source=source, alt=alt, caption=caption):
            return escape(picture_words(source, alt, caption), line_start=start)


def _file(source: str) -> str:
    """Return the name of a picture's attachment: the tracker gets it as PNG."""
    return source.rsplit("/", 1)[-1].removesuffix(".svg") + ".png"


def picture_words(source: str, alt: str, caption: str) -> str:
    """Return what stands for a picture where it can't be shown: its attachment's name and the same numbers in words."""
    name = _file(source)
    return f"Picture {name} (attached): {caption}. {alt}" if caption else f"Picture {name} (attached): {alt}"


def _marked(mark: str, children: tuple[Inline, ...], *, table: bool, glued: bool) -> str:
    """Return bold or italic words; braces around the mark let it stand inside a word."""
    words = _line(children, table=table)
    if not words:
        return ""
    return f"{{{mark}}}{words}{{{mark}}}" if glued else f"{mark}{words}{mark}"


def escape(text: str, *, line_start: bool = False) -> str:
    """Return `text` as words: `{panel}`, `[~admin]`, `!x.png!`, issue keys, addresses and smileys stay text.

    One pass over the original: working on what is escaped already would break its references.
    """
    text = text.replace("\n", " ")
    referenced = {match.start() for pattern in (_REFERENCE, _SCHEME, _EMOTICON) for match in pattern.finditer(text)}
    slashed = {match.end() - 1 for match in _ISSUE_KEY.finditer(text)} | {match.start() for match in _ICON.finditer(text)}
    if line_start:
        referenced |= {match.end() - 1 for match in _LINE_START.finditer(text)}
    parts: list[str] = []
    for index, char in enumerate(text):
        if index in referenced:
            parts.append("&amp;" if char == "&" else f"&#{ord(char)};")
        elif index in slashed or (char in "()" and parts and parts[-1].startswith("&#")):
            # After a reference a bracket would make its semicolon a smiley.
            parts.append(f"\\{char}")
        else:
            parts.append(_char(text, index))
    return "".join(parts)


def _char(text: str, index: int) -> str:
    char = text[index]
    if char in _ALWAYS:
        return f"\\{char}"
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if char in _BETWEEN_WORDS:
        if char == "?" and "?" not in {before, after}:
            return char
        return char if _word(before) and _word(after) else f"\\{char}"
    if char == "\\":
        return char if _word(after) else "&#92;"
    return char


def _word(char: str) -> bool:
    return char.isalnum()
