"""Just enough of the Atlassian Document Format: is it one, how long is its text, and there and back from text."""

from __future__ import annotations

from typing import Any

from bridge.sandbox.calls import Json

_BLOCKS = frozenset(
    [
        "blockCard",
        "blockquote",
        "bodiedExtension",
        "bulletList",
        "codeBlock",
        "decisionList",
        "embedCard",
        "expand",
        "extension",
        "heading",
        "layoutSection",
        "mediaGroup",
        "mediaSingle",
        "multiBodiedExtension",
        "orderedList",
        "panel",
        "paragraph",
        "rule",
        "syncBlock",
        "bodiedSyncBlock",
        "table",
        "taskList",
    ]
)


def fault(value: Any) -> str | None:
    """Say what keeps a value from being an ADF document, None when nothing does. Shape only: no full schema check."""
    if not isinstance(value, dict):
        return "not an object"
    if value.get("type") != "doc" or value.get("version") != 1 or not isinstance(value.get("content"), list):
        return "not {version: 1, type: doc, content: [...]}"
    for block in value["content"]:
        if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
            return f"{_kind(block)} at top level"
        found = _inner_fault(block)
        if found is not None:
            return found
    return None


def _kind(node: Any) -> str:
    return str(node.get("type")) if isinstance(node, dict) else type(node).__name__


def _inner_fault(node: Json) -> str | None:
    if node.get("type") == "text" and (not isinstance(node.get("text"), str) or not node["text"]):
        return "an empty text node"
    content = node.get("content", [])
    if not isinstance(content, list):
        return f"content of {_kind(node)} is no array"
    for child in content:
        if not isinstance(child, dict) or not isinstance(child.get("type"), str):
            return f"{_kind(child)} inside {_kind(node)}"
        found = _inner_fault(child)
        if found is not None:
            return found
    return None


def text(node: Json) -> str:
    """Return the text of a document with a newline after each block: what search reads and the limit counts."""
    kind = node.get("type")
    if kind == "text":
        return str(node.get("text", ""))
    if kind == "hardBreak":
        return "\n"
    if kind in {"inlineCard", "blockCard", "embedCard"}:
        return str(node.get("attrs", {}).get("url", ""))
    inner = "".join(text(child) for child in node.get("content", []))
    return inner + "\n" if kind in {"paragraph", "heading", "codeBlock", "tableCell", "tableHeader"} else inner


def from_text(wiki: str) -> Json:
    """Return text as paragraphs: the v3 view of a description that came through v2."""
    paragraphs = [part for part in wiki.replace("\r\n", "\n").split("\n\n") if part.strip()]
    return {
        "version": 1,
        "type": "doc",
        "content": [{"type": "paragraph", "content": _lines(part)} for part in paragraphs],
    }


def _lines(paragraph: str) -> list[Json]:
    nodes: list[Json] = []
    for number, line in enumerate(paragraph.strip("\n").split("\n")):
        if number:
            nodes.append({"type": "hardBreak"})
        if line:
            nodes.append({"type": "text", "text": line})
    return nodes


def to_wiki(document: Json) -> str:
    """Return a document as wiki markup: headings, lists, code, tables and marks; the v2 view of a v3 description."""
    return "\n\n".join(part for part in (_block(node, "") for node in document.get("content", [])) if part)


def _block(node: Json, bullets: str) -> str:  # noqa: PLR0911  one return per kind of block
    kind = node.get("type")
    children = node.get("content", [])
    if kind == "heading":
        return f"h{node.get('attrs', {}).get('level', 1)}. {_inline(children)}"
    if kind == "codeBlock":
        return "{code}\n" + _inline(children) + "\n{code}"
    if kind in {"bulletList", "orderedList"}:
        deeper = bullets + ("*" if kind == "bulletList" else "#")
        return "\n".join(_item(item, deeper) for item in children)
    if kind == "table":
        return "\n".join(_row(row) for row in children)
    if kind == "rule":
        return "----"
    if kind in {"panel", "blockquote"}:
        fence = "{panel}" if kind == "panel" else "{quote}"
        return f"{fence}\n" + "\n\n".join(_block(child, "") for child in children) + f"\n{fence}"
    if kind in {"paragraph", "taskItem"}:
        return _inline(children)
    return "\n\n".join(_block(child, bullets) for child in children)


def _item(item: Json, bullets: str) -> str:
    lines = []
    for child in item.get("content", []):
        nested = child.get("type") in {"bulletList", "orderedList"}
        lines.append(_block(child, bullets) if nested else f"{bullets} {_block(child, '')}")
    return "\n".join(lines)


def _row(row: Json) -> str:
    cells = row.get("content", [])
    mark = "||" if cells and cells[0].get("type") == "tableHeader" else "|"
    return mark + mark.join(" ".join(_block(child, "") for child in cell.get("content", [])) or " " for cell in cells) + mark


_MARKS = {"strong": "*", "em": "_", "strike": "-", "code": ""}


def _inline(nodes: list[Json]) -> str:
    out = []
    for node in nodes:
        shown = text(node)
        for mark in node.get("marks", []):
            sign = _MARKS.get(mark.get("type"), "")
            if mark.get("type") == "link":
                shown = f"[{shown}|{mark.get('attrs', {}).get('href', '')}]"
            elif mark.get("type") == "code":
                shown = "{{" + shown + "}}"
            else:
                shown = f"{sign}{shown}{sign}"
        out.append(shown)
    return "".join(out)
