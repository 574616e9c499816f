"""Texts on both of Jira's APIs: wiki strings on 2, Atlassian Document Format on 3; and what must never leave in one.

The published schema of the format lets pass links that run scripts, mentions, empty documents and any length, so
`problems` checks these beside the nesting. A document is built from typed data only, never parsed from a text.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
SCHEMES = ("https://", "http://", "mailto:")
"""http too: a site on one's own machine or network has no other address."""
TEXT_LIMIT = 32_767
_INLINE = frozenset({"text", "hardBreak", "emoji", "date", "status"})
_MARKS = frozenset({"strong", "em", "code", "link", "strike", "underline", "subsup", "textColor"})
_BLOCKS = frozenset({"paragraph", "heading", "bulletList", "orderedList", "codeBlock", "panel", "blockquote", "rule", "table", "expand"})
_INSIDE: dict[str, frozenset[str]] = {
    "doc": _BLOCKS,
    "paragraph": _INLINE,
    "heading": _INLINE,
    "codeBlock": frozenset({"text"}),
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"}),
    "panel": frozenset({"paragraph", "heading", "bulletList", "orderedList", "codeBlock", "rule"}),
    "blockquote": frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"}),
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableCell", "tableHeader"}),
    "tableCell": _BLOCKS - {"table", "expand"} | {"nestedExpand"},
    "tableHeader": _BLOCKS - {"table", "expand"} | {"nestedExpand"},
    "expand": _BLOCKS - {"expand"},
    "nestedExpand": frozenset({"paragraph", "heading", "codeBlock"}),
}


def document(text: str) -> Json:
    """Return plain text as a document: one paragraph a line, so that a marker keeps a line of its own."""
    lines = [line for line in text.splitlines() if line.strip()] or ["-"]
    return {"version": 1, "type": "doc", "content": [_paragraph(line) for line in lines]}


def _paragraph(line: str) -> Json:
    return {"type": "paragraph", "content": [{"type": "text", "text": line}]}


def plain(body: Any) -> str:
    """Return a description or comment as text, whichever API it came from."""
    if not isinstance(body, dict):
        return str(body or "")
    kind = body.get("type")
    if kind == "text":
        return str(body.get("text", ""))
    if kind == "hardBreak":
        return "\n"
    inner = "".join(plain(child) for child in body.get("content") or ())
    return inner + "\n" if kind in {"paragraph", "heading", "codeBlock", "rule"} else inner


def parsed(text: str) -> Json | None:
    """Return the document that a draft's description holds as JSON; None when it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("type") == "doc" else None


def problems(node: Any, parent: str = "") -> list[str]:
    """Return what must not be sent, in words; empty when the document is fine."""
    if not isinstance(node, dict):
        return [f"{type(node).__name__} where a node should be"]
    kind = str(node.get("type"))
    if not parent:
        if kind != "doc" or node.get("version") != 1:
            return ["not {version: 1, type: doc}"]
        length = len(plain(node).encode("utf-16-le", "surrogatepass")) // 2
        found = [f"{length:,} characters, Jira takes {TEXT_LIMIT:,}"] if length > TEXT_LIMIT else []
        return found + ([] if node.get("content") else ["the document is empty"]) + _inside(node, kind)
    if kind not in _INSIDE.get(parent, frozenset()):
        return [f"{kind} inside {parent}"]
    if kind == "text":
        return _text(node)
    return _inside(node, kind)


def _inside(node: Json, kind: str) -> list[str]:
    content = node.get("content", [])
    if not isinstance(content, list):
        return [f"content of {kind} is no list"]
    return [problem for child in content for problem in problems(child, kind)]


def _text(node: Json) -> list[str]:
    found = [] if isinstance(node.get("text"), str) and node["text"] else ["an empty text"]
    for mark in node.get("marks") or ():
        kind = mark.get("type") if isinstance(mark, dict) else mark
        if kind not in _MARKS:
            found.append(f"the mark {kind}")
        elif kind == "link":
            address = str((mark.get("attrs") or {}).get("href", ""))
            if not address.lower().startswith(SCHEMES):
                found.append(f"a link to {address[:40]!r}")
    return found
