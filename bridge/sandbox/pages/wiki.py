"""Jira wiki markup as HTML, for a browser.

The text is untrusted. Everything is escaped; tags come from this module only; links lead to http(s) addresses only,
pictures to attachments of the same issue only. What is not understood is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_FENCE = re.compile(r"^\{(code|noformat|panel|quote)(?::([^}]*))?\}\s*$")
_ONE_LINE_FENCE = re.compile(r"^\{(noformat|code)(?::[^}]*)?\}(.+)\{\1\}$")
_HEADING = re.compile(r"^h([1-6])\.\s+(.*)$")
_ITEM = re.compile(r"^\s*([*#-]+)\s+(.*)$")
_INLINE = re.compile(
    r"""(?P<escaped>\\[\\*_{}\[\]!|+^~?-])"""
    r"""|(?P<break>\\\\)"""
    r"""|\{\{(?P<mono>.+?)\}\}"""
    r"""|\{color(?::[^}]*)?\}"""
    r"""|!(?P<picture>[^!\s|][^!|\n]*)(?:\|[^!\n]*)?!"""
    r"""|\[(?:(?P<label>[^\]|\n]+)\|)?(?P<address>[^\]|\n]+)(?:\|[^\]\n]*)?\]"""
    r"""|(?P<bare>https?://[^\s<>"'|\]{}]+[^\s<>"'|\]{}.,;:!?)])"""
    r"""|(?<![\w*])\*(?P<strong>\S(?:[^*\n]*\S)?)\*(?![\w*])"""
    r"""|(?<![\w_])_(?P<em>\S(?:[^_\n]*\S)?)_(?![\w_])"""
    r"""|(?<![\w-])-(?P<strike>[^\s-](?:[^\n-]*[^\s-])?)-(?![\w-])"""
)
Pictures = Mapping[str, str]
"""Addresses of the issue's attachments by name."""


def render(text: str, pictures: Pictures) -> Markup:
    """Return wiki markup as safe HTML."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Markup("\n").join(_blocks(lines, pictures))


def _blocks(lines: list[str], pictures: Pictures) -> list[Markup]:
    out: list[Markup] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        fence = _FENCE.match(line)
        one = _ONE_LINE_FENCE.match(line)
        if one is not None:
            out.append(Markup("<pre>{}</pre>").format(one.group(2)))
            at += 1
        elif fence is not None:
            end = _closing(lines, at, fence.group(1))
            out.append(_fenced(fence.group(1), fence.group(2) or "", lines[at + 1 : end], pictures))
            at = end + 1
        else:
            used, block = _block(lines, at, pictures)
            if block:
                out.append(block)
            at += used
    return out


def _closing(lines: list[str], at: int, name: str) -> int:
    for number in range(at + 1, len(lines)):
        if lines[number].strip() == f"{{{name}}}":
            return number
    return len(lines)


def _fenced(name: str, parameters: str, inner: list[str], pictures: Pictures) -> Markup:
    if name in {"code", "noformat"}:
        return Markup("<pre>{}</pre>").format("\n".join(inner))
    body = Markup("\n").join(_blocks(inner, pictures))
    if name == "quote":
        return Markup("<blockquote>{}</blockquote>").format(body)
    title = re.search(r"title=([^|}]*)", parameters)
    head = Markup("<strong>{}</strong>").format(title.group(1)) if title else Markup()
    return Markup('<div class="panel">{}{}</div>').format(head, body)


def _block(lines: list[str], at: int, pictures: Pictures) -> tuple[int, Markup]:  # noqa: PLR0911  one return per kind of block
    line = lines[at]
    if not line.strip():
        return 1, Markup()
    heading = _HEADING.match(line)
    if heading is not None:
        level = min(6, int(heading.group(1)) + 1)
        return 1, Markup(f"<h{level}>{{}}</h{level}>").format(inline(heading.group(2), pictures))  # noqa: S704  level is a number
    if re.fullmatch(r"-{4,}\s*", line):
        return 1, Markup("<hr>")
    if line.startswith("bq. "):
        return 1, Markup("<blockquote><p>{}</p></blockquote>").format(inline(line[4:], pictures))
    if line.lstrip().startswith("|"):
        return _taken(lines, at, lambda text: text.lstrip().startswith("|"), lambda rows: _table(rows, pictures))
    if _ITEM.match(line):
        return _taken(lines, at, lambda text: _ITEM.match(text) is not None, lambda rows: _list(rows, pictures))
    return _taken(lines, at, _is_plain, lambda rows: _paragraph(rows, pictures))


def _taken(lines: list[str], at: int, belongs: Callable[[str], bool], build: Callable[[list[str]], Markup]) -> tuple[int, Markup]:
    end = at + 1
    while end < len(lines) and belongs(lines[end]):
        end += 1
    return end - at, build(lines[at:end])


def _is_plain(line: str) -> bool:
    starts = line.lstrip().startswith("|") or line.startswith("bq. ")
    shaped = (
        _HEADING.match(line) or _ITEM.match(line) or _FENCE.match(line) or _ONE_LINE_FENCE.match(line) or re.fullmatch(r"-{4,}\s*", line)
    )
    return bool(line.strip()) and not starts and not shaped


def _paragraph(rows: list[str], pictures: Pictures) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>\n").join(inline(row, pictures) for row in rows))


def _table(rows: list[str], pictures: Pictures) -> Markup:
    return Markup('<div class="wide"><table>{}</table></div>').format(Markup("").join(_row(row.strip(), pictures) for row in rows))


def _row(row: str, pictures: Pictures) -> Markup:
    cells = []
    for mark, text in _cells(row):
        tag = "th" if mark == "||" else "td"
        cells.append(Markup(f"<{tag}>{{}}</{tag}>").format(inline(text.strip(), pictures)))  # noqa: S704  th or td
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _cells(row: str) -> list[tuple[str, str]]:
    """Split a row at its bars, but not inside a link, a picture, monospace or after a backslash."""
    cells: list[tuple[str, str]] = []
    mark, text = "", ""
    pieces = re.findall(r"\\.|\{\{.*?\}\}|\[[^\]]*\]|![^!\s][^!]*!|\|\||\||.", row)
    for piece in pieces:
        if piece in {"|", "||"}:
            if mark:
                cells.append((mark, text))
            mark, text = piece, ""
        else:
            text += piece
    if mark and text.strip():
        cells.append((mark, text))
    return cells


def _list(rows: list[str], pictures: Pictures) -> Markup:
    out, open_tags = Markup(), ""
    for row in rows:
        found = _ITEM.match(row)
        marks, text = (found.group(1), found.group(2)) if found else ("*", row)
        shared = 0
        while shared < min(len(open_tags), len(marks)) and open_tags[shared] == marks[shared]:
            shared += 1
        for mark in reversed(open_tags[shared:]):
            out += Markup("</li></ol>") if mark == "#" else Markup("</li></ul>")
        if shared == len(marks):
            out += Markup("</li>")
        for mark in marks[shared:-1]:
            out += Markup("<ol><li>") if mark == "#" else Markup("<ul><li>")
        if shared < len(marks):
            out += Markup("<ol>") if marks[-1] == "#" else Markup("<ul>")
        out += Markup("<li>{}").format(inline(text, pictures))
        open_tags = marks
    for mark in reversed(open_tags):
        out += Markup("</li></ol>") if mark == "#" else Markup("</li></ul>")
    return out


def inline(text: str, pictures: Pictures) -> Markup:
    """Return one line with its marks, links and pictures."""
    out, at = Markup(), 0
    for match in _INLINE.finditer(text):
        out += escape(text[at : match.start()])
        out += _mark(match, pictures)
        at = match.end()
    return out + escape(text[at:])


def _mark(match: re.Match[str], pictures: Pictures) -> Markup:  # noqa: PLR0911  one return per kind of mark
    kind = match.lastgroup
    if match["break"]:
        return Markup("<br>")
    if match["escaped"]:
        return Markup("<br>") if match["escaped"] == "\\\\" else escape(match["escaped"][1:])
    if match["mono"]:
        return Markup("<code>{}</code>").format(_unescaped(match["mono"]))
    if match["picture"]:
        return _picture(match, pictures)
    if match["address"]:
        return _link(match)
    if match["bare"] and not is_web_address(match["bare"]):
        return escape(match["bare"])
    if match["bare"]:
        return Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(match["bare"])
    if kind in {"strong", "em", "strike"}:
        tag = {"strong": "strong", "em": "em", "strike": "s"}[kind]
        return Markup(f"<{tag}>{{}}</{tag}>").format(inline(match[kind], pictures))  # noqa: S704  one of three tags
    return Markup()


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\*_{}\[\]!|+^~?-])", r"\1", text)


def _picture(match: re.Match[str], pictures: Pictures) -> Markup:
    address = pictures.get(match["picture"].strip())
    if address is None:
        return escape(match.group())
    return Markup('<img src="{}" alt="{}">').format(address, match["picture"])


def _link(match: re.Match[str]) -> Markup:
    address, label = match["address"].strip(), match["label"]
    if not is_web_address(address):
        return escape(match.group())
    return Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(address, _unescaped(label or address))


def is_web_address(address: str) -> bool:
    """Tell whether an address is absolute and http or https, without anything a browser reads differently."""
    if not address.isprintable() or any(char.isspace() for char in address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
